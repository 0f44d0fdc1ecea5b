"""kill -9 in the middle of ``etsledger apply`` and of ``etsledger import``."""

import json
import random
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import IO, Any

from causes.common import (
    PROGRAM,
    UNIT,
    answers,
    balances,
    etsledger,
    expect,
    file_of,
    opening,
    path_of,
    records,
    verified,
    whole,
)
from etsledger.domain.times import SHANGHAI
from helpers import command

ACCOUNTS = [f"account-{i}" for i in range(10)]
STEP = 40
"""Commands that are sent at a time down a slow pipe."""


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
    sends every file a few commands at a time, waiting for the answers (else every second
    one), so that commits are small.
    """
    choose = random.Random(seed)
    lines = story(commands, seed)
    reference = new_url()
    took = _seconds([*PROGRAM, "--store", reference, "apply", "-"], file_of(lines))
    end = balances(reference)
    kept: list[int] = []
    answered_in_all = 0
    for number in range(rounds):
        url = new_url()
        slowly = piped or number % 2 == 1
        before, answered = _killed(url, lines, choose, took, slowly=slowly)
        kept.append(before)
        answered_in_all += len(answered)
        again = etsledger(url, "apply", "--format", "jsonl", "-", given=file_of(lines))
        expect(again.code == 0, f"again: {again.code} {again.err}")
        outcomes = [answer["outcome"] for answer in answers(again.out)]
        expect(
            outcomes == ["duplicate"] * before + ["accepted"] * (len(lines) - before),
            f"again: {outcomes.count('duplicate')} duplicates, {before} expected",
        )
        expect(balances(url) == end, "the balances are not those of a file that was never killed")
        whole(url)
    cut = sum(0 < number < len(lines) for number in kept)
    expect(cut >= rounds // 2, f"only {cut} of {rounds} kills hit the middle: {kept}")
    return (
        f"{rounds} kills, {cut} of them in the middle of {len(lines):,} commands (kept "
        f"{min(kept):,} to {max(kept):,}); {answered_in_all:,} answers before them, all kept"
    )


def _killed(
    url: str, lines: list[dict[str, Any]], choose: random.Random, took: float, *, slowly: bool
) -> tuple[int, list[dict[str, Any]]]:
    """Kills one ``apply``; gives how many commands the log holds, and the answers."""
    running = subprocess.Popen(
        [*PROGRAM, "--store", url, "apply", "--format", "jsonl", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert running.stdin is not None
    assert running.stdout is not None
    out = b""
    if slowly:
        out = _talk(running, lines, choose.randrange(STEP, len(lines) * 3 // 4))
        time.sleep(choose.uniform(0, 0.02))
        feeder = threading.Thread()
    else:
        feeder = threading.Thread(target=_feed, args=(running.stdin, file_of(lines)))
        begun = time.monotonic()
        feeder.start()
        _wait_for_the_first_write(url, running)
        left = took - (time.monotonic() - begun)
        time.sleep(max(left, 0.1) * choose.uniform(0, 0.8))
    running.kill()
    if feeder.ident:
        feeder.join()
    out += running.stdout.read()
    for pipe in (running.stdout, running.stdin):
        with suppress(BrokenPipeError):
            pipe.close()
    running.wait()
    return kept_of_file(url, lines, answers(out)), answers(out)


def _talk(running: subprocess.Popen[bytes], lines: list[dict[str, Any]], enough: int) -> bytes:
    """Sends a few commands and waits for their answers, and so on; sends more at the end."""
    assert running.stdin is not None
    assert running.stdout is not None
    out: list[bytes] = []
    for start in range(0, len(lines), STEP):
        running.stdin.write(file_of(lines[start : start + STEP]))
        running.stdin.flush()
        if len(out) >= enough:
            break
        while len(out) < start + STEP:
            out.append(running.stdout.readline())
            expect(out[-1], "no answer, and the end")
    return b"".join(out)


def _feed(pipe: IO[bytes], given: bytes) -> None:
    with suppress(BrokenPipeError), pipe:  # broken when it is killed
        pipe.write(given)


def _wait_for_the_first_write(url: str, running: subprocess.Popen[bytes]) -> None:
    log = path_of(url).with_name(path_of(url).name + "-wal")
    while running.poll() is None and not (log.exists() and log.stat().st_size > 500_000):
        time.sleep(0.005)


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


def _seconds(command_line: list[str], given: bytes) -> float:
    """How long a process takes that nobody kills."""
    begun = time.monotonic()
    subprocess.run(command_line, input=given, check=True, capture_output=True)
    return time.monotonic() - begun


def kill_during_import(
    source: str, new_url: Callable[[], str], *, seed: int, rounds: int
) -> str:  # fmt: skip
    """Kills ``import`` at random moments: the log is absent, empty or whole."""
    choose = random.Random(seed)
    exported = etsledger(source, "export").out
    events = exported.count(b"\n")
    took = _seconds([*PROGRAM, "--store", new_url(), "import", "-"], exported)
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
