"""CEL functions that the library lacks, wholly or for some types: it calls them where it has no overload."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from engine.expressions.rewriting import CHARACTERS, KEYS, OPEN, PUSH, TAKE

if TYPE_CHECKING:
    from collections.abc import Callable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = re.compile(r"([+-]?)(\d{1,2}):(\d{2})")
_TRUTH = {
    **dict.fromkeys(("true", "True", "TRUE", "t", "1"), True),
    **dict.fromkeys(("false", "False", "FALSE", "f", "0"), False),
}


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUTH:
        return _TRUTH[value]
    raise TypeError(f"bool() cannot read {value!r}")


def _string(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    raise TypeError(f"string() takes no {_kind(value)}")


def _int(value: object) -> int:
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(seconds=1)
    raise TypeError(f"int() takes no {_kind(value)}")


def _timestamp(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return _EPOCH + timedelta(seconds=value)
    raise TypeError(f"timestamp() takes no {_kind(value)}")


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    raise TypeError(f"duration() takes no {_kind(value)}")


def _kind(value: object) -> str:
    name = type(value).__name__
    return {"NoneType": "null", "dict": "map", "str": "string"}.get(name, name)


def _date_part(name: str, part: Callable[[datetime], int]) -> Callable[..., int]:
    """Make the form with a time zone. Offsets only: what a zone's name means changes with the machine."""

    def get(value: object, zone: object = None) -> int:
        if not isinstance(value, datetime):
            raise TypeError(f"{name}() takes a timestamp, not a {_kind(value)}")
        return part(value.astimezone(_zone(zone)))

    return get


def _zone(name: object) -> timezone:
    if name == "UTC":
        return UTC
    match = _OFFSET.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise ValueError(f"{name!r} is not a time zone here; write an offset like '+02:00'")
    minutes = int(match[2]) * 60 + int(match[3])
    return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))


_DATE_PARTS: dict[str, Callable[[datetime], int]] = {
    "getDate": lambda time: time.day,
    "getDayOfMonth": lambda time: time.day - 1,
    "getDayOfWeek": lambda time: time.isoweekday() % 7,
    "getDayOfYear": lambda time: time.timetuple().tm_yday - 1,
    "getFullYear": lambda time: time.year,
    "getHours": lambda time: time.hour,
    "getMilliseconds": lambda time: time.microsecond // 1000,
    "getMinutes": lambda time: time.minute,
    "getMonth": lambda time: time.month - 1,
    "getSeconds": lambda time: time.second,
}

HELPERS: dict[str, Callable[..., object]] = {
    "bool": _bool,
    "duration": _duration,
    "int": _int,
    "string": _string,
    "timestamp": _timestamp,
    CHARACTERS: len,
    KEYS: lambda value: sorted(value, key=lambda key: (type(key).__name__, key)),
    **{name: _date_part(name, part) for name, part in _DATE_PARTS.items()},
}
"""By name. They never see a clock: `timestamp` needs an argument."""


class Collector:
    """The lists that `map` and `filter` collect during one evaluation."""

    __slots__ = ("_lists",)

    def __init__(self) -> None:
        self._lists: dict[int, list[object]] = {}

    def functions(self) -> dict[str, Callable[..., object]]:
        """Give the helpers over these lists."""
        return {OPEN: self._open, PUSH: self._push, TAKE: self._lists.pop}

    def _open(self, number: int) -> bool:
        self._lists[number] = []
        return True

    def _push(self, number: int, value: object) -> bool:
        self._lists[number].append(value)
        return True
