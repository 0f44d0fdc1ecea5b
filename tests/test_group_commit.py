"""Threads that write at the same time share a commit, and each gets its own answer."""

import sqlite3
import threading
from pathlib import Path

from etsledger.ledger import Ledger, Refusal

THREADS, EACH = 8, 25


def test_threads_share_commits_and_every_command_is_answered_by_itself(tmp_path: Path) -> None:
    at = {"registry": "trial", "effective_at": "2024-01-01"}
    told: dict[str, str] = {}

    def write(name: int) -> None:
        for i in range(EACH):
            command_id = f"{name}/{i}"
            # Every fifth asks for more than there is: one refusal refuses nobody else.
            tonnes = 10**9 if i % 5 == 4 else 1
            move = {"unit": "X", "quantity": tonnes, "from": "authority", "to": "desk"}
            try:
                outcome = ledger.execute(
                    {"command": "transfer", "kind": "free", "id": command_id, **move, **at}
                )
                told[command_id] = outcome.outcome
            except Refusal as refusal:
                told[command_id] = refusal.code

    with Ledger.open(tmp_path / "b.db", create=True) as ledger:
        for command in (
            {"command": "open_registry", "id": "r", "rulebook": "open"},
            {"command": "open_account", "id": "a", "account": "desk", "kind": "institution"},
            {"command": "issue", "id": "i", "unit": "X", "quantity": 1_000},
        ):
            ledger.execute({**command, **at})
        threads = [threading.Thread(target=write, args=(name,)) for name in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        accepted = [name for name, outcome in told.items() if outcome == "accepted"]
        refused = [name for name, outcome in told.items() if outcome == "InsufficientUnits"]
        assert len(accepted) == THREADS * EACH * 4 // 5
        assert len(refused) == THREADS * EACH // 5
        [row] = ledger.balances(account="desk")
        assert row["quantity"] == len(accepted)
        assert ledger.verify().ok
    # A commit gives all its events one recorded time.
    with sqlite3.connect(tmp_path / "b.db") as connection:
        query = "SELECT json_extract(state, '$.record.recorded_at') FROM stored_events"
        commits = {time for (time,) in connection.execute(query)}
    connection.close()
    assert len(commits) < len(accepted) + 3
