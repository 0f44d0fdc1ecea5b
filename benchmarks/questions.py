"""Questions: what one account, and all accounts, held as of an instant.

Ours is ``Ledger.balances`` on a store that is open. Beside it one SQLAlchemy Core execute
of the bare sum on the covering index, statement built and connection open; it groups in the
order of the index, which is more than twice as fast as by account and unit alone. Each pair
asks about the same account and instant. Peak memory is that of a process of its own that opens
the store and asks about all accounts once.
"""

import random
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

from common import (
    Bar,
    Line,
    Options,
    alternate,
    at_most,
    duration,
    options,
    report,
    run,
    single,
    turns,
)
from history import START, YEARS, History, account, store
from sqlalchemy import Connection, bindparam, create_engine, func, select

from etsledger.domain.times import to_micros
from etsledger.ledger import Ledger
from etsledger.ledger.tables import postings_by_account

_c = postings_by_account.c
ONE = (
    select(_c.unit, func.sum(_c.quantity))
    .where(_c.account == bindparam("account"), _c.bucket == "held")
    .where(_c.effective_at <= bindparam("at"))
    .group_by(_c.registry, _c.unit)
)
ALL = (
    select(_c.account, _c.registry, _c.unit, func.sum(_c.quantity))
    .where(_c.bucket == "held", _c.effective_at <= bindparam("at"))
    .group_by(_c.account, _c.registry, _c.unit)
)
PAIRS_PER_ROUND = 40


def one_account(ledger: Ledger, connection: Connection, given: Options) -> list[list[float]]:
    """Seconds of both sides for random accounts and instants."""
    choose = random.Random(given.seed)
    accounts = History(given.events).accounts
    asked = [
        (account(choose.randrange(accounts)), START + YEARS * choose.random())
        for _ in range(given.rounds * PAIRS_PER_ROUND)
    ]
    for name, at in asked[:20]:
        ours = {r["unit"]: r["quantity"] for r in ledger.balances(account=name, as_of=at)}
        bare = connection.execute(ONE, {"account": name, "at": to_micros(at)}).all()
        if ours != {unit: int(quantity) for unit, quantity in bare if quantity}:
            raise RuntimeError(f"{name} at {at}: {ours} is not {bare}")
    values = [{"account": name, "at": to_micros(at)} for name, at in asked]
    return alternate(
        len(asked),
        turns([partial(ledger.balances, account=name, as_of=at) for name, at in asked]),
        turns([lambda v=value: connection.execute(ONE, v).all() for value in values]),
    )


def all_accounts(ledger: Ledger, connection: Connection, rounds: int) -> list[list[float]]:
    """Seconds of both sides for the same instant late in the history."""
    at = START + YEARS - timedelta(days=30)
    return alternate(
        rounds,
        lambda: ledger.balances(as_of=at),
        lambda: connection.execute(ALL, {"at": to_micros(at)}).all(),
    )


def peak(path: Path, *, ours: bool) -> float:
    """The peak memory, in MiB, of a process that asks about all accounts once."""
    at = to_micros(START + YEARS - timedelta(days=30))
    question = (
        "from etsledger.ledger import Ledger\n"
        "from etsledger.domain.times import from_micros\n"
        f"with Ledger.open({str(path)!r}, read_only=True) as ledger:\n"
        f"    print(len(ledger.balances(as_of=from_micros({at}))))\n"
        if ours
        else f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from questions import ALL, create_engine\n"
        f"with create_engine('sqlite:///{path}').connect() as connection:\n"
        f"    print(len(connection.execute(ALL, {{'at': {at}}}).all()))\n"
    )
    return run([sys.executable, "-c", question]).peak_mib


def memory(path: Path, events: int, bar: Bar | None = None) -> Line:
    """The line for peak memory."""
    ours, bare = peak(path, ours=True), peak(path, ours=False)
    return single(f"all accounts, peak memory, {events:,} events", f"{ours:.0f} MiB",
                  f"bare sum: {bare:.0f} MiB", ours / bare, bar)  # fmt: skip


def main() -> None:
    """Runs both questions."""
    given = options(__doc__, rounds=15)
    path = store(given.data, History(given.events, given.seed))
    engine = create_engine(f"sqlite:///{path}")
    with Ledger.open(path) as ledger, engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA cache_size=-8192")  # as ours
        # This first: it also brings every page of the index into the system's cache, which
        # otherwise the side that asks about an account first would pay for.
        all_ = all_accounts(ledger, connection, given.rounds)
        one = one_account(ledger, connection, given)
    engine.dispose()
    events = f"{given.events:,} events"
    report(__file__, given, [
        duration(f"one account as of an instant, {events}", one[0], "bare sum", one[1],
                 bar=at_most(4)),
        duration(f"all accounts as of an instant, {events}", all_[0], "bare sum", all_[1],
                 bar=at_most(1.5)),
        memory(path, given.events),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
