"""The names an expression may use besides its roots, and how many arguments they take."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MACROS: dict[str, tuple[int, ...]] = {
    "all": (2,),
    "exists": (2,),
    "exists_one": (2,),
    "existsOne": (2,),
    "filter": (2,),
    "map": (2, 3),
}
"""Macros over a list or a map, with the argument counts that they take."""

TYPES = frozenset({"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"})

_GLOBAL = (1,)
_DATE_PART = (0, 1)

FUNCTIONS: dict[str, tuple[int, ...]] = {
    "bool": _GLOBAL,
    "bytes": _GLOBAL,
    "double": _GLOBAL,
    "duration": _GLOBAL,
    "dyn": _GLOBAL,
    "has": _GLOBAL,
    "int": _GLOBAL,
    "matches": (2,),
    "size": _GLOBAL,
    "string": _GLOBAL,
    "timestamp": _GLOBAL,
    "type": _GLOBAL,
    "uint": _GLOBAL,
}
"""Functions called as `f(x)`, with their argument counts."""

METHODS: dict[str, tuple[int, ...]] = {
    "contains": (1,),
    "endsWith": (1,),
    "getDate": _DATE_PART,
    "getDayOfMonth": _DATE_PART,
    "getDayOfWeek": _DATE_PART,
    "getDayOfYear": _DATE_PART,
    "getFullYear": _DATE_PART,
    "getHours": _DATE_PART,
    "getMilliseconds": _DATE_PART,
    "getMinutes": _DATE_PART,
    "getMonth": _DATE_PART,
    "getSeconds": _DATE_PART,
    "matches": (1,),
    "size": (0,),
    "startsWith": (1,),
}
"""Functions called as `x.f()`, with their argument counts beside `x`."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Give ` Did you mean a or b?`, or nothing when no known name is close."""
    close = get_close_matches(name, sorted(set(known)), n=2, cutoff=0.6)
    return f" Did you mean {' or '.join(close)}?" if close else ""
