"""Dead letters that always fit: whatever a stranger wrote, the letter about it can be delivered."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from storage.wire import encode

if TYPE_CHECKING:
    from engine.dead_letter import DeadLetter

VALUE_BYTES = 4 * 1024 * 1024
"""A public record is smaller (storage/kafka/topics.py); compressed, one may be larger all the same."""

KEY_BYTES = 1024
HEADERS_BYTES = 8 * 1024
REASON_CHARS = 1000
AUTHORIZATION = "authorization"
"""`storage.tokens.HEADER`; with that module come 25 MB of cryptography, which a runner does without."""


def as_record(letter: DeadLetter) -> tuple[bytes | None, bytes]:
    """Key and value of the letter's record in `dead.letters`.

    What is too long is cut, and the reason says so with the full size and SHA-256. Tokens are left out: who
    reads the letter must not be able to write as its author.
    """
    notes: list[str] = []
    key = _cut("key", letter.key, KEY_BYTES, notes)
    fitting = msgspec.structs.replace(
        letter,
        key=key,
        value=_cut("value", letter.value, VALUE_BYTES, notes),
        headers=_headers(letter.headers, notes),
        reason="; ".join([clipped(letter.reason, REASON_CHARS), *notes]),
    )
    # A key that was cut is not the key.
    return (letter.key if key == letter.key else None), encode(fitting)


def clipped(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _cut(name: str, data: bytes | None, most: int, notes: list[str]) -> bytes | None:
    if data is None or len(data) <= most:
        return data
    digest = hashlib.sha256(data).hexdigest()
    notes.append(f"the {name} of {len(data)} bytes, sha256 {digest}, is cut to its first {most}")
    return data[:most]


def _headers(headers: dict[str, bytes], notes: list[str]) -> dict[str, bytes]:
    kept: dict[str, bytes] = {}
    room, dropped = HEADERS_BYTES, 0
    for name, value in headers.items():
        if name.lower() == AUTHORIZATION:
            continue
        room -= len(name.encode()) + len(value)
        if room < 0:
            dropped += 1
        else:
            kept[name] = value
    if dropped:
        notes.append(f"{dropped} headers are left out: they have more than {HEADERS_BYTES} bytes")
    return kept
