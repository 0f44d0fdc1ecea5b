"""What a replay and a what-if found, for people: a summary first, then tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from etsledger.cli.failures import one_line
from etsledger.cli.streams import Row, echo
from etsledger.cli.tables import print_rows, readable

if TYPE_CHECKING:
    from etsledger.ledger import Replay, WhatIf
    from etsledger.ledger.comparisons import Change

MOST: Final = 20
"""Rows of a table that people are shown; --format json has them all."""


def show(found: "WhatIf") -> None:
    """The answer to a what-if."""
    for line in _summary(found):
        echo(one_line(line))
    _table("left out", [_left_out(one) for one in found.left_out], ("id", "position", "with it"))
    _table(
        "sent besides",
        [{"id": one.id, "from": one.place, "outcome": one.outcome,
          "reason": _words(one.refusal)} for one in found.added],
        ("id", "from", "outcome", "reason"),
    )  # fmt: skip
    _table(
        "refused that were accepted",
        [{"position": one.position, "id": one.id,
          "because of": ", ".join(one.because_of), "reason": _words(one.refusal)}
         for one in found.refused],
        ("position", "id", "because of", "reason"),
    )  # fmt: skip
    _table(
        "accepted that were refused, for the reason given then (not in these books)",
        [{"after": one.after, "id": one.id, "accepted later": one.accepted_at,
          "reason": _words(one.refusal)} for one in found.accepted],
        ("after", "id", "accepted later", "reason"),
    )  # fmt: skip
    _table("entitlements (tonnes)", _amounts(found.entitlements, "entitlement"),
           ("entity", "year", "before", "after", "difference"))  # fmt: skip
    _table("statuses", _statuses(found.statuses), ("entity", "year", "was", "would be"))
    _table("balances (tonnes)", _amounts(found.balances, "quantity"),
           ("account", "unit", "before", "after", "difference"))  # fmt: skip


def _summary(found: "WhatIf") -> list[str]:
    counts = found.summary()
    under = ""
    if found.rulebook is not None:
        name, version = found.rulebook["name"], found.rulebook["version"]
        under = f" under {name} {version} in {found.registry}"
    lines = [f"{_count(counts['commands'], 'command')} decided again{under}"]
    if found.left_out:
        lines.append(f"{counts['left_out']:,} left out")
        lines.extend(
            f"  {', '.join(one.named)} is of the batch {one.id!r}, which is left out as a whole"
            for one in found.left_out
            if one.batch and one.named != (one.id,)
        )
    if found.added:
        refused = sum(1 for one in found.added if one.outcome == "refused")
        lines.append(f"{counts['added']:,} sent besides, {refused:,} of them refused")
    why = counts["consequences"]
    because = f", {why:,} because of what is not there any more" if why else ""
    were = "was" if counts["refused"] == 1 else "were"
    lines.append(f"{counts['refused']:,} refused that {were} accepted{because}")
    if found.attempts:
        tried = _count(counts["attempts"], "refused attempt")
        lines.append(f"{counts['accepted']:,} of {tried} would be accepted")
    lines.append(f"{counts['otherwise']:,} accepted with another result")
    differ, tonnes = _differ(counts["entitlements"]), counts["entitlement_tonnes"]
    in_all = f": {tonnes:+,} t in all" if found.entitlements else ""
    lines.append(f"{counts['entitlements']:,} of the entitlements {differ}{in_all}")
    lines.append(
        f"{counts['statuses']:,} of the statuses and {counts['balances']:,} of the balances "
        f"differ as of {_time(found.as_of)}"
    )
    if found.same_log:
        lines.append("the log would be the same, to its last hash")
    if found.kept is not None:
        lines.append(f"these books are kept in {found.kept}")
    return lines


def _time(instant: str) -> str:
    text = readable(instant)
    return f"the end of {text[:10]}" if text.endswith("23:59:59.999999") else text


def _differ(count: int) -> str:
    return "differs" if count == 1 else "differ"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _left_out(one: Any) -> Row:
    others = [name for name in one.batch if name not in one.named]
    return {"id": ", ".join(one.named), "position": one.position, "with it": ", ".join(others)}


def _words(refusal: dict[str, Any] | None) -> str:
    return "" if refusal is None else f"{refusal['code']}: {refusal['message']}"


def _amounts(changes: Sequence["Change"], field: str) -> list[Row]:
    rows: list[Row] = []
    for one in changes:
        if not one.has(field):
            continue
        before, after = one.of(one.before, field), one.of(one.after, field)
        if field == "quantity":  # no such row: nothing was ever there
            before, after = before or 0, after or 0
        difference = f"{(after or 0) - (before or 0):+,}"
        rows.append({**one.key, "before": before, "after": after, "difference": difference})
    return rows


def _statuses(changes: Sequence["Change"]) -> list[Row]:
    return [
        {**one.key, "was": one.of(one.before, "status"), "would be": one.of(one.after, "status")}
        for one in changes
    ]


def _table(title: str, rows: Sequence[Row], columns: Sequence[str]) -> None:
    if not rows:
        return
    if len({row.get("registry") for row in rows}) > 1:
        columns = ("registry", *columns)
    echo(f"\n{title}")
    print_rows(rows[:MOST], columns, "")
    if len(rows) > MOST:
        echo(f"… and {len(rows) - MOST:,} more (--format json has them all)")


def show_replay(found: "Replay") -> None:
    """Whether the log alone makes what the tables say."""
    counted = ", ".join(f"{count:,} {name}" for name, count in found.compared.items())
    echo(f"made again from the log up to position {found.position}, hash {found.hash}")
    echo(f"compared as of {_time(found.as_of)}: {counted}")
    rows = [
        {
            "table": one.table,
            "row": " ".join(str(value) for value in one.key.values()),
            "the log makes": _side(one.log),
            "the tables say": one.message or _side(one.projection),
        }
        for one in found.differences
    ]
    if rows:
        _table(f"{_count(len(rows), 'difference')}", rows,
               ("table", "row", "the log makes", "the tables say"))  # fmt: skip
        echo("'etsledger rebuild' makes the tables again from the log")
    else:
        echo("nothing differs")


def _side(fields: dict[str, Any] | None) -> str:
    if fields is None:
        return "no such row"
    return ", ".join(f"{name} {value}" for name, value in fields.items())
