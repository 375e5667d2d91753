"""A budget of work, shared by the many evaluations of one operation."""

from __future__ import annotations


class OverBudgetError(Exception):
    """The work would exceed the budget; nothing is known of the result."""


class Meter:
    """Counts work, estimated from above before it is done; a unit is about a microsecond."""

    __slots__ = ("_left",)

    def __init__(self, budget: int) -> None:
        self._left = budget

    def spend(self, work: int) -> None:
        """Count what is about to be done; OverBudgetError when that is too much."""
        self._left -= work
        if self._left < 0:
            raise OverBudgetError
