"""Tampering with a store as someone would who may write the database.

Each case is done to a copy, with our guards dropped first, and verified twice: with the
guards gone, and with the guards made again, so that only what is in the tables can tell.
"""

import json
import random
from pathlib import Path

from sqlalchemy import delete

from causes.common import UNIT, expect, opening
from causes.copies import Copy, copy_of
from causes.tampering_cases import Case, cases, statements
from command_line import run
from etsledger.ledger import Ledger, snapshots
from etsledger.ledger.merkle import Frontier, Node
from etsledger.ledger.record import hash_of
from etsledger.ledger.tables import merkle_nodes
from etsledger.ledger.tree import ABOVE, keep_nodes
from helpers import command, replayed

ACCOUNTS = [f"account-{i}" for i in range(5)]
TRANSFERS = 400
"""More than the index by account may lag, so that it holds rows."""
MIDDLE = TRANSFERS // 2
"""Where the snapshot and the kept Merkle tree stand."""


def build(url: str) -> int:
    """A store with a batch, a snapshot, a kept frontier and an index; gives its events."""
    choose = random.Random(1)
    story = [*opening(ACCOUNTS, 1_000_000)]
    for number in range(TRANSFERS):
        source, target = choose.sample(ACCOUNTS, 2)
        story.append(command(
            "transfer", f"t{number}", unit=UNIT, quantity=choose.randint(1, 99), from_=source,
            to=target, kind="free", at="2024-06-01",
        ))  # fmt: skip
    children = [
        command("issue", f"b/{i}", unit=UNIT, quantity=1, to=ACCOUNTS[0], at="2024-07-01")
        for i in range(5)
    ]
    story.append(command("batch", "b", commands=children))
    with Ledger.open(url, create=True) as ledger:
        refused = [one for one in ledger.apply(story) if one.refusal is not None]
        expect(not refused, f"refused: {refused[:1]}")
        ledger.balances()
        store = ledger.store
        hashes = [hash_of(row.state) for row in store.rows(0, MIDDLE)]
        snapshots.save(store, replayed(ledger, MIDDLE), hashes[-1])
        frontier, grown = Frontier(), list[Node]()
        for one in hashes:
            frontier.append(bytes.fromhex(one), grown, ABOVE)
        with store.engine.begin() as connection:
            connection.execute(delete(merkle_nodes))
            keep_nodes(connection, store, frontier, grown)
        return store.head_position()


def tamper(url: str, folder: Path, *, seed: int, edits: int, twice: bool = True) -> str:
    """Every case on a copy of the store at ``url``, and the statements it refuses.

    ``edits`` is how many random bytes of random events are edited beside the stated cases;
    ``twice`` verifies also while the guards are gone.
    """
    events = build(url)
    copy = copy_of(url)
    copy.fresh()
    head = folder / "head.json"
    head.write_text(run(copy.url, "head", "--format", "json").stdout)
    code, found = _verify(copy)
    expect(code == 0, f"before anything: {found}")
    refused = _refuses(copy, events)
    done = cases(copy, events, MIDDLE, random.Random(seed), edits)
    unseen = [one.name for one in done if _find(copy, one, head, twice)]
    copy.close()
    return (
        f"{len(done)} ways to tamper found by verify, of which only with --head: "
        f"{', '.join(unseen)}; {refused} statements refused by the database"
    )


def _find(copy: Copy, case: Case, head: Path, twice: bool) -> bool:
    """Does one case and looks for it; gives whether only the kept head told."""
    copy.fresh()
    copy.drop_guards()
    case.act(copy)
    if twice:
        code, found = _verify(copy)
        checks = {check for check, _ in found}
        expect(code == 1 and "guard" in checks, f"{case.name}: the dropped guards: {found[:3]}")
    copy.make_guards()
    code, found = _verify(copy)
    if case.with_head:
        expect(code == 0, f"{case.name}: found without a head, which was not stated: {found[:3]}")
        code, found = _verify(copy, "--head", str(head))
    expect(code == 1, f"{case.name}: not found")
    named = [(check, position) for check, position in found if check == case.check]
    if case.position is not None:
        named = [one for one in named if one[1] == case.position]
    expect(named, f"{case.name}: {case.check} at {case.position} expected, found {found[:4]}")
    return case.with_head


def _verify(copy: Copy, *arguments: str) -> tuple[int, list[tuple[str, int | None]]]:
    done = run(copy.url, "verify", "--format", "json", *arguments)
    expect(done.stderr == "", f"verify said {done.stderr}")
    report = json.loads(done.stdout)
    return done.exit_code, [(one["check"], one["position"]) for one in report["findings"]]


def _refuses(copy: Copy, events: int) -> int:
    """With the guards in place the database itself refuses to change the log."""
    before = copy.execute("SELECT * FROM stored_events ORDER BY :pos")
    tried = statements(copy, events)
    for statement in tried:
        try:
            copy.execute(statement)
        except Exception as error:  # noqa: BLE001 - each database has its own
            expect("log" in str(error) or "unique" in str(error).lower(), f"{statement}: {error}")
        else:
            expect(False, f"the database took {statement}")
    after = copy.execute("SELECT * FROM stored_events ORDER BY :pos")
    expect(after == before, "a refused statement changed the log")
    return len(tried)
