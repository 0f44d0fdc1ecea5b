"""Two viewpoints, and what counts at one of them only.

A fact counts at a viewpoint when it is effective by its as-of and at a position known there.
"""

from operator import ge, le
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, or_

from etsledger.domain.times import to_micros
from etsledger.projections.instants import Viewpoint


class Between:
    """Two viewpoints, and what counts at one of them only."""

    def __init__(self, before: Viewpoint, after: Viewpoint) -> None:
        self.before, self.after = before, after
        self._before = to_micros(before.as_of), before.upto
        self._after = to_micros(after.as_of), after.upto
        self._grows = all(map(le, self._before, self._after))
        self._shrinks = all(map(ge, self._before, self._after))

    @property
    def upto(self) -> int:
        """The last position that either knows."""
        return max(self.before.upto, self.after.upto)

    @property
    def none(self) -> bool:
        """Whether both are the same."""
        return self._grows and self._shrinks

    @property
    def less(self) -> Viewpoint:
        """The viewpoint at which nothing counts but at the other, too; the first if none is."""
        return self.after if self._shrinks else self.before

    def within(self, upto: int) -> "Between":
        """The same of the log up to a position."""
        before, after = self.before, self.after
        return Between(
            before._replace(upto=min(before.upto, upto)), after._replace(upto=min(after.upto, upto))
        )

    def condition(self, columns: Any) -> ColumnElement[bool]:
        """Counts at one viewpoint and not at the other."""
        early, late = sorted((self._before[0], self._after[0]))
        low, high = sorted((self.before.upto, self.after.upto))
        at, position = columns.effective_at, columns.position
        if low == high:
            return and_(at > early, at <= late, position <= high)
        if early == late:
            return and_(at <= late, position > low, position <= high)
        if self._grows or self._shrinks:
            return and_(at <= late, position <= high, or_(at > early, position > low))
        one = and_(at > early, at <= late, position <= low)
        return or_(one, and_(at <= early, position > low, position <= high))

    def total(self, columns: Any) -> ColumnElement[int]:
        """What the postings that count at one viewpoint only change together, in tonnes."""
        if self._grows:
            return func.sum(columns.quantity)
        if self._shrinks:
            return -func.sum(columns.quantity)
        at, upto = self._after
        came = and_(columns.effective_at <= at, columns.position <= upto)
        return func.sum(case((came, columns.quantity), else_=-columns.quantity))

    def came(self, at: int, position: int) -> bool:
        """Whether a fact that counts at one viewpoint only counts at the second."""
        return at <= self._after[0] and position <= self._after[1]

    def why(self, at: int, position: int) -> str:
        """Why a fact counts at one viewpoint only."""
        came = self.came(at, position)
        instant, known = self._before if came else self._after
        return (_CAME if came else _WENT)[at > instant, position > known]


_CAME: Final = {
    (True, True): "took effect and became known",
    (True, False): "took effect",
    (False, True): "became known",
}
_WENT: Final = {
    (True, True): "not yet in effect, not yet known",
    (True, False): "not yet in effect",
    (False, True): "not yet known",
}
