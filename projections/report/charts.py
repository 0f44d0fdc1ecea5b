"""The plots of the page, as inline SVG without a script, the same bytes every time."""

import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from importlib import import_module
from typing import Any, Final

from etsledger.projections.report.flows import Series

INKS: Final = (
    "#1f5f8b", "#e08a1e", "#3a8f5c", "#8a4f9e", "#b5473c", "#4c6a78", "#a98b2d", "#5d7fd1",
    "#7a9a3a", "#c06c84",
)  # fmt: skip
"""The colours of units, oldest vintage first; told apart on paper too by the legend's order."""
MET: Final = {
    "surrendered": "#3a8f5c",
    "offsets": "#5d7fd1",
    "green_power": "#8fb84e",
    "pending": "#e0a83e",
    "open": "#c0392b",
}
"""How an obligation was met, from the bottom of a bar."""
_EPOCH: Final = date(1970, 1, 1)
_WIDE, _HIGH = 900, 300


def ink(number: int) -> str:
    """The colour of the n-th unit."""
    return INKS[number % len(INKS)]


def holdings_plot(series: Series, until: int, title: str) -> str:
    """Steps of holdings by unit up to a day; empty when there is nothing to plot."""
    if not series:
        return ""
    first = min(points[0][0] for points in series.values())
    last = max(until, first + 1, *(points[-1][0] for points in series.values()))
    chart = _library().XY(
        **_common([ink(number) for number in range(len(series))]),
        show_dots=False, stroke_style={"width": 2}, xrange=(first, last), include_x_axis=True,
        x_value_formatter=_day,
    )  # fmt: skip
    chart.x_labels = [{"value": day, "label": _day(day)} for day in _ticks(first, last)]
    for unit, points in series.items():
        steps: list[tuple[int, int]] = [(points[0][0], 0)]
        for day, tonnes in points:
            steps += [(day, steps[-1][1]), (day, tonnes)]
        chart.add(unit, [*steps, (last, steps[-1][1])])
    return _svg(chart, "holdings", title, _WIDE)


def obligation_plot(
    years: Sequence[str], parts: Mapping[str, Sequence[int]], names: dict[str, str], title: str
) -> str:
    """A bar a year: what met the obligation and what is open; empty without a year."""
    if not years:
        return ""
    wide = min(_WIDE, 220 + 130 * len(years))
    chart = _library().StackedBar(**{**_common([MET[part] for part in parts]), "width": wide})
    chart.x_labels = list(years)
    for part, tonnes in parts.items():
        chart.add(names[part], list(tonnes))
    return _svg(chart, "obligation", title, wide)


def _library() -> Any:
    """Loaded for a page only; it has no types."""
    before = list(sys.meta_path)
    library = import_module("pygal")
    import_module("pygal.style")
    # Its hook for plugins, which this page has none of, makes every later import warn.
    sys.meta_path[:] = [one for one in sys.meta_path if one in before or "pygal" not in
                        type(one).__module__]  # fmt: skip
    return library


def _common(colors: Sequence[str]) -> dict[str, Any]:
    family = "inherit"
    style = _library().style.Style(
        background="transparent", plot_background="transparent", colors=tuple(colors),
        foreground="#38474f", foreground_strong="#1d2b32", foreground_subtle="#9aa7ad",
        guide_stroke_color="#d5dcdf", major_guide_stroke_color="#b9c4c9",
        guide_stroke_dasharray="2,3", major_guide_stroke_dasharray="2,3", opacity="1",
        stroke_opacity="1", opacity_hover="1", font_family=family, label_font_family=family,
        major_label_font_family=family, label_font_size=12, major_label_font_size=12,
        transition="0s",
    )  # fmt: skip
    return {
        "style": style, "width": _WIDE, "height": _HIGH, "show_legend": False, "js": (),
        "margin": 6, "value_formatter": _tonnes, "y_labels_major_count": 0, "spacing": 8,
        "max_scale": 8, "min_scale": 3, "show_minor_x_labels": True,
    }  # fmt: skip


def _tonnes(value: float) -> str:
    return f"{round(value):,}"


def _day(number: float) -> str:
    return (_EPOCH + timedelta(days=round(number))).isoformat()


def _ticks(first: int, last: int) -> list[int]:
    """First days of years, or of quarters or months where the time is short."""
    begin, end = (_EPOCH + timedelta(days=day) for day in (first, last))
    for months in (1, 3, 6, 12, 24, 60, 120):
        days = [
            date(month // 12, month % 12 + 1, 1)
            for month in range(begin.year * 12 + begin.month - 1, end.year * 12 + end.month + 1)
            if month % months == 0
        ]
        inside = [day for day in days if begin <= day <= end]
        if len(inside) <= 8:
            return [(day - _EPOCH).days for day in inside] or [first, last]
    return [first, last]


def _svg(chart: Any, name: str, title: str, wide: int) -> str:
    """The drawing as an element of the page: no script, no comment with today's date."""
    from xml.etree import ElementTree as ET

    chart.uuid = f"plot-{name}"
    chart.title = None
    trees = import_module("pygal.etree").etree
    with_lxml: bool = trees.lxml
    trees.to_etree()  # where lxml is installed it would write other bytes
    try:
        root = chart.render_tree()
    finally:
        if with_lxml:
            trees.to_lxml()
    _strip(root)
    root.set("role", "img")
    root.set("style", f"width:{100 * wide // _WIDE}%")
    root.set("aria-label", title)
    text: str = ET.tostring(root, encoding="unicode")
    return text


def _strip(element: Any) -> None:
    previous = None
    for child in list(element):
        tag = child.tag if isinstance(child.tag, str) else ""
        if not tag or tag.rpartition("}")[2] in ("script", "title", "desc"):
            # What stands behind an element belongs to what is before it.
            if child.tail and child.tail.strip():
                if previous is None:
                    element.text = (element.text or "") + child.tail
                else:
                    previous.tail = (previous.tail or "") + child.tail
            element.remove(child)
        else:
            _strip(child)
            previous = child
