"""What every cause of trouble shares: the program as a process, and the books read by hand.

The functions of ``causes`` bring a fault about and look whether the ledger's promises hold.
Each gives a line of figures, or raises ``Broken``. ``benchmarks/faults.py`` runs all of them
at full length; the tests run them short.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from command_line import run
from etsledger.ledger import Ledger
from helpers import command

PROGRAM = [sys.executable, "-m", "etsledger.cli"]
REGISTRY = "trial"
UNIT = "CEA:2023"
START = "2024-01-01T00:00:00+08:00"


class Broken(AssertionError):
    """A promise of the ledger did not hold."""


def expect(holds: object, what: str) -> None:
    """Raises Broken with what was expected and found."""
    if not holds:
        raise Broken(what)


class Finished(NamedTuple):
    """A process of the command line that has ended."""

    code: int
    out: bytes
    err: str


class Way:
    """How the command line is run where nothing depends on it."""

    in_process = False
    """In this process: the tests save the start of some hundred processes."""


def etsledger(
    url: str,
    *arguments: str,
    given: bytes = b"",
    before: Callable[[], object] | None = None,
    timeout: float = 600,
) -> Finished:
    """Runs the command line; ``before`` runs first in a process of its own. No traceback, ever."""
    if Way.in_process and before is None:
        ran = run(url, *arguments, given=given)
        return Finished(ran.exit_code, ran.stdout_bytes, ran.stderr)
    done = subprocess.run(
        [*PROGRAM, "--store", url, *arguments],
        input=given, capture_output=True, timeout=timeout, check=False, preexec_fn=before,
    )  # fmt: skip
    said = done.stderr.decode(errors="replace")
    expect("Traceback" not in said, f"{arguments}: {said}")
    return Finished(done.returncode, done.stdout, said)


def one_line(done: Finished, code: int, what: str) -> str:
    """The one line on standard error of a command that must fail with an exit code."""
    expect(done.code == code, f"{what}: exit code {done.code}, {code} expected: {done.err}")
    lines = done.err.splitlines()
    expect(len(lines) == 1 and lines[0], f"{what}: not one line: {done.err!r}")
    return lines[0]


def verified(url: str, *arguments: str) -> dict[str, Any]:
    """The report of ``etsledger verify``; its exit code and ``ok`` must agree."""
    done = etsledger(url, "verify", "--format", "json", *arguments)
    expect(done.code in {0, 1} and done.err == "", f"verify: {done.code} {done.err}")
    report = json.loads(done.out)
    expect(report["ok"] == (done.code == 0), f"verify: {done.code} {report}")
    return report


def whole(url: str) -> int:
    """Verifies a store that must be whole; gives its number of events."""
    report = verified(url)
    expect(report["ok"], f"verify found {report['findings'][:3]}")
    return report["events"]


def answers(out: bytes) -> list[dict[str, Any]]:
    """The outcomes that ``apply --format jsonl`` has printed, without a line cut short."""
    return [json.loads(line) for line in out.split(b"\n")[:-1]]


def records(url: str) -> list[dict[str, Any]]:
    """The log as a stranger reads it from the export."""
    with Ledger.open(url, read_only=True) as ledger:
        return [json.loads(line)["record"] for line in ledger.export()]


def balances(url: str) -> dict[tuple[str, str], int]:
    """Tonnes by (account, unit), as the ledger says."""
    with Ledger.open(url, read_only=True) as ledger:
        return {(row["account"], row["unit"]): row["quantity"] for row in ledger.balances()}


def file_of(commands: Iterable[Mapping[str, Any]]) -> bytes:
    """A command file."""
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in commands)


def opening(accounts: Iterable[str], tonnes: int) -> Iterator[dict[str, Any]]:
    """A registry whose accounts each hold so many tonnes of ``CEA:2023``."""
    yield command("open_registry", "open", rulebook="open", at=START)
    for name in accounts:
        yield command("open_account", f"open-{name}", account=name, kind="institution", at=START)
        if tonnes:
            yield command("issue", f"issue-{name}", unit=UNIT, quantity=tonnes, to=name, at=START)


def legs(record: Mapping[str, Any]) -> list[tuple[str, int]]:
    """What an issuance or a transfer does to accounts, read from the record alone."""
    data = record["data"]
    match record["type"]:
        case "UnitsIssued":
            return [(data["to"], data["quantity"])]
        case "UnitsTransferred":
            return [(data["from"], -data["quantity"]), (data["to"], data["quantity"])]
        case _:
            return []


def never_negative(log: Iterable[Mapping[str, Any]], where: str) -> dict[str, int]:
    """Adds a log up in the order given; nothing may go below zero. Gives the end."""
    held: dict[str, int] = {}
    for record in log:
        for account, quantity in legs(record):
            held[account] = held.get(account, 0) + quantity
            expect(
                held[account] >= 0,
                f"{where}: {account} stands at {held[account]} t at position {record['position']}",
            )
    return held


def remove(path: Path) -> None:
    """Deletes a SQLite store with its lock and write-ahead log."""
    for suffix in ("", "-wal", "-shm", ".lock"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def path_of(url: str) -> Path:
    """The file of a SQLite store."""
    return Path(url.removeprefix("sqlite:///"))


def is_sqlite(url: str) -> bool:
    """Whether a URL names a SQLite store."""
    return url.startswith("sqlite:")


def last_line(text: str) -> str:
    """The last line of what a process said, for messages."""
    return (text.strip().splitlines() or [""])[-1]


def as_environment(**more: str) -> dict[str, str]:
    """The environment of a child process."""
    return {**os.environ, **more}
