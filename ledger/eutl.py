"""EUTL: the European Union Transaction Log's transaction table as commands of this ledger.

Rows are read in the order (date, transactionID, id); one transactionID becomes one batch,
all or nothing. Both type codes together are the key of what a row means. The table is
one-sided: where its running sum, row by row, takes an account below zero, an
``opening_balance`` of exactly that depth stands before the first row. Rows are never
compared by content: equal rows are several facts. Times without an offset are UTC.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

from etsledger.domain.commands import MAX_TONNES
from etsledger.domain.events import CANCELLED, RETIRED
from etsledger.domain.times import normalise
from etsledger.ledger.errors import LedgerError

REGISTRY: Final = "eu-ets"
"""The registry of the commands unless another is named."""

COLUMNS: Final = (
    "id",
    "transactionID",
    "date",
    "transactionTypeMain_id",
    "transactionTypeSupplementary_id",
    "transferringAccount_id",
    "acquiringAccount_id",
    "unitType_id",
    "project_id",
    "amount",
)
"""The columns that are read; others are let be."""


class _Meaning(NamedTuple):
    """What a pair of type codes does here; ``target`` None is the acquiring account."""

    command: str
    label: str
    target: str | None = None


MEANINGS: Final[dict[tuple[str, str], _Meaning]] = {
    ("10", "52"): _Meaning("issue", "issue 2008-12"),
    ("10", "53"): _Meaning("transfer", "allocation"),
    ("10", "55"): _Meaning("transfer", "correction of allowances"),
    ("10", "0"): _Meaning("transfer", "internal transfer"),
    ("10", "2"): _Meaning("transfer", "surrender", RETIRED),
    ("4", "3"): _Meaning("transfer", "retirement 2005-07", RETIRED),
    ("5", "1"): _Meaning("transfer", "retirement", RETIRED),
    ("10", "1"): _Meaning("cancel", "cancellation 2005-07", CANCELLED),
    ("10", "41"): _Meaning("cancel", "cancellation and replacement", CANCELLED),
}
"""(main type, supplementary type) to what becomes of the row."""

_ALLOWANCE: Final = re.compile(r"EUA_?([0-9]{4})")
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_WHOLE: Final = re.compile(r"[0-9]{1,18}(\.0)?")
_TRANSACTION: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class ConversionRefused(LedgerError):
    """The table cannot be turned into commands; the message names line, column and reason."""

    exit_code = 1


class _Row(NamedTuple):
    """One row of the table; the first three fields are the order."""

    at: datetime
    transaction: str
    id: int
    line: int
    meaning: _Meaning
    code: str
    source: str
    target: str
    unit: str
    tonnes: int


def commands(table: Iterable[bytes], *, registry: str = REGISTRY) -> Iterator[dict[str, Any]]:
    """The commands of a transaction table (its lines in UTF-8), in the order to apply them.

    The registry (rulebook ``open``), its accounts and the opening balances take effect with
    the first row. The whole table is read, and refused, before the first command is given.
    Raises ConversionRefused.
    """
    rows = sorted(_rows(table))
    _one_instant_each(rows)
    yield from _openings(rows, registry)
    for transaction, parts in groupby(rows, key=lambda row: row.transaction):
        children = list(parts)
        yield {
            "command": "batch",
            "id": transaction,
            "registry": registry,
            "effective_at": _text(children[0].at),
            "reference": f"EUTL transaction {transaction}",
            "commands": [_movement(row) for row in children],
        }


def _openings(rows: list[_Row], registry: str) -> Iterator[dict[str, Any]]:
    common = {"registry": registry, "effective_at": _text(rows[0].at)}
    yield {"command": "open_registry", "id": f"registry/{registry}", **common, "rulebook": "open"}
    accounts = {row.source for row in rows} | {row.target for row in rows}
    for account in sorted(accounts, key=int):
        yield {
            "command": "open_account",
            "id": f"account/{account}",
            **common,
            "account": account,
            "kind": "institution",
        }
    for (account, unit), depth in sorted(_depths(rows).items(), key=_by_number):
        yield {
            "command": "opening_balance",
            "id": f"opening/{account}/{unit}",
            **common,
            "account": account,
            "unit": unit,
            "quantity": depth,
            "reason": "opening balance: the table is one-sided and takes this account below zero "
            "by exactly this much",
        }


def _by_number(item: tuple[tuple[str, str], int]) -> tuple[int, str]:
    (account, unit), _ = item
    return int(account), unit


def _depths(rows: list[_Row]) -> dict[tuple[str, str], int]:
    """How far below zero the running sum of each account and unit goes, row by row."""
    held: dict[tuple[str, str], int] = {}
    depths: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.meaning.command != "issue":
            key = (row.source, row.unit)
            held[key] = held.get(key, 0) - row.tonnes
            if -held[key] > depths.get(key, 0):
                depths[key] = -held[key]
        if row.meaning.target is None:
            key = (row.target, row.unit)
            held[key] = held.get(key, 0) + row.tonnes
    return depths


def _movement(row: _Row) -> dict[str, Any]:
    """The command of a row; what it takes over from the batch is not repeated."""
    found: dict[str, Any] = {
        "command": row.meaning.command,
        "id": f"{row.transaction}/{row.id}",
        "unit": row.unit,
        "quantity": row.tonnes,
        "reason": f"EUTL {row.code} {row.meaning.label}",
    }
    match row.meaning.command:
        case "issue":
            found["to"] = row.target
        case "cancel":
            found["account"] = row.source
        case _:
            found["from"] = row.source
            found["to"] = row.meaning.target or row.target
            found["kind"] = "free"
    if row.meaning.target is not None:
        found["reference"] = f"EUTL acquiring account {row.target}"
    return found


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _one_instant_each(rows: list[_Row]) -> None:
    first: dict[str, _Row] = {}
    for row in rows:
        other = first.setdefault(row.transaction, row)
        if other.at != row.at:
            raise _bad(
                row.line, "date",
                f"transaction {row.transaction} has rows at {_text(other.at)} (line {other.line}) "
                f"and at {_text(row.at)}; one transaction is one all-or-nothing write",
            )  # fmt: skip


# -- reading ---------------------------------------------------------------------------------


def _bad(line: int, column: str, reason: str) -> ConversionRefused:
    return ConversionRefused(f"line {line}, column {column}: {reason}")


def _rows(table: Iterable[bytes]) -> Iterator[_Row]:
    reader = csv.reader(_decoded(table), strict=True)
    names: list[str] = []
    seen: dict[str, int] = {}
    try:
        for fields in reader:
            line = reader.line_num
            if not names:
                names = _header(fields, line)
                continue
            if not fields:
                continue
            if len(fields) != len(names):
                raise ConversionRefused(
                    f"line {line}: {len(fields)} fields where the header has {len(names)} columns"
                )
            row = _row(dict(zip(names, fields, strict=True)), line)
            other = seen.setdefault(str(row.id), line)
            if other != line:
                raise _bad(line, "id", f"{row.id} is the id of line {other} already")
            yield row
    except csv.Error as error:
        raise ConversionRefused(f"line {reader.line_num}: this is no CSV: {error}") from None
    if not seen:
        raise ConversionRefused("the table holds no transactions: it is empty")


def _decoded(table: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(table, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ConversionRefused(
                f"line {number}: the line is not UTF-8 (byte {error.start})"
            ) from None


def _header(fields: list[str], line: int) -> list[str]:
    missing = [name for name in COLUMNS if name not in fields]
    if missing:
        raise _bad(
            line, missing[0],
            f"the column is missing from the header ({', '.join(fields)[:200]}); an EUTL "
            f"transaction table has {', '.join(COLUMNS)}",
        )  # fmt: skip
    twice = next((name for name in COLUMNS if fields.count(name) > 1), None)
    if twice is not None:
        raise _bad(line, twice, "the column stands twice in the header")
    return fields


def _row(fields: dict[str, str], line: int) -> _Row:
    pair = (fields["transactionTypeMain_id"], fields["transactionTypeSupplementary_id"])
    code = "-".join(pair)
    meaning = MEANINGS.get(pair)
    if meaning is None:
        raise _bad(
            line, "transactionTypeMain_id, transactionTypeSupplementary_id",
            f"the pair {code!r} is not known; known are "
            + ", ".join("-".join(known) for known in MEANINGS),
        )  # fmt: skip
    transaction = fields["transactionID"]
    if not _TRANSACTION.fullmatch(transaction):
        raise _bad(line, "transactionID", f"{transaction[:80]!r} is no transaction id")
    source = _account(fields, "transferringAccount_id", line)
    target = _account(fields, "acquiringAccount_id", line)
    if source == target and meaning.command == "transfer" and meaning.target is None:
        raise _bad(
            line, "acquiringAccount_id",
            f"the {meaning.label} goes from account {source} to itself",
        )  # fmt: skip
    return _Row(
        at=_instant(fields["date"], line),
        transaction=transaction,
        id=_whole(fields, "id", line),
        line=line,
        meaning=meaning,
        code=code,
        source=source,
        target=target,
        unit=_unit(fields, line),
        tonnes=_tonnes(fields["amount"], line),
    )


def _instant(text: str, line: int) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        return normalise(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise _bad(
            line, "date",
            f"{text[:40]!r} is no time such as 2006-01-20 07:01:15.731 (UTC) of 1900 to 2199",
        ) from None  # fmt: skip


def _tonnes(text: str, line: int) -> int:
    if not (_DIGITS.fullmatch(text) and 0 < int(text) <= MAX_TONNES):
        raise _bad(
            line, "amount",
            f"{text[:40]!r} is not a whole number of tonnes from 1 to {MAX_TONNES}",
        )  # fmt: skip
    return int(text)


def _whole(fields: dict[str, str], column: str, line: int) -> int:
    """A number that the table may have stored as a float."""
    text = fields[column]
    if not _WHOLE.fullmatch(text):
        raise _bad(line, column, f"{text[:40]!r} is not a whole number")
    return int(text.removesuffix(".0"))


def _account(fields: dict[str, str], column: str, line: int) -> str:
    return str(_whole(fields, column, line))


def _unit(fields: dict[str, str], line: int) -> str:
    name, project = fields["unitType_id"], fields["project_id"]
    if name in ("CER", "ERU"):
        return f"{name}:{_whole(fields, 'project_id', line)}" if project else name
    if project:
        raise _bad(line, "project_id", f"{project[:40]!r}: {name[:40]!r} belongs to no project")
    if name == "AAU":
        return name
    vintage = _ALLOWANCE.fullmatch(name)
    if vintage is None:
        raise _bad(
            line, "unitType_id",
            f"{name[:40]!r} is not known; known are EUA2005, EUA_2008 …, CER, ERU and AAU",
        )  # fmt: skip
    return f"EUA:{vintage[1]}"
