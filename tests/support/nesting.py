"""Values that are nested."""

from __future__ import annotations

from typing import Any


def nested(depth: int) -> list[Any]:
    """A list `depth` levels deep."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def nested_text(depth: int) -> bytes:
    """The JSON of `nested`."""
    return b"[" * depth + b"]" * depth
