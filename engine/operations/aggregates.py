"""The strategies of an `aggregate` node.

`merge` puts objects together (later ones win); `concat` puts lists together; `sum`, `min`, `max` are over
numbers (`by` picks the number of each item); `count` counts items (with `by`, those for which it is true);
`group` makes an object of lists by the string form of `by`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from engine.expressions import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable

Values = list[Any]
Keys = list[Any] | None


def _fail(message: str) -> ExpressionError:
    return ExpressionError("EXPRESSION_TYPE", message)


def _numbers(strategy: str, values: Values, keys: Keys) -> list[int | float]:
    numbers = values if keys is None else keys
    for index, number in enumerate(numbers):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise _fail(f"aggregate `{strategy}` needs numbers; element {index} is {type(number).__name__}")
    return numbers


def _merge(values: Values, _keys: Keys) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            raise _fail(f"aggregate `merge` needs objects; element {index} is {type(value).__name__}")
        merged.update(value)
    return merged


def _concat(values: Values, _keys: Keys) -> list[Any]:
    joined: list[Any] = []
    for index, value in enumerate(values):
        if not isinstance(value, list):
            raise _fail(f"aggregate `concat` needs lists; element {index} is {type(value).__name__}")
        joined.extend(value)
    return joined


def _sum(values: Values, keys: Keys) -> int | float:
    total = sum(_numbers("sum", values, keys))
    if not math.isfinite(total):
        raise ExpressionError("EXPRESSION_FAILED", "the sum is beyond the largest number that JSON can hold")
    return total


def _min(values: Values, keys: Keys) -> int | float | None:
    return min(_numbers("min", values, keys), default=None)


def _max(values: Values, keys: Keys) -> int | float | None:
    return max(_numbers("max", values, keys), default=None)


def _count(values: Values, keys: Keys) -> int:
    return len(values) if keys is None else sum(1 for key in keys if key is True)


def _group(values: Values, keys: Keys) -> dict[str, list[Any]]:
    if keys is None:
        raise _fail("aggregate `group` needs `by`")
    groups: dict[str, list[Any]] = {}
    for key, value in zip(keys, values, strict=True):
        groups.setdefault(_name(key), []).append(value)
    return groups


def _name(key: object) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if key is None:
        return "null"
    if isinstance(key, str | int | float):
        return str(key)
    raise _fail(
        f"aggregate `group` needs keys that are strings, numbers, bools or null, not {type(key).__name__}"
    )


STRATEGIES: dict[str, Callable[[Values, Keys], Any]] = {
    "merge": _merge,
    "concat": _concat,
    "sum": _sum,
    "min": _min,
    "max": _max,
    "count": _count,
    "group": _group,
}


def aggregate(strategy: str, values: Values, keys: Keys) -> Any:  # noqa: ANN401 (any JSON value)
    """Aggregate `values`; `keys` are what `by` gave for each. ExpressionError if they do not fit."""
    return STRATEGIES[strategy](values, keys)
