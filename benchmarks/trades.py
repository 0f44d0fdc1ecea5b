"""A hundred thousand trades of three years, and what an independent computation makes of them.

``python benchmarks/trades.py --events 100000`` settles seeded trades among 2,096 entities
under ``cn-national``, every twentieth back-dated, and asks for volumes, values, average prices,
net sales and carry-over caps. DuckDB computes the same from the exported log alone; any
difference ends the run with 1. A trade is timed beside a plain transfer of the same units
between the same accounts, a stretch of each in turns.
"""

import json
import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Final

import duckdb
from common import Line, Options, alternate, duration, options, report, turns

from etsledger.domain.catalogue import apply
from etsledger.domain.state import Scribe, State
from etsledger.domain.times import SHANGHAI
from etsledger.domain.trading import net_sales
from etsledger.ledger import Ledger
from etsledger.ledger.record import read
from etsledger.projections.instants import viewpoint
from etsledger.projections.market import net_sales_as_of

REGISTRY: Final = "cn-national"
ENTITIES: Final = 2096
UNITS: Final = ("CEA:2021", "CEA:2022", "CEA:2023", "CEA:2024")
FIRST, LAST = date(2023, 1, 3), date(2025, 12, 31)
WINDOW: Final = ("2024-01-01", "2025-12-31")
OPENING: Final = 50_000_000
"""Tonnes of each unit that every entity begins with: no trade of this history runs short."""
BATCH: Final = 5_000
"""Trades that are timed together."""
BACK_DATED: Final = 20
"""Every so many trades one is settled a hundred trades late."""

Command = dict[str, Any]


def clock() -> datetime:
    """A clock that stands after the last trade."""
    return datetime(2026, 1, 5, 9, tzinfo=SHANGHAI)


def opening() -> Iterator[Command]:
    """The registry, who takes part, and what everyone begins with: issued and released."""
    since = {"effective_at": "2022-12-01"}
    yield {"command": "open_registry", "id": "open", "rulebook": REGISTRY, **since}
    for unit in UNITS:
        total = OPENING * ENTITIES
        yield {
            "command": "issue", "id": f"issue/{unit}", "unit": unit, "quantity": total, **since
        }  # fmt: skip
    for number in range(ENTITIES):
        name = f"p{number:04}"
        yield {
            "command": "register_entity", "id": f"register/{name}", "entity": name, "name": name,
            "sector": "power", **since,
        }  # fmt: skip
        yield {
            "command": "open_account", "id": f"open/{name}", "account": f"{name}-1",
            "kind": "entity", "entity": name, **since,
        }  # fmt: skip
        for unit in UNITS:
            yield {
                "command": "transfer", "id": f"release/{name}/{unit}", "kind": "release",
                "unit": unit, "quantity": OPENING, "from": "authority", "to": f"{name}-1", **since,
            }  # fmt: skip


class Market:
    """Prices and trades by seed; integers only: tonnes and fen."""

    def __init__(self, seed: int, count: int) -> None:
        self._random = random.Random(seed)
        self._days = [
            day
            for day in (FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1))
            if day.weekday() < 5
        ]
        self.market_days: list[Command] = []
        self.trades = self._late(list(self._all(count)))

    def _all(self, count: int) -> Iterator[Command]:
        close = dict.fromkeys(UNITS, 6_000)
        for unit in UNITS:
            self._publish(FIRST - timedelta(days=1), unit, close[unit])
        for number, day in enumerate(self._days):
            here = count * (number + 1) // len(self._days) - count * number // len(self._days)
            listed: dict[str, list[tuple[int, int]]] = {unit: [] for unit in UNITS}
            for of_day in range(here):
                yield self._trade(day, of_day, here, close, listed)
            for unit, found in listed.items():
                volume = sum(quantity for quantity, _ in found)
                if volume:
                    fen = sum(quantity * price for quantity, price in found)
                    close[unit] = (2 * fen + volume) // (2 * volume)
                self._publish(day, unit, close[unit])

    def _trade(
        self, day: date, of_day: int, here: int, close: dict[str, int],
        listed: dict[str, list[tuple[int, int]]],
    ) -> Command:  # fmt: skip
        draw, unit = self._random, self._random.choice(UNITS)
        method = draw.choices(("listed", "block", "bidding"), (85, 10, 5))[0]
        quantity = draw.randint(100_000, 300_000) if method == "block" else draw.randint(1, 9_999)
        reference = close[unit]
        # Towards 60 CNY, so that three years of prices stay in sight of it.
        pull = 1 if reference < 4_000 else -1 if reference > 9_000 else 0
        share = {"listed": 9, "block": 29, "bidding": 50}[method]
        move = draw.randint(0 if pull > 0 else -share, 0 if pull < 0 else share)
        price = reference * (100 + move) // 100
        if method == "listed":
            listed[unit].append((quantity, price))
        seller, buyer = draw.sample(range(ENTITIES), 2)
        at = datetime(day.year, day.month, day.day, 9, 30) + timedelta(  # noqa: DTZ001
            seconds=of_day * 19_800 // here
        )
        number = f"{day:%Y%m%d}-{of_day:05}"
        return {
            "command": "settle_trade", "id": f"t/{number}", "trade": number, "method": method,
            "unit": unit, "quantity": quantity, "price": f"{price // 100}.{price % 100:02}",
            "seller": f"p{seller:04}-1", "buyer": f"p{buyer:04}-1",
            "effective_at": f"{at.isoformat()}+08:00",
        }  # fmt: skip

    def _publish(self, day: date, unit: str, close: int) -> None:
        self.market_days.append({
            "command": "record_market_day", "id": f"d/{day}/{unit}", "date": day.isoformat(),
            "unit": unit, "close": f"{close // 100}.{close % 100:02}",
        })  # fmt: skip

    def _late(self, trades: list[Command]) -> list[Command]:
        """The same with some settled late: their effective times lie in the past by then."""
        for at in range(0, len(trades) - 100, 100):
            moved = [trades.pop(at + n) for n in range(0, 100 - 100 // BACK_DATED, BACK_DATED)]
            trades[at + 95 : at + 95] = moved
        return trades


def as_transfer(trade: Command) -> Command:
    """The same movement without a market."""
    return {
        "command": "transfer", "id": trade["id"], "kind": "succession", "unit": trade["unit"],
        "quantity": trade["quantity"], "from": trade["seller"], "to": trade["buyer"],
        "effective_at": trade["effective_at"],
    }  # fmt: skip


def send(ledger: Ledger, commands: list[Command]) -> None:
    """Applies commands that must all be accepted."""
    for outcome in ledger.apply(commands):
        if outcome.outcome != "accepted":
            raise SystemExit(f"refused: {outcome}")


# -- the independent computation ------------------------------------------------------------------

_SETTLED: Final = """
    CREATE TABLE settled AS
    SELECT (record->>'position')::BIGINT AS position,
           substr(record->>'effective_at', 1, 10) AS day,
           record->>'$.data.unit' AS unit, record->>'$.data.method' AS method,
           record->>'$.data.seller' AS seller, record->>'$.data.buyer' AS buyer,
           (record->>'$.data.quantity')::BIGINT AS quantity,
           (record->>'$.data.price')::DECIMAL(18, 2) AS price,
           (record->>'$.data.value')::DECIMAL(38, 2) AS value
    FROM log WHERE record->>'type' = 'TradeSettled'
"""
_OWNERS: Final = """
    CREATE TABLE owners AS
    SELECT record->>'$.data.account' AS account, record->>'$.data.entity' AS entity
    FROM log WHERE record->>'type' = 'AccountOpened'
"""
_MONTHS: Final = """
    SELECT unit, method, substr(day, 1, 7), sum(quantity), sum(quantity * price), sum(value),
           count(*)
    FROM settled GROUP BY ALL ORDER BY ALL
"""
_NET: Final = """
    SELECT entity, unit, sum(tonnes) FROM (
        SELECT seller AS account, unit, quantity AS tonnes, day, position FROM settled
        UNION ALL SELECT buyer, unit, -quantity, day, position FROM settled
    ) JOIN owners USING (account)
    WHERE day BETWEEN ? AND ? AND position <= ?
    GROUP BY entity, unit
"""
Net = dict[tuple[str, str], int]


class Independent:
    """The exported log in DuckDB."""

    def __init__(self, export: Path) -> None:
        self._duck = duckdb.connect()
        self._duck.execute(
            "CREATE TABLE log AS SELECT record FROM read_json(?, columns = {record: 'JSON'}, "
            "format = 'newline_delimited')",
            [str(export)],
        )
        self._duck.execute(_SETTLED)
        self._duck.execute(_OWNERS)

    def months(self) -> list[dict[str, Any]]:
        """The rows of ``Ledger.market`` by month."""
        rows: list[dict[str, Any]] = []
        for unit, method, month, volume, value, stated, count in self._duck.execute(
            _MONTHS
        ).fetchall():
            if value != stated:
                raise SystemExit(f"{unit} {month}: prices say {value}, values say {stated}")
            average = (Decimal(value) / int(volume)).quantize(Decimal("0.01"), ROUND_HALF_UP)
            rows.append({
                "registry": REGISTRY, "unit": unit, "method": method, "period": month,
                "volume": int(volume), "value": f"{value:.2f}", "average_price": str(average),
                "trades": count,
            })  # fmt: skip
        return rows

    def net_sales(self, first: str, last: str, upto: int) -> Net:
        """Net sales by entity and unit, known at a position."""
        rows = self._duck.execute(_NET, [first, last, upto]).fetchall()
        return {(entity, unit): int(tonnes) for entity, unit, tonnes in rows}


def replayed(ledger: Ledger) -> State:
    """The state that the log alone replays to."""
    scribe = Scribe(State())
    for row in ledger.store.rows(0):
        logged = read(row.type, row.state)
        apply(scribe, logged.event, logged.fact)
    return scribe.state


def compare(ledger: Ledger, export: Path, seed: int) -> dict[str, Any]:
    """Raises SystemExit at the first difference; gives how much was compared."""
    independent, draw = Independent(export), random.Random(seed)
    months = [dict(row) for row in ledger.market(by="month")]
    _same("months", months, independent.months())
    head = ledger.head().position
    names = [f"p{number:04}" for number in range(ENTITIES)]
    registry = replayed(ledger).registries[REGISTRY]
    expected = independent.net_sales(*WINDOW, head)
    for name in names:
        found = net_sales(registry, name, UNITS, *WINDOW)
        _same(name, found, {unit: expected.get((name, unit), 0) for unit in UNITS})
        _same(f"cap of {name}", _cap(ledger, name), _independent_cap(expected, name))
    asked = 0
    for _ in range(5):
        days = sorted(FIRST + timedelta(days=draw.randrange((LAST - FIRST).days)) for _ in "ab")
        first, last = (day.isoformat() for day in days)
        upto = draw.randrange(head // 2, head)
        view = viewpoint(ledger.store, clock, None, upto, head)
        expected = independent.net_sales(first, last, upto)
        for name in draw.sample(names, 40):
            found = net_sales_as_of(ledger.store, name, UNITS, first, last, view)
            _same(f"{name} at {upto}", found, {u: expected.get((name, u), 0) for u in UNITS})
            asked += 1
    return {
        "rows by month that agree": len(months),
        "entities whose net sales and carry-over caps agree": len(names),
        "net sales at random windows and positions that agree": asked,
    }


def _cap(ledger: Ledger, name: str) -> int:
    row = ledger.banking(name)
    if row is None:
        raise SystemExit(f"nothing is on record of {name}")
    return row["cap"]


def _independent_cap(net: Net, name: str) -> int:
    """10,000 t and one and a half times the net sales of all old vintages together."""
    total = sum(net.get((name, unit), 0) for unit in UNITS)
    return 10_000 + max(0, total) * 3 // 2


def _same(what: str, ours: object, theirs: object) -> None:
    if ours != theirs:
        raise SystemExit(f"{what}: the ledger says\n{ours}\nDuckDB says\n{theirs}")


def measure(given: Options, folder: Path) -> tuple[list[Line], dict[str, Any]]:
    """Settles all trades beside transfers, then compares."""
    market = Market(given.seed, given.events)
    parts = [market.trades[n : n + BATCH] for n in range(0, len(market.trades), BATCH)]
    with (
        Ledger.open(folder / "trades.db", create=True, clock=clock) as ours,
        Ledger.open(folder / "transfers.db", create=True, clock=clock) as plain,
    ):
        for ledger in (ours, plain):
            send(ledger, [*opening(), *market.market_days])
        trades = turns([lambda part=part: send(ours, part) for part in parts])
        transfers = turns([
            lambda part=part: send(plain, [as_transfer(trade) for trade in part]) for part in parts
        ])  # fmt: skip
        times, beside = alternate(len(parts), trades, transfers)
        export = folder / "log.jsonl"
        with export.open("wb") as file:
            file.writelines(line + b"\n" for line in ours.export())
        lines = [duration(f"{BATCH:,} trades", times, f"{BATCH:,} transfers", beside)]
        facts = compare(ours, export, given.seed)
        facts["back-dated trades"] = len(market.trades) // BACK_DATED
        found = ours.verify()
        if not found.ok:
            raise SystemExit(json.dumps([finding.message for finding in found.findings]))
    return lines, facts


def main() -> int:
    """Runs the comparison and prints the ratio."""
    given = options(__doc__, rounds=1, events=100_000)
    with tempfile.TemporaryDirectory(dir=given.data) as folder:
        lines, facts = measure(given, Path(folder))
    report(__file__, given, lines, **facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
