"""`DeadLetter`: a record that could not be decoded or processed, whole."""

from __future__ import annotations

import msgspec


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Where it stood, what it was, and why `processor` could do nothing with it. `at` is Unix ms."""

    processor: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes] = {}
    code: str
    reason: str
    at: int
