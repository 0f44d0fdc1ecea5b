"""The rows that answer questions of compliance years: what is owed, met and given out."""

from typing import Any, TypedDict


class ComplianceRow(TypedDict):
    """Where an entity stands with a compliance year (tonnes; the fine in CNY).

    ``allocated`` is all that was handed out for the year; with a final allocation,
    allocated - recalled - recall_open = entitlement - deductions. ``deadline`` is the last
    second that is in time.
    """

    registry: str
    entity: str
    year: int
    verified_emissions: int | None
    entitlement: int | None
    pre_allocated: int
    allocated: int
    recalled: int
    recall_open: int
    borrowed: int
    obligation: int
    surrendered: int
    pending: int
    offsets: int
    green_power: int
    outstanding: int
    deadline: str | None
    status: str
    fine: str | None


class ComplianceSummaryRow(TypedDict):
    """Entities of one sector and province in a year: tonnes, and how many have which status.

    The row without sector and province is the year's total.
    """

    registry: str
    year: int
    sector: str | None
    province: str | None
    entities: int
    verified_emissions: int
    obligation: int
    surrendered: int
    pending: int
    outstanding: int
    NOT_DUE: int
    OPEN: int
    PARTIAL: int
    COMPLIANT: int
    LATE_COMPLIANT: int
    PENDING: int
    NON_COMPLIANT: int
    EXEMPT: int


class AllocationRow(TypedDict):
    """An allocation as it was decided, or as it would be by what is on record (tonnes).

    ``lines`` and ``adjustments`` are the calculation, ``deductions`` what was kept of it,
    each of them in ``deduction_lines`` with what remains; ``difference`` = entitlement -
    pre_allocated - deductions: above zero handed out at the end, below zero recalled.
    ``computed`` is what the formula gives where the authority's figure stands instead;
    ``custodian`` the province's account that keeps what was granted to an entity at risk.
    """

    registry: str
    entity: str
    year: int
    unit: str | None
    final: bool
    draft: bool
    lines: list[dict[str, Any]]
    subtotal: int | None
    adjustments: list[dict[str, Any]]
    entitlement: int | None
    approved: int | None
    computed: int | None
    pre_allocated: int
    pre_allocation: dict[str, Any] | None
    deductions: int
    deduction_lines: list[dict[str, Any]]
    difference: int | None
    recalled: int
    recall_open: int
    gap_rate: str | None
    verified_emissions: int | None
    custodian: str | None
    restated_since: bool
    position: int | None
    command_id: str | None
    supersedes: str | None
    rule: str | None
    source: str | None
    reason: str | None
    rulebook: dict[str, str]
