"""A calculation of an entitlement, as it stands in the log: lines, adjustments, result.

Each line names the rule and the source of its figures; a source that says DRAFT rests on a
text for comment. Fields stand in the alphabetical order of their JSON names: calculations
are stored inside events.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec
from msgspec import field


class Line(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True,
    forbid_unknown_fields=True,
):  # fmt: skip
    """What one unit or industrial line is given (tonnes of CO2e).

    For a generating unit: ``electricity`` = MWh x ``benchmark`` x ``factor`` and ``heat`` =
    GJ x ``heat_benchmark``; ``factors`` names the parts of ``factor`` where it has several.
    For an industrial line: ``emissions`` x ``factor`` (1 + α, ten places shown, α exact
    inside), by its ``intensity`` against the balance value (``benchmark``), both in tCO2e per
    tonne of product; ``class`` is the product. A line for what was emitted has its
    ``emissions`` only; without a ``unit_id`` it stands for the whole entity.
    """

    amount: int
    benchmark: Decimal | None = None
    class_: str | None = field(default=None, name="class")
    electricity: int | None = None
    electricity_mwh: Decimal | None = None
    emissions: int | None = None
    factor: Decimal = Decimal(1)
    factors: dict[str, Decimal] = {}
    heat: int | None = None
    heat_benchmark: Decimal | None = None
    heat_gj: Decimal | None = None
    intensity: Decimal | None = None
    output_t: Decimal | None = None
    rule: str
    source: str
    unit_id: str | None = None


class Adjustment(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True,
    forbid_unknown_fields=True,
):  # fmt: skip
    """Tonnes on top of the lines (below zero: off them); without ``unit_id`` the entity's."""

    amount: int
    rule: str
    source: str
    unit_id: str | None = None


class Calculation(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True,
    forbid_unknown_fields=True,
):  # fmt: skip
    """An entitlement and how it came about: ``subtotal`` + the adjustments (tonnes).

    Where the authority gave a figure, the entitlement is that figure (with what it added
    beside it) and ``computed`` is what the rulebook makes of the report, if it can; lines
    and ``subtotal`` then explain ``computed``.
    """

    adjustments: tuple[Adjustment, ...] = ()
    computed: int | None = None
    draft: bool = False
    entitlement: int
    lines: tuple[Line, ...] = ()
    rule: str
    source: str
    subtotal: int

    def with_given(self, given: Iterable[tuple[str, int, str]]) -> "Calculation":
        """The same with adjustments that the authority gives: ``(rule, tonnes, source)``."""
        added = tuple(
            Adjustment(amount=amount, rule=rule, source=source) for rule, amount, source in given
        )
        return msgspec.structs.replace(
            self,
            adjustments=(*self.adjustments, *added),
            entitlement=self.entitlement + sum(one.amount for one in added),
        )
