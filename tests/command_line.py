"""Running the command line in tests: in this process, or as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from etsledger.cli.main import cli
from helpers import command, trial_registry

PROGRAM = [sys.executable, "-m", "etsledger.cli"]


def run(store: Path | str | None, *arguments: str, given: str | bytes | None = None) -> Result:
    """Runs the command line in this process, with ``given`` on its standard input."""
    where = [] if store is None else ["--store", str(store)]
    result = CliRunner().invoke(cli, [*where, *arguments], input=given)
    no_traceback(result.stderr)
    return result


def ok(store: Path | str | None, *arguments: str, given: str | bytes | None = None) -> str:
    """Standard output of a command that must end well and say nothing on standard error."""
    result = run(store, *arguments, given=given)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def ask(store: Path | str, *arguments: str) -> Any:
    """The JSON answer of a query."""
    return json.loads(ok(store, *arguments))


def process(
    store: Path | str | None,
    *arguments: str,
    given: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command line as a process; its output is bytes."""
    where = [] if store is None else ["--store", str(store)]
    done = subprocess.run(
        [*PROGRAM, *where, *arguments],
        input=given,
        capture_output=True,
        env={**os.environ, **(environment or {})},
        timeout=60,
        check=False,
    )
    no_traceback(done.stderr.decode(errors="replace"))
    return done


def no_traceback(stderr: str) -> None:
    """No failure of any kind shows people a traceback."""
    assert "Traceback" not in stderr, stderr


def lines(commands: Iterable[Mapping[str, Any]]) -> str:
    """A command file."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in commands)


def books(folder: Path) -> Path:
    """A store with the registry ``trial`` and one year of a plant and a trading desk.

    crrc-1 gets 1,000 t in January 2024, sells 300 t in March, surrenders 100 t in June;
    the desk's 300 t and the authority's 5,000 t of another unit stay.
    """
    store = folder / "books.db"
    story = [
        *trial_registry(),
        command("issue", "i1", unit="CEA:2023", quantity=1000, to="crrc-1", at="2024-01-02"),
        command("issue", "i2", unit="CCER:9:2022", quantity=5000, at="2024-01-03"),
        command(
            "transfer", "m1", unit="CEA:2023", quantity=300, from_="crrc-1", to="desk-1",
            kind="free", at="2024-03-01", actor="crrc", reference="合同 7",
        ),
        command(
            "surrender", "s1", entity="crrc", year=2023, unit="CEA:2023", quantity=100,
            at="2024-06-01",
        ),
    ]  # fmt: skip
    ok(store, "apply", "-", given=lines(story))
    return store
