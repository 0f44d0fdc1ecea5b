"""The names of the front door: ``from etsledger.ledger import …`` finds them here.

They are loaded when the first of them is asked for, so that what needs no store (checking a
proof) can use a module of this package without loading one.
"""

from etsledger.domain.errors import Refusal
from etsledger.ledger.application import Ledger
from etsledger.ledger.backups import Backup, Restored, restore
from etsledger.ledger.clock import Clock, system_clock
from etsledger.ledger.comparisons import Addition, Replay, WhatIf
from etsledger.ledger.errors import ImportRefused, LedgerError, StoreError
from etsledger.ledger.explanations import BalanceExplanation, Explanation, YearExplanation
from etsledger.ledger.extracts import Extract, ExtractVerdict, check_extract
from etsledger.ledger.feed import Cursor
from etsledger.ledger.heads import Epoch, Head, read_head, read_heads
from etsledger.ledger.names import NameRow
from etsledger.ledger.office_rows import (
    ActorRow,
    DeadlineRow,
    EntityRow,
    LateRow,
    PeriodRow,
    ProposalRow,
)
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.proofs import Proof, Verdict, check_proof
from etsledger.ledger.publishing import NotPublished, Publish, publish_heads
from etsledger.ledger.reconciliation import NearEvent, OutsideRow, ReconciliationRow
from etsledger.ledger.rows import (
    BalanceRow,
    BankingRow,
    CreditRow,
    EventRow,
    LeavingRow,
    MarketRow,
    StatementRow,
    SupplyRow,
)
from etsledger.ledger.signatures import new_key, read_public_key
from etsledger.ledger.stretches import Line
from etsledger.ledger.verify import Finding, Report
from etsledger.ledger.year_rows import AllocationRow, ComplianceRow, ComplianceSummaryRow

__all__ = [
    "ActorRow", "Addition", "AllocationRow", "Backup", "BalanceExplanation", "BalanceRow",
    "BankingRow", "Clock", "ComplianceRow", "ComplianceSummaryRow", "CreditRow", "Cursor",
    "DeadlineRow", "EntityRow", "Epoch", "EventRow", "Explanation", "Extract", "ExtractVerdict",
    "Finding", "Head", "ImportRefused", "LateRow", "LeavingRow", "Ledger", "LedgerError", "Line",
    "MarketRow", "NameRow", "NearEvent", "NotPublished", "Outcome", "OutsideRow", "PeriodRow",
    "Proof", "ProposalRow", "Publish", "ReconciliationRow", "Refusal", "Replay", "Report",
    "Restored", "StatementRow", "StoreError", "SupplyRow", "Verdict", "WhatIf", "YearExplanation",
    "check_extract", "check_proof", "new_key", "publish_heads", "read_head", "read_heads",
    "read_public_key", "restore", "system_clock",
]  # fmt: skip
