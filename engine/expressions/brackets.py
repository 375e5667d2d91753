"""Open brackets of an expression while it is walked, and what is checked when they close."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.expressions.catalogue import FUNCTIONS, MACROS, METHODS

if TYPE_CHECKING:
    from engine.expressions.rewriting import Slot

CLOSERS = {"(": ")", "[": "]", "{": "}"}


@dataclass(slots=True)
class Operand:
    """The value just before a token: where it began, and what is known of it."""

    start: int
    """Offset in the source."""
    dependent: bool = False
    """It began with a macro's variable, so a macro over it visits a part of what the outer one visits."""
    list_literal: bool = False
    read: int | None = None
    """It is nothing but the read of this number."""


@dataclass(slots=True)
class Bracket:
    """An open bracket. `target` is the value it follows: of a method call, an index or a macro."""

    closer: str
    index: int
    """Index of the bracket's token."""
    target: Operand | None
    call: str | None = None
    method: bool = False
    name_start: int = 0
    target_end: int = 0
    commas: list[int] = field(default_factory=list)
    variable: str | None = None
    items: int = 0
    """Of `map`: uses of its variable and items of literals in its body, which may multiply a value."""
    reads: list[int] = field(default_factory=list)
    """Of `map`: reads in its body, but for the ranges of further macros."""
    collector: tuple[int, Slot] | None = None
    """Of `map` and `filter`: the number of the list that is collected, and the place of the body."""
    power: int = 0
    """How many macros around this bracket multiply their work."""

    def wrong_arguments(self, count: int) -> str | None:
        """What is wrong with the number of arguments, or None."""
        if self.call is None:
            return None
        table = MACROS if self.variable is not None else METHODS if self.method else FUNCTIONS
        allowed = table[self.call]
        if count in allowed:
            return None
        wanted = " or ".join(str(number) for number in allowed)
        return f"{self.call}() takes {wanted} argument{'' if allowed == (1,) else 's'}, not {count}"
