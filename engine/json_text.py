"""JSON from outside: the one rule of what is let in, so that no later reader has to fear what was."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any, Final

import msgspec

MAX_DEPTH: Final = 200
"""Levels of nesting. Values travel inside events, which nest them further, and decoders recurse."""

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKETS: Final = b"[]{}"
_OTHERS: Final = bytes(set(range(256)) - set(_BRACKETS))
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_decode: Final = msgspec.json.Decoder().decode


class JsonTextError(ValueError):
    """Text that is no JSON, or more deeply nested than `MAX_DEPTH`; the message says which and where."""


def decode_text(data: bytes | memoryview | str) -> Any:  # noqa: ANN401 (any JSON value)
    """Decode foreign JSON; JsonTextError says why not."""
    try:
        value = _decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise JsonTextError(f"this is not JSON: {error}") from error
    text = data.encode() if isinstance(data, str) else bytes(data)
    if is_too_deep(text):
        raise JsonTextError(f"the value is nested more than {MAX_DEPTH} levels deep")
    return value


def is_too_deep(data: bytes) -> bool:
    """Whether valid JSON nests deeper than `MAX_DEPTH`."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", data).translate(None, _OTHERS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > MAX_DEPTH
