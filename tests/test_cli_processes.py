"""The command line as a process: pipes, terminals, interrupts, encodings, start-up cost."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import PROGRAM, ask, books, lines, no_traceback, ok, process
from etsledger.ledger import Ledger
from helpers import command


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """See ``command_line.books``: 13 events."""
    return books(tmp_path)


def start(store: Path, *arguments: str, **options: int) -> subprocess.Popen[bytes]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(
        [*PROGRAM, "--store", str(store), *arguments],
        stdin=pipes.get("stdin"),
        stdout=pipes["stdout"],
        stderr=pipes["stderr"],
        bufsize=0,  # read_line asks the pipe itself whether there is more
    )


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "table"])
def test_a_reader_that_goes_away_is_no_error(
    store: Path, form: str, unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    more = [
        command("issue", f"n{i}", unit="CEA:2023", quantity=1, at="2024-07-01", reason="x" * 900)
        for i in range(300)
    ]
    ok(store, "apply", "-", given=lines(more))
    with start(store, "events", "--format", form) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(10)
        running.stdout.close()
        said = running.stderr.read()
    assert (running.returncode, said) == (141, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_pipe_that_is_closed_before_the_first_byte(
    store: Path, unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    reading, writing = os.pipe()
    os.close(reading)
    with start(store, "balances", stdout=writing) as running:
        os.close(writing)
        assert running.stderr is not None
        said = running.stderr.read()
    assert (running.returncode, said) == (141, b"")


def test_a_full_disk_under_standard_output_is_said(store: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("wb") as full, start(store, "events", stdout=full.fileno()) as run:
        assert run.stderr is not None
        said = run.stderr.read().decode()
    no_traceback(said)
    assert run.returncode == 3
    assert said.startswith("error: OSError: ")
    assert len(said.splitlines()) == 1


def read_line(running: subprocess.Popen[bytes], seconds: float = 20) -> dict[str, object]:
    assert running.stdout is not None
    ready, _, _ = select.select([running.stdout], [], [], seconds)
    assert ready, "nothing came"
    return json.loads(running.stdout.readline())


def test_follow_gives_what_comes_and_ends_quietly_on_ctrl_c(store: Path) -> None:
    with start(store, "events", "--follow", "--from-position", "13") as running:
        assert read_line(running)["position"] == 13
        for number in (14, 15):
            one = command("issue", f"n{number}", unit="CEA:2023", quantity=number, at="2024-07-01")
            ok(store, "apply", "-", given=lines([one]))
            event = read_line(running)
            assert (event["position"], event["data"]) == (
                number, {"quantity": number, "to": "authority", "unit": "CEA:2023"},
            )  # fmt: skip
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        said = running.stderr.read()
    assert (running.returncode, said) == (130, b"")


def test_follow_stops_at_its_limit_and_skips_what_is_filtered(store: Path) -> None:
    with start(store, "events", "--follow", "--type", "UnitsIssued", "--limit", "3") as running:
        assert [read_line(running)["position"] for _ in range(2)] == [9, 10]
        story = [
            command("cancel", "c", account="crrc-1", unit="CEA:2023", quantity=1, at="2024-07-01"),
            command("issue", "n", unit="CEA:2023", quantity=7, at="2024-07-01"),
            command("issue", "m", unit="CEA:2023", quantity=8, at="2024-07-01"),
        ]
        ok(store, "apply", "-", given=lines(story))
        assert read_line(running)["position"] == 15
        assert running.wait(20) == 0


def test_follow_up_to_a_position(store: Path) -> None:
    done = process(store, "events", "--follow", "--from-position", "12", "--to-position", "13")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows == ask(store, "events", "--from-position", "12")
    assert process(store, "events", "--follow", "--limit", "0").stdout == b""


def at_a_terminal(store: Path, *arguments: str) -> tuple[int, str, str]:
    """Runs a command with standard output and error each on a terminal of its own."""
    screens = [pty.openpty(), pty.openpty()]
    running = subprocess.Popen(
        [*PROGRAM, "--store", str(store), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=screens[0][1],
        stderr=screens[1][1],
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    for _, end in screens:
        os.close(end)
    shown = {screen: b"" for screen, _ in screens}
    open_screens = set(shown)
    while open_screens:
        for screen in select.select(list(open_screens), [], [], 30)[0]:
            try:
                data = os.read(screen, 65536)
            except OSError:  # the other end is closed
                data = b""
            shown[screen] += data
            if not data:
                open_screens.discard(screen)
                os.close(screen)
    output, errors = (text.decode().replace("\r\n", "\n") for text in shown.values())
    return running.wait(30), output, errors


def test_a_terminal_gets_tables_and_progress_apart(store: Path, tmp_path: Path) -> None:
    code, output, errors = at_a_terminal(store, "balances")
    assert (code, errors) == (0, "")
    assert "authority" in output
    assert "5,000" in output
    assert "{" not in output

    file = tmp_path / "more.jsonl"
    bad = command("issue", "n", registry="mars", unit="U", quantity=1)
    file.write_text(lines([bad]), encoding="utf-8")
    code, output, errors = at_a_terminal(store, "apply", str(file))
    assert code == 1
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output).startswith("0 accepted")
    assert "applying" in errors
    assert f"{file}:1: UnknownRegistry: " in errors
    code, output, errors = at_a_terminal(store, "verify", "--format", "json")
    assert json.loads(output)["ok"] is True
    assert "verifying" in errors


def test_in_one_window_the_summary_comes_when_the_bar_is_gone(store: Path, tmp_path: Path) -> None:
    one = command("issue", "n", unit="CEA:2023", quantity=1, at="2024-07-01")
    file = tmp_path / "more.jsonl"
    file.write_text(lines([one]), encoding="utf-8")
    window, end = pty.openpty()
    arguments = ["--store", str(store), "apply", str(file)]
    running = subprocess.Popen(
        [*PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=end,
        stderr=end,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while data := os.read(window, 65536):
            shown += data
    os.close(window)
    assert running.wait(30) == 0
    before, summary, after = shown.decode().partition("1 accepted (1 event)")
    assert summary
    assert "applying" in before
    assert before.endswith("\x1b[2K")  # the line of the bar, erased
    assert "applying" not in after


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "gb18030"},
    ],
    ids=repr,
)
def test_any_locale_gets_the_same_json_and_no_crash(
    store: Path, environment: dict[str, str]
) -> None:
    query = ["statement", "crrc-1", "--format"]
    assert process(store, *query, "json", environment=environment).stdout.decode() == ok(
        store, *query, "json"
    )
    table = process(store, *query, "table", environment=environment)
    assert (table.returncode, table.stderr) == (0, b"")
    assert b"m1" in table.stdout
    missing = process(store, "balances", "--account", "没有", environment=environment)
    assert (missing.returncode, missing.stdout) == (0, b"[]\n")
    assert missing.stderr.startswith(b"note: these books know no account ")
    assert process(store, "balances", "--help", environment=environment).returncode == 0


def test_arguments_of_garbage_bytes_are_answered(store: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "--store", str(store), "balances", "--account", b"\xff\xfe"],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    no_traceback(done.stderr.decode(errors="replace"))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"is no text in UTF-8" in done.stderr


def test_ctrl_c_in_the_middle_of_apply_ends_quietly(store: Path) -> None:
    with start(store, "apply", "-", stdin=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stderr is not None
        one = command("issue", "n", unit="CEA:2023", quantity=1, at="2024-07-01")
        running.stdin.write(lines([one]).encode())
        running.stdin.flush()
        time.sleep(1.5)
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        running.stdin.close()
    assert running.returncode == 130
    no_traceback(said.decode())
    assert ask(store, "verify")["ok"] is True


LOADED = """
import sys
from etsledger.cli.main import cli
try:
    cli.main(sys.argv[1:], prog_name="etsledger")
except SystemExit:
    pass
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
print(" ".join(name for name in sys.modules if name.startswith("etsledger.cli")), file=sys.stderr)
"""


def test_a_question_loads_only_what_it_needs(store: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, "--store", str(store), "balances", "--account", "crrc-1"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    packages, own = (set(line.split()) for line in done.stderr.splitlines())
    assert {"click", "sqlalchemy"} <= packages
    assert not packages & {"rich", "psycopg", "psycopg_pool"}
    assert "etsledger.cli.balances" in own
    assert not own & {f"etsledger.cli.{name}" for name in ("demo", "applying", "tables", "trust")}


BROKEN = """
from etsledger.ledger import Ledger
from etsledger.cli.main import main
Ledger.balances = lambda *_, **__: 1 / 0
main()
"""


def test_an_unexpected_failure_is_one_line_and_a_hint(store: Path) -> None:
    broken = (
        "import etsledger.ledger.application as a; a.Ledger.balances = lambda *_, **__: 1 / 0; "
    )
    script = broken + LOADED.partition("print")[0]
    code = script.replace("except SystemExit:\n    pass", "except SystemExit as e:\n    raise")
    call = [sys.executable, "-c", code, "--store", str(store), "balances"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr == (
        "error: internal: ZeroDivisionError: division by zero "
        "(ETSLEDGER_DEBUG=1 shows the traceback)\n"
    )
    debug = subprocess.run(
        call, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "ETSLEDGER_DEBUG": "1"},
    )  # fmt: skip
    assert "Traceback" in debug.stderr
    assert debug.stderr.endswith("(ETSLEDGER_DEBUG=1 shows the traceback)\n")


def test_a_command_on_an_idle_pipe_is_written_and_answered_while_the_pipe_waits(
    tmp_path: Path,
) -> None:
    with start(
        tmp_path / "b.db", "apply", "-", "--format", "jsonl", stdin=subprocess.PIPE
    ) as running:
        assert running.stdin is not None
        line = {"command": "open_registry", "id": "1", "registry": "trial", "rulebook": "open"}
        running.stdin.write(json.dumps(line).encode() + b"\n")
        assert read_line(running)["outcome"] == "accepted"
        with Ledger.open(tmp_path / "b.db", lock_timeout=5) as other:
            issue = {"command": "issue", "id": "2", "registry": "trial"}
            assert other.execute({**issue, "unit": "X", "quantity": 5}).positions == (2,)
        running.stdin.close()
        assert running.wait(20) == 0
