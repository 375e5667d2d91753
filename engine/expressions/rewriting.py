"""Edits that turn a source into the text for the library.

Three things are mended where the library differs from CEL or from what an engine needs:

- It walks maps in an order that changes with every process: a macro over a map gets its keys sorted.
- Its `size` of a string counts bytes: a helper counts code points.
- Its `map` and `filter` copy the list for every item, so 10,000 items take seconds: `all` walks the list
  instead, and helpers collect the items.

The first two wrap a value `X` as `[X].map(v, <choice by type(v)>)[0]`: no helper is called unless it has to.
"""

from __future__ import annotations

from dataclasses import dataclass

KEYS = "__keys"
"""Helper: the sorted keys of a map."""

CHARACTERS = "__size"
"""Helper: the number of code points of a string."""

OPEN, PUSH, TAKE = "__open", "__push", "__take"
"""Helpers: begin list number i, append to it, get it; the first two are true."""

_RANGE = f"].map(__r, type(__r) == map ? {KEYS}(__r) : __r)[0]"
_SIZE = f"].map(__s, type(__s) == string ? {CHARACTERS}(__s) : size(__s))[0]"


@dataclass(slots=True)
class Slot:
    """A replacement of `source[start:end]`; its text may be set later."""

    start: int
    end: int
    text: str
    rank: int


class Edits:
    """Replacements in a source, at places that do not overlap."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []
        self.helpers: set[str] = set()

    def replace(self, start: int, end: int, text: str) -> None:
        """Put `text` where `source[start:end]` stood."""
        self._slots.append(Slot(start, end, text, 1))

    def insert(self, start: int, text: str = "") -> Slot:
        """Put `text` before everything else at `start`; the text may be set later."""
        slot = Slot(start, start, text, -len(self._slots) - 1_000_000)
        self._slots.append(slot)
        return slot

    def wrap(self, start: int, prefix: str) -> None:
        """Put `prefix` at `start`, around what was wrapped there before."""
        self._slots.append(Slot(start, start, prefix, -len(self._slots)))

    def guard_range(self, start: int, end: int) -> None:
        """Let a macro over `source[start:end]` see sorted keys, if it is a map."""
        self.helpers.add(KEYS)
        self.wrap(start, "[")
        self.replace(end, end, _RANGE)

    def guard_size_call(self, start: int, argument: int, close: int) -> None:
        """Mend `size(x)`: it starts at `start`, its argument at `argument`, its `)` is at `close`."""
        self.helpers.add(CHARACTERS)
        self.replace(start, argument, "[")
        self.replace(close, close + 1, _SIZE)

    def guard_size_method(self, start: int, target_end: int, end: int) -> None:
        """Mend `x.size()`, where `x` is `source[start:target_end]` and the call ends at `end`."""
        self.helpers.add(CHARACTERS)
        self.wrap(start, "[")
        self.replace(target_end, end, _SIZE)

    def as_method(self, start: int, argument: int, comma: int, method: str) -> None:
        """Turn `f(a, b)`, which starts at `start`, into `(a).f(b)`."""
        self.replace(start, argument, "(")
        self.replace(comma, comma + 1, f").{method}(")

    def collect(self, body: Slot, number: int, commas: list[int], close: int, variable: str | None) -> None:
        """Turn the arguments of `x.map(v, e)`, `x.map(v, c, e)` or, with `variable`, `x.filter(v, c)`.

        `body` is the place after the first comma, `number` that of the list; `x.map` is `x.all` already, and
        `x` is wrapped by `collector`.
        """
        self.helpers |= {OPEN, PUSH, TAKE}
        body.text = "("
        end = ") : true)"
        if variable is not None:
            end = f") ? {PUSH}({number}, {variable}) : true)"
        elif len(commas) > 1:
            self.replace(commas[1], commas[1] + 1, f") ? {PUSH}({number}, ")
        else:
            body.text, end = f"{PUSH}({number}, ", "))"
        self.replace(close, close + 1, f"{end} ? {TAKE}({number}) : [])")

    def collector(self, start: int, name_start: int, name_end: int, number: int) -> None:
        """Begin list `number` before the value at `start`, and call `all` on that value."""
        self.wrap(start, f"({OPEN}({number}) && ")
        self.replace(name_start, name_end, "all")

    def apply(self, source: str) -> str:
        """Give the edited text."""
        parts: list[str] = []
        at = 0
        for slot in sorted(self._slots, key=lambda slot: (slot.start, slot.rank)):
            parts += (source[at : slot.start], slot.text)
            at = slot.end
        parts.append(source[at:])
        return "".join(parts)
