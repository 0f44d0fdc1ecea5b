"""The ledger: commands in, events out, kept for ever.

from etsledger.ledger import Ledger
"""

from etsledger.domain.errors import Refusal
from etsledger.ledger.application import Ledger
from etsledger.ledger.books import (
    AllocationRow,
    BalanceRow,
    BankingRow,
    ComplianceRow,
    ComplianceSummaryRow,
    CreditRow,
    EventRow,
    LeavingRow,
    MarketRow,
    StatementRow,
    SupplyRow,
)
from etsledger.ledger.clock import Clock, system_clock
from etsledger.ledger.errors import ImportRefused, LedgerError, StoreError
from etsledger.ledger.heads import Head, read_head
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.stretches import Line
from etsledger.ledger.verify import Finding, Report

__all__ = [
    "AllocationRow", "BalanceRow", "BankingRow", "Clock", "ComplianceRow",
    "ComplianceSummaryRow", "CreditRow", "EventRow", "Finding", "Head", "ImportRefused",
    "LeavingRow", "Ledger", "LedgerError", "Line", "MarketRow", "Outcome", "Refusal", "Report",
    "StatementRow", "StoreError", "SupplyRow", "read_head", "system_clock",
]  # fmt: skip
