"""Runs every benchmark and prints one table: measure, ours, beside, ratio, bar, met.

``--quick`` builds ledgers of at most 100,000 events instead of 1,000,000. Each benchmark is a
process of its own; one that fails is named and the others still run. Answers 1 if a bar was
missed or a benchmark failed.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from common import DEFAULT_DATA, FULL, HERE, QUICK, RESULTS, show

SCRIPTS = {
    "writes": 10_000,
    "writers": 10_000,
    "replay": FULL,
    "questions": FULL,
    "processes": FULL,
    "verification": FULL,
    "proving": FULL,
    "growth": FULL,
    "compliance_year": QUICK,
    "comparing": FULL,
    "tracing": FULL,
    "explaining": FULL,
    "reporting": FULL,
    "what_if": QUICK,
    "trades": QUICK,
}
"""Script to the events of its ledger in a full run."""


def main() -> int:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="at most 100,000 events")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder for the stores")
    parser.add_argument("--seed", type=int, default=1, help="seed of every random choice")
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help=f"of {', '.join(SCRIPTS)}")
    given = parser.parse_args()
    names: list[str] = given.scripts or list(SCRIPTS)
    if unknown := set(names) - set(SCRIPTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    lines: list[dict[str, Any]] = []
    failed: list[str] = []
    for name in names:
        events = min(SCRIPTS[name], QUICK) if given.quick else SCRIPTS[name]
        before = runs()
        print(f"== {name}", flush=True)
        status = subprocess.run([
            sys.executable, str(HERE / f"{name}.py"),
            "--data", str(given.data), "--events", str(events), "--seed", str(given.seed),
        ], check=False).returncode  # fmt: skip
        if status or len(runs()) == len(before):
            failed.append(name)
        else:
            lines += runs()[-1]["lines"]
    print("\n== all")
    show(lines)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed or any(line["met"] is False for line in lines) else 0


def runs() -> list[dict[str, Any]]:
    """The runs kept so far, oldest first."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


if __name__ == "__main__":
    sys.exit(main())
