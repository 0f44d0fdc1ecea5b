"""The page itself: facts and texts put into the template."""

import json
from collections.abc import Iterable
from functools import cache
from shlex import quote
from typing import TYPE_CHECKING, Any, cast

from etsledger.ledger.year_rows import AllocationRow
from etsledger.projections.explain_nodes import documents
from etsledger.projections.report.charts import MET, holdings_plot, ink, obligation_plot
from etsledger.projections.report.flows import day_of
from etsledger.projections.report.gather import Asked, Facts, gather
from etsledger.projections.report.messages import LANGUAGES, Lang, Words

if TYPE_CHECKING:
    from jinja2 import Template

_LINE = (
    "unit_id", "class", "emissions", "electricity_mwh", "benchmark", "factor", "electricity",
    "heat_gj", "heat_benchmark", "heat", "output_t", "intensity", "amount", "rule", "source",
)  # fmt: skip
_PROSE = {"unit_id", "class", "rule", "source"}
_ALWAYS = {"unit_id", "amount", "rule", "source"}
_MARKS = {"[ADOPTED]": "mark_adopted", "DRAFT": "mark_draft", "[unsourced]": "mark_unsourced"}


def render_report(asked: Asked, subject: str, registry: str | None, lang: str) -> str:
    """See ``Ledger.report``."""
    if lang not in LANGUAGES:
        raise ValueError(f"{lang!r} is no language of the report: {', '.join(LANGUAGES)}")
    return render(gather(asked, subject, registry), lang)


def render(facts: Facts, lang: Lang) -> str:
    """The HTML of the page; the same facts give the same bytes."""
    t = Words(lang)
    return _template().render(
        t=t,
        lang="zh-Hans" if lang == "zh" else "en",
        f=facts,
        tiles=list(_tiles(facts, t)),
        plot=_plot(facts, t),
        met=_met(facts, t),
        compliance=facts.compliance.rows,
        statuses=facts.compliance.by_status,
        holdings=facts.holdings.rows,
        totals=_totals(facts),
        allocations=[_allocation(row, t) for row in facts.allocations],
        cited=_cited(facts),
        marks=[key for mark, key in _MARKS.items() if mark in _all_sources(facts)],
        head=json.dumps(facts.head.as_dict()),
        again=_again(facts, lang),
    )


# -- words and numbers -------------------------------------------------------------------------


def _number(value: object) -> str:
    """Tonnes and other numbers with separators; decimals as they stand."""
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}".replace("-", "\u2212")
    whole, point, fraction = str(value).partition(".")
    return f"{int(whole):,}{point}{fraction}" if whole.isdigit() else str(value)


def _signed(value: int) -> str:
    return f"+{value:,}" if value > 0 else _number(value)


def _time(text: str | None) -> str:
    """An instant at +08:00 as people write it; the last one of a day as 24:00."""
    if not text:
        return ""
    if text[11:].startswith("23:59:59.999999"):
        return f"{text[:10]} 24:00"
    shown = text.removesuffix("+08:00").replace("T", " ")
    whole, point, fraction = shown.partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}{point}{fraction}" if fraction else whole.removesuffix(":00")


def _second(text: str) -> str:
    """An instant to the second, for the tables."""
    shown = _time(text)
    return shown[:19] if "." in shown else shown


def _seen(value: object) -> object:
    """Text of users without what cannot be seen; the template escapes what is left."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in value)
    return "" if value is None else value


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("etsledger.projections.report"), autoescape=True,
        trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, finalize=_seen,
    )  # fmt: skip
    filters = cast(dict[str, Any], environment.filters)  # pyright: ignore[reportUnknownMemberType]
    filters.update(n=_number, signed=_signed, when=_time, at=_second)
    return environment.get_template("page.html")


# -- the top -----------------------------------------------------------------------------------


def _tiles(facts: Facts, t: Words) -> Iterable[tuple[str, str, str]]:
    """(what, number, tone) of the key numbers."""
    if facts.entity is None:
        yield t("issued"), _number(sum(row["issued"] for row in facts.supply)), ""
        yield t("retired"), _number(sum(row["retired"] for row in facts.supply)), ""
        yield t("entities"), _number(facts.compliance.entities), ""
    else:
        yield t("held"), _number(facts.holdings.sums["quantity"]), ""
        yield t("available"), _number(facts.holdings.sums["available"]), ""
    owed = facts.compliance.latest
    if owed is None:
        return
    tone = "bad" if owed.outstanding else "good"
    yield t("obligation_of", year=owed.year), _number(owed.obligation), ""
    yield t("outstanding_of", year=owed.year), _number(owed.outstanding), tone
    if facts.entity is not None:
        yield t("status_of", year=owed.year), t.status(owed.status), _tone(owed.status)


def _tone(status: str) -> str:
    if status == "NON_COMPLIANT":
        return "bad"
    return "good" if status == "COMPLIANT" else ""


def _totals(facts: Facts) -> list[dict[str, Any]]:
    """The holdings by unit, where several accounts hold one."""
    held = facts.holdings
    return held.units if held.number > len(held.units) else []


# -- plots -------------------------------------------------------------------------------------


def _plot(facts: Facts, t: Words) -> dict[str, Any]:
    title = t("in_circulation" if facts.entity is None else "holdings_over_time")
    svg = holdings_plot(facts.plot, day_of(facts.as_of), title)
    return {"svg": _safe(svg), "legend": [(ink(i), unit) for i, unit in enumerate(facts.plot)]}


def _met(facts: Facts, t: Words) -> dict[str, Any]:
    years = facts.compliance.met
    ordered = sorted(years)
    used = [part for part in MET if any(years[year][part] for year in ordered)]
    names = {part: t(part) for part in MET}
    parts = {part: [years[year][part] for year in ordered] for part in used}
    svg = obligation_plot([str(year) for year in ordered], parts, names, t("how_met"))
    return {"svg": _safe(svg), "legend": [(MET[part], names[part]) for part in used]}


def _safe(svg: str) -> object:
    from markupsafe import Markup

    return Markup(svg)  # made by the plotting library, which escapes


# -- allocation --------------------------------------------------------------------------------


def _allocation(row: AllocationRow, t: Words) -> dict[str, Any]:
    columns = [
        name
        for name in _LINE
        if name in _ALWAYS or any(line.get(name) is not None for line in row["lines"])
    ]
    titles = [t("line" if name == "unit_id" else name) for name in columns]
    return {
        "row": row,
        "titles": list(zip(columns, titles, strict=True)),
        "prose": _PROSE,
        "lines": [[_cell(line, name, t) for name in columns] for line in row["lines"]],
        "steps": list(_steps(row, t)),
    }


def _cell(line: dict[str, Any], name: str, t: Words) -> str:
    value = line.get(name)
    if name == "factor" and line.get("factors"):
        parts = ", ".join(f"{part} {number}" for part, number in line["factors"].items())
        return f"{value} ({parts})"
    if name in _PROSE:
        return t.word(value) if name == "class" else str(value or "")
    return _number(value)


def _steps(row: AllocationRow, t: Words) -> Iterable[tuple[str, int | None, str]]:
    """(what, tonnes, remark) from the lines to what was handed out or recalled."""
    advance, rate = row["pre_allocation"] or {}, row["gap_rate"]
    if row["lines"]:
        yield t("step_subtotal"), row["subtotal"], ""
    if row["approved"] is not None:
        yield t("step_computed"), row["computed"], ""
        yield t("step_approved"), row["approved"], row["source"] or ""
    for one in row["adjustments"]:
        named = " ".join(filter(None, (one.get("rule"), one.get("unit_id"))))
        yield t("step_adjustment", rule=named), one["amount"], one.get("source") or ""
    if row["entitlement"] is None:
        yield t("step_entitlement"), None, row["reason"] or ""
        return
    gap = t("gap_is", rate=rate) if rate else ""
    yield "= " + t("step_entitlement"), row["entitlement"], gap or row["source"] or ""
    yield t("step_pre_allocated"), -row["pre_allocated"], advance.get("source") or ""
    if row["deductions"]:
        yield t("step_deductions"), -row["deductions"], ""
    for one in row["deduction_lines"]:
        said = t("step_deduction", deduction=one["deduction"], remaining=_number(one["remaining"]))
        yield said, None, one["reason"]
    difference = row["difference"]
    if difference is not None:
        moved = t("handed_out" if difference > 0 else "to_recall") if difference else ""
        yield "= " + t("step_difference"), difference, moved
    if row["recalled"] or row["recall_open"]:
        yield t("step_recalled"), row["recalled"], ""
        yield t("step_recall_open"), row["recall_open"], ""


def _all_sources(facts: Facts) -> str:
    parts = [
        str(one.get("source") or "")
        for row in facts.allocations
        for one in (*row["lines"], *row["adjustments"], row["pre_allocation"] or {}, row)
    ]
    return "; ".join(parts)


def _cited(facts: Facts) -> list[tuple[str, str]]:
    """The documents whose short names stand in the sources of the page."""
    return sorted(documents(_all_sources(facts), facts.sources).items())


# -- trust -------------------------------------------------------------------------------------


def _again(facts: Facts, lang: Lang) -> str:
    of = f" --registry {quote(facts.registry)}" if facts.entity is not None else ""
    return (
        f"etsledger report {quote(facts.subject)}{of} --as-of {facts.as_of} "
        f"--known-at @{facts.position} --lang {lang} --html report.html"
    )
