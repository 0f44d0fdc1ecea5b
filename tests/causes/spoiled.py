"""Files that are no store, or no longer one, and exports that were spoiled on the way."""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from causes.common import etsledger, expect, file_of, one_line, remove, whole
from causes.kills import story

QUERIES = [["balances"], ["events"], ["verify"], ["head"]]
PAGE = 4096


def spoil_stores(folder: Path, *, seed: int, cuts: int) -> str:
    """Truncated and zeroed stores, foreign and newer ones: exit 3 (1 from verify), one line."""
    choose = random.Random(seed)
    good = folder / "good.db"
    made = etsledger(f"sqlite:///{good}", "apply", "-", given=file_of(story(1_500, seed)))
    expect(made.code == 0, made.err)
    data = good.read_bytes()
    expect(not good.with_name("good.db-wal").exists(), "the store left a write-ahead log")
    bad = folder / "bad.db"
    tried = answered = 0

    def try_all(content: bytes, what: str) -> None:
        nonlocal tried, answered
        for query in QUERIES:
            remove(bad)
            bad.write_bytes(content)
            done = etsledger(f"sqlite:///{bad}", *query)
            tried += 1
            if done.code == 3:
                expect(one_line(done, 3, what).startswith("error: Store"), f"{what}: {done.err}")
            else:
                # What is damaged lies where this question does not look; verify looks at all.
                answered += 1
                expect(query != ["verify"] or done.code == 1, f"{what}: verify found nothing")
                expect(done.code in {0, 1} and not done.err, f"{what}, {query}: {done}")

    for _ in range(cuts):
        size = choose.randrange(100, len(data) - PAGE)
        try_all(data[:size], f"cut at byte {size} of {len(data)}")
    pages = [at for at in range(PAGE, len(data), PAGE) if b'"prev":"' in data[at : at + PAGE]]
    for at in [0, *choose.sample(pages, cuts)]:
        try_all(data[:at] + bytes(PAGE) + data[at + PAGE :], f"the page at {at} filled with zeros")
    foreign = _foreign(folder, good)
    for path, code, name in foreign:
        for query in QUERIES:
            line = one_line(etsledger(f"sqlite:///{path}", *query), 3, name)
            expect(line.startswith(f"error: {code}: "), f"{name}: {line}")
    return (
        f"{tried} questions to {2 * cuts + 1} damaged stores ({answered} of them beside the "
        f"damage), {len(foreign)} files that are no store of ours"
    )


def _foreign(folder: Path, good: Path) -> list[tuple[Path, str, str]]:
    other, newer, odd = (folder / name for name in ("other.db", "newer.db", "odd.db"))
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE songs (title)")
    connection.close()
    for path, value in ((newer, "99"), (odd, "x")):
        shutil.copyfile(good, path)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE ledger_meta SET value = ? WHERE key = 'format'", (value,))
        connection.close()
    text = folder / "notes.db"
    text.write_bytes(b"these are my notes, not a ledger")
    directory = folder / "directory.db"
    directory.mkdir()
    return [
        (other, "StoreForeign", "a foreign database"),
        (newer, "StoreTooNew", "a store of a newer format"),
        (odd, "StoreDamaged", "a store whose format is no number"),
        (text, "StoreForeign", "a text file"),
        (directory, "StoreForeign", "a directory"),
        (folder / "absent.db", "StoreAbsent", "nothing"),
    ]


def spoil_exports(source: str, new_url: Callable[[], str], folder: Path, *, seed: int) -> str:
    """An export cut, edited, with a line missing, doubled or moved: refused, nothing kept."""
    choose = random.Random(seed)
    lines = etsledger(source, "export").out.splitlines(keepends=True)
    head = folder / "kept-head.json"
    head.write_bytes(etsledger(source, "head", "--format", "json").out)
    at = choose.randrange(30, len(lines) - 10)
    line = lines[at]
    edited = bytearray(line)
    edited[line.index(b'"quantity":') + 11] ^= 1
    middle = b"".join(lines[:at]) + line[: len(line) // 2]
    spoiled = {
        "cut in the middle of a line": middle,
        "an edited byte": b"".join([*lines[:at], bytes(edited), *lines[at + 1 :]]),
        "a missing line": b"".join([*lines[:at], *lines[at + 1 :]]),
        "the first line missing": b"".join(lines[1:]),
        "a doubled line": b"".join([*lines[:at], line, *lines[at:]]),
        "two lines exchanged": b"".join([*lines[:at], lines[at + 1], line, *lines[at + 2 :]]),
        "something else": b"id,account\n1,2\n",
        "binary": choose.randbytes(1000),
        "a line that is another JSON": b"".join([*lines[:at], b"{}\n", *lines[at:]]),
    }
    for name, content in spoiled.items():
        url = new_url()
        line_said = one_line(etsledger(url, "import", "-", given=content), 1, name)
        expect(line_said.startswith("error: ImportRefused: "), f"{name}: {line_said}")
        looked = etsledger(url, "head", "--format", "json")
        kept = json.loads(looked.out)["position"] if looked.code == 0 else 0
        expect(kept == 0, f"{name}: {kept} events were kept")
        done = etsledger(url, "import", "-", given=b"".join(lines))
        expect(done.code == 0 and whole(url) == len(lines), f"after {name}: {done.err}")
    # A file cut between two lines is a whole log of the past: only a kept head tells.
    url = new_url()
    cut = b"".join(lines[:at])
    line_said = one_line(
        etsledger(url, "import", "--head", str(head), "-", given=cut), 1, "cut between lines"
    )
    expect("kept" in line_said, line_said)
    expect(etsledger(url, "import", "-", given=cut).code == 0, "cut between lines, without --head")
    more = etsledger(url, "import", "--head", str(head), "-", given=b"".join(lines))
    expect(more.code == 0 and whole(url) == len(lines), f"going on: {more.err}")
    return f"{len(spoiled)} spoiled exports refused whole; one cut between lines, with --head only"
