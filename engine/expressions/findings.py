"""What the walk over an expression finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from engine.expressions.values import Path


class Read(NamedTuple):
    """A static path: its root and steps, whether only its presence is asked (`has`), and its place."""

    path: Path
    presence: bool
    offset: int


class Analysis(NamedTuple):
    """What the walk found."""

    text: str
    """What the library runs; `reads[i]` is its variable `__i`."""
    reads: tuple[Read, ...]
    path: Path | None
    """The path, if the whole expression is nothing else."""
    helpers: frozenset[str]
    """Functions that `text` calls and the library may lack."""
    literal_calls: tuple[str, ...]
    """Calls on one string literal that can be tried beforehand, as expressions."""
    power: int
    """How deep macros over unrelated ranges are nested: n items cost n ** power visits."""
    bodies: tuple[tuple[int, tuple[int, ...]], ...]
    """Of each `map`: by how much its body may multiply a value, besides the weight of these reads."""
    literals: int
    """Items of list and map literals."""
    sizes: bool = False
    """Whether macros ask again and again for the size of what is read, which goes through all of it."""
