"""JSON values on their way into an expression and out of it."""

from __future__ import annotations

import base64
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from engine.expressions.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Mapping


Path = tuple[str | int, ...]
"""A root and the steps below it: names of keys, indices of items."""

MAX_DEPTH = 128
"""Lists and maps within one another: the library recurses natively, so deeper ones could end the process."""

_INT64 = range(-(2**63), 2**63)
CHARACTERS_PER_ITEM = 32
"""So many characters weigh what a list item weighs."""


class Missing:
    """A path that leads nowhere; `depth` steps of it exist."""

    __slots__ = ("depth", "found")

    def __init__(self, depth: int, found: object) -> None:
        self.depth = depth
        self.found = found

    def explain(self, path: Path) -> str:
        """Say what is missing: `nodes.a has no key output`."""
        if self.depth == 0:
            return f"there is no {path[0]} here"
        known, step = spell(path[: self.depth]), path[self.depth]
        if isinstance(self.found, dict):
            return f"{known} has no key {step!r}; ask with has({spell(path[: self.depth + 1])}) first"
        if isinstance(self.found, list) and isinstance(step, int):
            return f"{known} has {len(self.found)} items, so none at {step}"
        return f"{known} is {kind_of(self.found)}, so {step!r} cannot be read from it"


def spell(path: Path) -> str:
    """Write a path as an expression would: `nodes.a["x-y"][0]`."""
    text = str(path[0])
    for step in path[1:]:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if step.isidentifier() and step.isascii() else f'["{step}"]'
    return text


def kind_of(value: object) -> str:
    """Name the JSON type of a value, with its article."""
    names = {bool: "a bool", int: "an int", float: "a double", str: "a string", list: "a list", dict: "a map"}
    return "null" if value is None else names.get(type(value), f"a {type(value).__name__}")


def find(scope: Mapping[str, object], path: Path) -> object:
    """Follow a path; a `Missing` where it leads nowhere."""
    value: object = scope
    for depth, step in enumerate(path):
        if depth == 0 or type(value) is dict:
            try:
                value = value[step]  # type: ignore[index]  # a mapping: the scope, or a dict
            except KeyError:
                return Missing(depth, value)
        elif type(value) is list and type(step) is int and step < len(value):
            value = value[step]
        else:
            return Missing(depth, value)
    return value


def weigh(value: object, room: int = MAX_DEPTH) -> int:
    """Check that the library can take a value; its size in items. ExpressionError otherwise."""
    kind = type(value)
    if kind is str:
        return 1 + len(value) // CHARACTERS_PER_ITEM  # type: ignore[arg-type]
    if kind is int:
        return _weigh_int(value)  # type: ignore[arg-type]
    if kind is bool or value is None or kind is float:
        return 1
    if room <= 0:
        raise too_deep()
    weight = 1
    if kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str:
                raise _failed(f"the key {key!r} of a map is not a string")
            weight += weigh(item, room - 1)
        return weight
    if kind is list:
        for item in value:  # type: ignore[attr-defined]
            weight += weigh(item, room - 1)
        return weight
    raise _failed(f"a value of type {kind.__name__} is not JSON")


def _weigh_int(value: int) -> int:
    # the library would take a larger one as a double, and round it
    if value not in _INT64:
        raise _failed(f"the integer {str(value)[:40]} does not fit 64 bits; pass it as a string")
    return 1


def plain(value: object, room: int = MAX_DEPTH, *, ordered: bool = False) -> object:
    """Copy a result as plain JSON.

    Timestamps become RFC 3339 strings, durations strings like `1.5s`, bytes base64. Keys are sorted unless
    `ordered` says that their order means something: the library's own order changes with every process.
    """
    kind = type(value)
    if value is None or kind is bool or kind is str or kind is int:
        return value
    if kind is float:
        if not math.isfinite(value):  # type: ignore[arg-type]
            raise _failed(f"the result holds {value}, which JSON cannot; test the divisor first")
        return value
    if room <= 0:
        raise too_deep()
    if isinstance(value, dict):
        return _plain_map(value, room, ordered=ordered)
    if isinstance(value, list):
        return [plain(item, room - 1, ordered=ordered) for item in value]
    return _plain_scalar(value)


def _plain_map(value: dict[object, object], room: int, *, ordered: bool) -> dict[str, object]:
    keys: list[str] = []
    for key in value:
        if not isinstance(key, str):
            raise _failed(f"the key {key!r} of the result is not a string; write string({key!r})")
        keys.append(key)
    if not ordered:
        keys.sort()
    return {key: plain(value[key], room - 1, ordered=ordered) for key in keys}


def _plain_scalar(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return _seconds(value)
    raise _failed(f"the result holds a {type(value).__name__}, which JSON cannot")


def _seconds(value: timedelta) -> str:
    micros = value // timedelta(microseconds=1)
    whole, part = divmod(abs(micros), 1_000_000)
    fraction = f".{part:06}".rstrip("0") if part else ""
    return f"{'-' if micros < 0 else ''}{whole}{fraction}s"


def too_deep() -> ExpressionError:
    """Give the error for values nested beyond MAX_DEPTH."""
    return ExpressionError("EXPRESSION_TOO_LARGE", f"a value is nested deeper than {MAX_DEPTH} levels")


def _failed(message: str) -> ExpressionError:
    return ExpressionError("EXPRESSION_FAILED", message)
