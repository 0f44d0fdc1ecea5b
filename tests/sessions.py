"""Replaying the sessions of the documents: what they print is put back where it stands.

A ``console`` block is a session on a terminal: ``$ …`` is a command line, what follows is
what it shows. It runs in a folder of its own, in the order of the document, by a clock that
shows nine o'clock and moves a minute a command. A block after "Save this as `NAME`" is that
file. ``# exit code 1`` behind a command is what it must answer (else 0). The shell of these
sessions knows ``|``, ``>``, ``>>``, ``export NAME=VALUE``, ``etsledger``,
``etsledger-check-proof``, ``python``, ``chmod``, ``cp``, ``cut``, ``head`` and ``mv``; it lives
in this process, so that a page takes a second or two.
"""

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import pytest

from etsledger.cli.checking import check_proof
from etsledger.cli.main import cli
from etsledger.ledger import Ledger
from helpers import SteppingClock

_SAVE = re.compile(r"[Ss]ave this as `([\w.-]+)`")
_EXIT_CODE = re.compile(r"#.*\bexit code (\d)")
_HASH = re.compile(r"\b[0-9a-f]{64}\b")

Stage = tuple[list[str], str | None, bool]
"""A command's words, the file that its output goes to, and whether it is added to it."""


class _Screen(io.BytesIO):
    """What a terminal shows."""

    def isatty(self) -> bool:
        return True


class _Quiet(io.TextIOWrapper):
    """Standard error: on the same screen, but it draws no bars, which would be gone by now."""

    def isatty(self) -> bool:
        return False


class Session:
    """A terminal in an empty folder."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self._clock = SteppingClock("2026-11-23T09:00:00+08:00")
        # Every ledger that is opened without a clock gets this one.
        defaults = Ledger.open.__func__.__kwdefaults__
        assert defaults is not None
        patch.setitem(defaults, "clock", self._clock)
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("ETSLEDGER_")]:
            patch.delenv(name)
        for name, value in {"TERM": "dumb", "COLUMNS": "120", "LINES": "50"}.items():
            patch.setenv(name, value)

    def run(self, line: str) -> list[str]:
        """The lines that a command line shows; it must end with its exit code."""
        self._clock.advance(minutes=1)
        screen, piped, code = _Screen(), b"", 0
        stages = _stages(line)
        for number, (words, target, more) in enumerate(stages, 1):
            shown = number == len(stages) and target is None
            out = screen if shown else io.BytesIO()
            code = self._stage(words, piped, out, screen)
            piped = out.getvalue()
            if target is not None:
                with Path(target).open("ab" if more else "wb") as file:
                    file.write(piped)
        text = screen.getvalue().decode()
        said = _EXIT_CODE.search(line)
        assert code == (int(said[1]) if said else 0), f"exit code {code}: $ {line}\n{text}"
        return [one.rstrip() for one in text.splitlines()]

    def _stage(self, words: list[str], given: bytes, out: io.BytesIO, err: io.BytesIO) -> int:
        match words:
            case ["export", setting]:
                name, _, value = setting.partition("=")
                self._patch.setenv(name, value)
                return 0
            case ["python" | "chmod" | "cp" | "cut" | "head" | "mv" as name, *arguments]:
                done = subprocess.run(
                    [sys.executable if name == "python" else name, *arguments],
                    input=given, capture_output=True, timeout=60, check=False,
                )  # fmt: skip
                out.write(done.stdout)
                err.write(done.stderr)
                return done.returncode
            case ["etsledger-check-proof", *arguments]:
                with _standard_streams(given, out, err), pytest.raises(SystemExit) as left:
                    check_proof.main(arguments, prog_name="etsledger-check-proof")
                assert isinstance(left.value.code, int)
                return left.value.code
            case ["etsledger", *arguments]:
                with _standard_streams(given, out, err), pytest.raises(SystemExit) as left:
                    cli.main(arguments, prog_name="etsledger")
                assert isinstance(left.value.code, int)
                return left.value.code
            case _:
                raise AssertionError(f"the shell of these sessions knows no {words}")


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A terminal in an empty folder."""
    return Session(tmp_path, monkeypatch)


@contextmanager
def _standard_streams(given: bytes, out: io.BytesIO, err: io.BytesIO) -> Generator[None]:
    before = sys.stdin, sys.stdout, sys.stderr
    streams = (
        io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"),
        io.TextIOWrapper(out, encoding="utf-8", write_through=True),
        _Quiet(err, encoding="utf-8", write_through=True),
    )
    sys.stdin, sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
        for stream in streams:
            stream.detach()


def _stages(line: str) -> list[Stage]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|>")
    lexer.whitespace_split = True
    stages: list[Stage] = []
    for is_pipe, group in groupby(lexer, key=lambda word: word == "|"):
        words = list(group)
        match words:
            case _ if is_pipe:
                pass
            case [*command, ">" | ">>" as where, target]:
                stages.append((command, target, where == ">>"))
            case _:
                stages.append((words, None, False))
    return stages


def replayed(document: Path, session: Session) -> str:
    """The document with what its sessions show now."""
    lines = iter(document.read_text("utf-8").splitlines())
    done: list[str] = []
    for line in lines:
        done.append(line)
        if not line.startswith("```"):
            continue
        block = list(_block(lines))
        if name := _SAVE.search(_paragraph_before(done[:-1])):
            Path(name[1]).write_text("".join(f"{one}\n" for one in block), "utf-8")
        if line == "```console":
            commands = [one for one in block if one.startswith("$ ")]
            block = [shown for one in commands for shown in (one, *session.run(one[2:]))]
        done += [*block, "```"]
    return "".join(f"{line}\n" for line in done)


def _paragraph_before(lines: list[str]) -> str:
    text = "\n".join(lines).rstrip()
    return text.rpartition("\n\n")[2].replace("\n", " ")


def _block(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line == "```":
            return
        yield line
    raise AssertionError("a code block has no end")


def normalised(text: str) -> list[str]:
    """The lines of a document with all hashes alike: they follow from every byte of a log."""
    return _HASH.sub("(hash)", text).splitlines()
