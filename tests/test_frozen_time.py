"""A program whose tests stop the clock: the first question may be asked while it stands."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from freezegun import freeze_time
from etsledger.ledger import Ledger

with freeze_time("2024-06-01"), Ledger.open(sys.argv[1], create=True) as ledger:
    for command in (
        {"command": "open_registry", "id": "1", "registry": "trial", "rulebook": "open"},
        {"command": "issue", "id": "2", "registry": "trial", "unit": "CEA:2023", "quantity": 5},
    ):
        ledger.execute(command)
    [event] = ledger.events(types=["UnitsIssued"])
    [line] = ledger.statement("authority")
    [row] = ledger.balances()
    assert ledger.verify().ok
    print(event["recorded_at"], line["recorded_at"], row["quantity"])
"""


def test_the_first_question_under_a_stopped_clock(tmp_path: Path) -> None:
    # A process of its own: what answers questions must be imported while the clock stands.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "books.db")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.split() == ["2024-06-01T08:00:00+08:00"] * 2 + ["5"]
