"""Several processes hammering ten accounts at the same time."""

import random
import time
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from multiprocessing import get_context
from statistics import median
from typing import Any, NamedTuple

from causes.common import (
    UNIT,
    balances,
    etsledger,
    expect,
    file_of,
    legs,
    never_negative,
    opening,
    records,
    whole,
)
from etsledger.domain.times import parse_instant
from etsledger.ledger import Ledger, Refusal
from helpers import command

ACCOUNTS = [f"account-{i}" for i in range(10)]
TONNES = 1_000
"""What each account begins with: little enough that many transfers are refused."""


class Answer(NamedTuple):
    """What one process was told about one command."""

    id: str
    outcome: str
    positions: tuple[int, ...]
    code: str | None


class Phase(NamedTuple):
    """One process in one phase: its answers and its seconds."""

    answers: list[Answer]
    seconds: float


def hammer(
    new_url: Callable[[], str],
    *,
    seed: int,
    processes: int = 4,
    pairs: int = 3,
    seconds: float = 5.0,
    bar: float | None = 0.8,
) -> str:
    """Phases of one process alone and of all together take turns; the last is a tangle.

    In the tangle every process also sends commands that the others send too, and back-dated
    ones. Nothing accepted is lost, nothing is there twice, no account is below zero at any
    position or instant, the tonnes stay what was issued. ``bar`` is the least that all
    together do beside one alone, in answers a second.
    """
    url = new_url()
    done = etsledger(url, "apply", "-", given=file_of(opening(ACCOUNTS, TONNES)))
    expect(done.code == 0, done.err)
    context = get_context("spawn")
    barrier, queue = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(
            target=_work, args=(url, number, seed, pairs, seconds, barrier, queue), daemon=True
        )
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    phases = dict(queue.get(timeout=60 + 4 * pairs * seconds) for _ in workers)
    for worker in workers:
        worker.join(30)
        expect(worker.exitcode == 0, f"a process ended with {worker.exitcode}")
    events = _check(url, [one.answers for each in phases.values() for one in each])
    alone = [_speed([phases[0][2 * pair]]) for pair in range(pairs)]
    together = [_speed([each[2 * pair + 1] for each in phases.values()]) for pair in range(pairs)]
    ratio = median(all_ / one for all_, one in zip(together, alone, strict=True))
    figures = (
        f"{events} events; {processes} together {median(together):,.0f}/s beside one alone "
        f"{median(alone):,.0f}/s: {ratio:.2f}"
    )
    expect(bar is None or ratio >= bar, f"{figures} (at least {bar})")
    return figures


def _speed(phases: list[Phase]) -> float:
    return sum(len(one.answers) / one.seconds for one in phases)


def _work(
    url: str, number: int, seed: int, pairs: int, seconds: float, barrier: Any, queue: Any
) -> None:  # fmt: skip
    choose = random.Random(f"{seed}/{number}")
    phases: list[Phase] = []
    with Ledger.open(url, lock_timeout=60) as ledger:
        ledger.balances()
        for phase in range(2 * pairs + 1):
            tangle = phase == 2 * pairs
            barrier.wait()
            if number and not tangle and phase % 2 == 0:
                phases.append(Phase([], seconds))
                continue
            phases.append(_send(ledger, f"{number}/{phase}", choose, seconds, tangle=tangle))
    queue.put((number, phases))


def _send(
    ledger: Ledger, name: str, choose: random.Random, seconds: float, *, tangle: bool
) -> Phase:  # fmt: skip
    found: list[Answer] = []
    begun = time.perf_counter()
    while (spent := time.perf_counter() - begun) < seconds:
        one = _transfer(choose, f"{name}/{len(found)}")
        if tangle and len(found) % 4 == 0:
            # The same id and the same content from every process, at about the same time.
            shared = random.Random(len(found))
            one = _transfer(shared, f"shared/{len(found)}", at="2024-02-01")
        elif tangle and len(found) % 4 == 1:
            one["effective_at"] = f"2024-{choose.randint(2, 12):02d}-01"
        try:
            outcome = ledger.execute(one)
            answer = Answer(outcome.id, outcome.outcome, tuple(outcome.positions), None)
        except Refusal as refusal:
            answer = Answer(one["id"], "refused", (), refusal.code)
        found.append(answer)
    return Phase(found, spent)


def _transfer(choose: random.Random, command_id: str, at: str | None = None) -> dict[str, Any]:
    source, target = choose.sample(ACCOUNTS, 2)
    return command(
        "transfer", command_id, unit=UNIT, quantity=choose.randint(1, 400), from_=source,
        to=target, kind="free", at=at,
    )  # fmt: skip


def _check(url: str, told: list[list[Answer]]) -> int:
    """Compares what the processes were told with the log; gives its number of events."""
    whole(url)
    log = records(url)
    at = {record["position"]: record["command"]["id"] for record in log}
    expect(list(at) == list(range(1, len(log) + 1)), "positions have gaps")
    twice = [name for name, count in Counter(at.values()).items() if count > 1]
    expect(not twice, f"written twice: {twice[:5]}")
    accepted: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for answer in (one for each in told for one in each):
        if answer.outcome == "refused":
            codes[str(answer.code)] += 1
        else:
            found = [at.get(position) for position in answer.positions]
            expect(found == [answer.id], f"answered, and not in the log: {answer}")
            accepted[answer.id] += answer.outcome == "accepted"
    expect(set(codes) <= {"InsufficientUnits", "BackdatedOverdraft"}, f"refusals: {codes}")
    more = [name for name, count in accepted.items() if count > 1]
    expect(not more, f"accepted twice: {more[:5]}")
    unasked = [name for name in at.values() if "/" in name and not accepted[name]]
    expect(not unasked, f"in the log, and accepted for nobody: {unasked[:5]}")
    _check_books(url, log)
    return len(log)


def _check_books(url: str, log: list[dict[str, Any]]) -> None:
    held = never_negative(log, "in the order of the log")
    expect(sum(held.values()) == TONNES * len(ACCOUNTS), f"tonnes came or went: {held}")
    said = {account: quantity for (account, _), quantity in balances(url).items()}
    expect(said == {name: held[name] for name in held if held[name]}, "other balances than the log")
    # At every instant, as the books knew it at some positions and at the end.
    times = {record["position"]: parse_instant(record["effective_at"]) for record in log}
    for known in range(len(log), 0, -max(len(log) // 20, 1)):
        order = sorted(log[:known], key=lambda r: (times[r["position"]], r["position"]))
        sums: Counter[str] = Counter()
        # Facts of one instant take effect together: which enters first makes no difference.
        for instant, facts in groupby(order, key=lambda r: times[r["position"]]):
            for account, quantity in (leg for fact in facts for leg in legs(fact)):
                sums[account] += quantity
            below = {name: tonnes for name, tonnes in sums.items() if tonnes < 0}
            expect(not below, f"known at {known}, as of {instant}: {below}")
