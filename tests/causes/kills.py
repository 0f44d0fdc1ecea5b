"""kill -9 in the middle of ``etsledger apply`` and of ``etsledger import``."""

import json
import random
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from causes.common import (
    PROGRAM,
    UNIT,
    answers,
    balances,
    etsledger,
    expect,
    file_of,
    opening,
    records,
    verified,
    whole,
)
from etsledger.domain.times import SHANGHAI
from helpers import command

ACCOUNTS = [f"account-{i}" for i in range(10)]


def story(count: int, seed: int) -> list[dict[str, Any]]:
    """So many transfers among ten accounts that none can be refused; one in ten is a batch."""
    choose = random.Random(seed)
    found = list(opening(ACCOUNTS, 100_000_000))
    for number in range(count):
        if choose.random() < 0.1:
            size = choose.randint(2, 7)
            children = [_transfer(choose, number, f"{number}/{i}") for i in range(size)]
            found.append(command("batch", str(number), commands=children))
        else:
            found.append(_transfer(choose, number, str(number)))
    return found


def _transfer(choose: random.Random, number: int, command_id: str) -> dict[str, Any]:
    source, target = choose.sample(ACCOUNTS, 2)
    back = 30 if choose.random() < 0.01 else 0
    at = datetime(2024, 6, 1, tzinfo=SHANGHAI) + timedelta(seconds=number, days=-back)
    return command(
        "transfer", command_id, unit=UNIT, quantity=choose.randint(1, 500), from_=source,
        to=target, kind="free", at=at.isoformat(),
    )  # fmt: skip


def kill_during_apply(
    new_url: Callable[[], str], *, seed: int, rounds: int, commands: int, piped: bool = False
) -> str:  # fmt: skip
    """Kills ``apply`` at random moments and looks what is left.

    What was answered is in the log; the log is the beginning of the file, batches whole;
    it verifies; the file run again ends where a file that was never killed ends. ``piped``
    feeds every file through a slow pipe (else every third), so that commits are small.
    """
    choose = random.Random(seed)
    lines = story(commands, seed)
    reference = new_url()
    begun = time.monotonic()
    done = etsledger(reference, "apply", "--format", "jsonl", "-", given=file_of(lines))
    took = time.monotonic() - begun
    expect(done.code == 0, f"the file itself: {done.err}")
    end = balances(reference)
    figures: list[tuple[int, int]] = []
    for number in range(rounds):
        url = new_url()
        slowly = piped or number % 3 == 2
        before, answered = _killed(url, lines, choose, took, slowly=slowly)
        figures.append((len(answered), before))
        again = etsledger(url, "apply", "--format", "jsonl", "-", given=file_of(lines))
        expect(again.code == 0, f"again: {again.code} {again.err}")
        outcomes = [answer["outcome"] for answer in answers(again.out)]
        expect(
            outcomes == ["duplicate"] * before + ["accepted"] * (len(lines) - before),
            f"again: {outcomes.count('duplicate')} duplicates, {before} expected",
        )
        expect(balances(url) == end, "the balances are not those of a file that was never killed")
        whole(url)
    cut = sum(0 < kept < len(lines) for _, kept in figures)
    expect(cut >= rounds // 4, f"only {cut} of {rounds} kills hit the middle: {figures}")
    return (
        f"{rounds} kills, {cut} of them in the middle of {len(lines)} commands; "
        f"answered/kept {figures[0][0]}/{figures[0][1]} .. {figures[-1][0]}/{figures[-1][1]}"
    )


def _killed(
    url: str, lines: list[dict[str, Any]], choose: random.Random, took: float, *, slowly: bool
) -> tuple[int, list[dict[str, Any]]]:
    """Kills one ``apply``; gives how many commands the log holds, and the answers."""
    running = subprocess.Popen(
        [*PROGRAM, "--store", url, "apply", "--format", "jsonl", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert running.stdin is not None
    assert running.stdout is not None
    feeder = threading.Thread(target=_feed, args=(running.stdin, lines, slowly))
    killer = threading.Timer(
        took * choose.uniform(0.35, 1.0), running.kill
    )  # before a third of the time the program has hardly started
    feeder.start()
    killer.start()
    out = running.stdout.read()
    running.wait()
    killer.cancel()
    feeder.join()
    if running.stderr is not None:
        running.stderr.close()
    running.stdout.close()
    return kept_of_file(url, lines, answers(out)), answers(out)


def _feed(pipe: Any, lines: list[dict[str, Any]], slowly: bool) -> None:
    try:
        with pipe:
            step = 40 if slowly else 1_000_000
            for start in range(0, len(lines), step):
                pipe.write(file_of(lines[start : start + step]))
                pipe.flush()
                if slowly:
                    time.sleep(0.002)
    except OSError:
        return  # it was killed


def kept_of_file(url: str, lines: list[dict[str, Any]], answered: list[dict[str, Any]]) -> int:
    """Checks a log after a kill; gives how many commands of the file it holds."""
    looked = etsledger(url, "head")
    if looked.code == 3:  # killed before the store was made
        expect("StoreAbsent" in looked.err, f"after a kill: {looked.err}")
        expect(not answered, "something was answered without a store")
        return 0
    whole(url)
    log = records(url)
    expected: list[str] = []
    ends = {0: 0}
    for number, line in enumerate(lines, 1):
        expected += [child["id"] for child in line.get("commands", [line])]
        ends[len(expected)] = number
    found = [record["command"]["id"] for record in log]
    expect(found == expected[: len(found)], "the log is not the beginning of the file")
    expect(len(found) in ends, f"a batch is half-written: the log ends with {found[-1:]}")
    for answer in answered:
        for position in answer["positions"]:
            expect(
                position <= len(log) and answer["id"] in (
                    log[position - 1]["command"]["id"], log[position - 1].get("batch")
                ),
                f"answered, and not in the log: {answer}",
            )  # fmt: skip
    expect(ends[len(found)] >= len(answered), f"{len(answered)} answered, {ends[len(found)]} kept")
    return ends[len(found)]


def kill_during_import(
    source: str, new_url: Callable[[], str], *, seed: int, rounds: int
) -> str:  # fmt: skip
    """Kills ``import`` at random moments: the log is absent, empty or whole."""
    choose = random.Random(seed)
    exported = etsledger(source, "export").out
    events = exported.count(b"\n")
    begun = time.monotonic()
    done = etsledger(new_url(), "import", "-", given=exported)
    took = time.monotonic() - begun
    expect(done.code == 0, f"the import itself: {done.err}")
    left: list[int] = []
    for _ in range(rounds):
        url = new_url()
        running = subprocess.Popen(
            [*PROGRAM, "--store", url, "import", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        killer = threading.Timer(took * choose.uniform(0.3, 1.0), running.kill)
        killer.start()
        try:
            running.communicate(exported)
        except BrokenPipeError:
            running.wait()
        killer.cancel()
        looked = etsledger(url, "head", "--format", "json")
        there = json.loads(looked.out)["position"] if looked.code == 0 else 0
        expect(there in {0, events}, f"an import of {events} events left {there}")
        if looked.code == 0:
            expect(verified(url)["ok"], "what an import left does not verify")
        left.append(there)
        again = etsledger(url, "import", "-", given=exported)
        expect(again.code == 0, f"again: {again.err}")
        expect(balances(url) == balances(source), "the balances are not those of the source")
    return f"{rounds} kills of an import of {events} events: {left.count(0)} left nothing"
