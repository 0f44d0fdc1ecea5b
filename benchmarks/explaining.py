"""Why: explanations of one plant's balance and compliance year, beside its statement.

A ledger of the national market of which twenty plants are asked about. Each has 200 movements
(an allocation in two steps, ninety surrenders, successions), all over the log among transfers
of other plants; one account has a tenth of all events as movements. Every pair asks about the
same plant and instant; a page is 50 movements unless said otherwise. Instants lie in the last sixty
days, so that fifty later movements of the busy account are told, and some twenty of a plant; as
of the end neither has any. Diff, proofs and the rest have files of their own.
"""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from common import Line, Options, alternate, at_most, duration, options, report, turns
from history import remove

from etsledger.domain.times import SHANGHAI, iso
from etsledger.ledger import Ledger

REGISTRY, UNIT, YEAR = "cn-national", "CEA:2024", 2024
START, END = datetime(2025, 3, 1, tzinfo=SHANGHAI), datetime(2025, 12, 20, tzinfo=SHANGHAI)
PROBED, SURRENDERS, MOVEMENTS, EACH = 20, 90, 200, 100
BUSY = "busy-1"
PER_ROUND = 20


class Market(NamedTuple):
    """A history of exactly ``events`` events in 2025."""

    events: int
    seed: int

    @property
    def others(self) -> int:
        """How many plants there are beside those that are asked about."""
        return max(20, self.events // 400)

    def lines(self) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """Every command with its effective time, at the pace of the log."""
        choose = random.Random(self.seed)
        opening = list(self._opening())
        written = sum(1 for _ in opening)
        for command in opening:
            yield START, command
        probes = list(chain.from_iterable(zip(*map(self._probe, range(PROBED)), strict=True)))
        left = self.events - written
        every = max(2, left // len(probes))
        for number in range(left):
            at = START + (END - START) * (number / left)
            if number % every == 1 and probes:
                yield at, probes.pop(0)
            elif number % 10 == 0:
                ends = (BUSY, self._other(choose))
                yield at, _move(f"busy-{number}", *(ends if number % 20 else ends[::-1]))
            else:
                source, target = choose.sample(range(self.others), 2)
                yield at, _move(f"move-{number}", f"other{source}-1", f"other{target}-1")

    def _other(self, choose: random.Random) -> str:
        return f"other{choose.randrange(self.others)}-1"

    def _opening(self) -> Iterator[dict[str, Any]]:
        yield _command("open_registry", "open", rulebook=REGISTRY)
        yield _command("open_account", "hubei", account="hubei", kind="province")
        names = [f"plant{i}" for i in range(PROBED)] + ["busy"]
        names += [f"other{i}" for i in range(self.others)]
        much = 1_000 * self.events
        yield _command("issue", "issue", unit=UNIT, quantity=much * len(names), to="authority")
        for name in names:
            yield _command("register_entity", f"e-{name}", entity=name, name=name, sector="power")
            yield _command("open_account", f"a-{name}", account=f"{name}-1", kind="entity",
                           entity=name)  # fmt: skip
            if not name.startswith("plant"):
                yield _command("transfer", f"g-{name}", unit=UNIT, quantity=much, kind="release",
                               **{"from": "authority", "to": f"{name}-1"})  # fmt: skip
        emitted = 2 * EACH * SURRENDERS
        for i in range(PROBED):
            for year in (YEAR - 1, YEAR):
                yield _command("record_verified", f"v{i}-{year}", entity=f"plant{i}", year=year,
                               emissions=emitted)  # fmt: skip
            yield _command("pre_allocate", f"p{i}", entity=f"plant{i}", year=YEAR)
            yield _command("finalise_allocation", f"f{i}", entity=f"plant{i}", year=YEAR,
                           entitlement=emitted)  # fmt: skip

    def _probe(self, i: int) -> Iterator[dict[str, Any]]:
        """What happens to a plant that is asked about; two of its movements are there."""
        for n in range(SURRENDERS):
            yield _command("surrender", f"s{i}-{n}", entity=f"plant{i}", year=YEAR, unit=UNIT,
                           quantity=EACH)  # fmt: skip
            yield _command("confirm_surrender", f"c{i}-{n}", surrender=f"s{i}-{n}")
        for n in range(MOVEMENTS - SURRENDERS - 2):
            yield _move(f"m{i}-{n}", f"other{i}-1", f"plant{i}-1")


def _command(name: str, id_: str, /, **fields: object) -> dict[str, Any]:
    return {"command": name, "id": id_, "registry": REGISTRY, **fields}


def _move(id_: str, source: str, target: str) -> dict[str, Any]:
    return _command("transfer", id_, unit=UNIT, quantity=7, kind="succession", actor="registrar",
                    reference="doc 17", **{"from": source, "to": target})  # fmt: skip


def built(path: Path, market: Market) -> Path:
    """The store of a market; used again while it has as many events."""
    if path.exists():
        with Ledger.open(path, read_only=True) as ledger:
            if ledger.store.head_position() == market.events:
                return path
    remove(path)
    now = START

    def follow() -> Iterator[str]:
        nonlocal now
        for at, command in market.lines():
            now = at
            yield json.dumps({**command, "effective_at": iso(at)})

    with Ledger.open(path, create=True, clock=lambda: now) as ledger:
        for outcome in ledger.apply(follow()):
            if outcome.refusal is not None:
                raise RuntimeError(f"{outcome.id}: {outcome.refusal}")
        found = ledger.store.head_position()
    if found != market.events:
        raise RuntimeError(f"built {found} events, not {market.events}")
    return path


def asked(given: Options, ledger: Ledger) -> Iterator[Line]:
    """Each question in turns with what it is measured by."""
    choose = random.Random(given.seed)
    whose = [
        (f"plant{choose.randrange(PROBED)}", END - timedelta(days=choose.randrange(60)))
        for _ in range(given.rounds * PER_ROUND)
    ]
    for name, at in whose[:5]:
        checked(ledger, name, at)
    events = f"{given.events:,} events"
    statement = [partial(ledger.statement, f"{n}-1", as_of=at) for n, at in whose]
    plain = [partial(ledger.explain_balance, f"{n}-1", UNIT, as_of=at) for n, at in whose]
    all_ = [partial(ledger.explain_balance, f"{n}-1", UNIT, as_of=at, limit=MOVEMENTS)
            for n, at in whose]  # fmt: skip
    first = [partial(ledger.explain_balance, f"{n}-1", UNIT, as_of=at, after=0) for n, at in whose]
    year = [partial(ledger.explain_compliance, n, YEAR, as_of=at) for n, at in whose]
    busy = [partial(ledger.explain_balance, BUSY, UNIT, as_of=at) for _, at in whose]
    busy_first = [partial(ledger.explain_balance, BUSY, UNIT, as_of=at, after=0)
                  for _, at in whose]  # fmt: skip
    plain_end, busy_end = (
        [partial(ledger.explain_balance, account, UNIT, as_of=END) for account in accounts]
        for accounts in ([f"{n}-1" for n, _ in whose], [BUSY] * len(whose))
    )
    half = given.events // 2
    busy_then = [partial(ledger.explain_balance, BUSY, UNIT, as_of=at, known_at=half)
                 for _, at in whose]  # fmt: skip
    then = [partial(ledger.explain_balance, f"{n}-1", UNIT, as_of=at, known_at=half)
            for n, at in whose]  # fmt: skip
    moved = f"{ledger_page(ledger):,} movements"
    for what, ours, name, beside, bar in (
        (f"explain balance, {MOVEMENTS} movements, {events}", plain, "statement", statement, 5),
        (f"  all {MOVEMENTS} on one page", all_, "statement", statement, 5),
        (f"explain compliance, {SURRENDERS} surrenders, {events}", year, "statement", statement, 5),
        (f"explain balance, {moved}, latest page", busy, f"{MOVEMENTS} movements", plain, 2),
        (f"  {moved}, first page", busy_first, f"{MOVEMENTS} movements", first, 1.5),
        (f"  {moved}, as of the end", busy_end, f"{MOVEMENTS} movements", plain_end, 1.5),
        (f"  {moved}, as known halfway", busy_then, f"{MOVEMENTS} movements", then, 5),
    ):
        times = timings(ours, beside)
        yield duration(what, times[0], name, times[1], bar=at_most(bar))


def timings(ours: list[Any], beside: list[Any]) -> list[list[float]]:
    """Seconds of both sides, in turns; the first of each is not counted."""
    ours[0]()
    beside[0]()
    return alternate(len(ours), turns(ours), turns(beside))


def checked(ledger: Ledger, name: str, at: datetime) -> None:
    """Raises RuntimeError unless the explanations say what the questions say."""
    (row,) = ledger.balances(account=f"{name}-1", unit=UNIT, as_of=at)
    told = ledger.explain_balance(f"{name}-1", UNIT, as_of=at)
    (status,) = ledger.compliance(entity=name, year=YEAR, as_of=at)
    why = ledger.explain_compliance(name, YEAR, as_of=at)
    if told is None or why is None or (told["value"], why["value"]) != (
        row["quantity"], status["status"],
    ):  # fmt: skip
        raise RuntimeError(f"{name} at {at}: {row}, {status}, {told}, {why}")


def ledger_page(ledger: Ledger) -> int:
    """How many movements the busy account has."""
    told = ledger.explain_balance(BUSY, UNIT, limit=1)
    return told["page"]["before"] + 1 if told is not None else 0


def main() -> None:
    """Builds the market and asks."""
    given = options(__doc__, rounds=5)
    path = built(given.data / f"explaining-{given.events}.db", Market(given.events, given.seed))
    with Ledger.open(path) as ledger:
        found = list(asked(given, ledger))
    report(__file__, given, found)


if __name__ == "__main__":
    main()
