"""Results of jobs as JSON."""

from __future__ import annotations

import math

import msgspec

from engine.json_text import MAX_DEPTH, is_too_deep
from workers.runner.failure import JobFailure

_encode = msgspec.json.Encoder().encode
_skip = msgspec.json.Decoder(msgspec.Raw).decode


def encode_output(value: object) -> bytes:
    """The JSON of what a job gave; JobFailure `OUTPUT_NOT_JSON` if it has none. See `checked_output`.

    Besides JSON's own types, what msgspec writes is fine: dataclasses, datetimes, UUIDs, enums, sets.
    """
    try:
        data = _encode(value)
        # NaN and the infinities are written as null: only an output that holds a null can hide one.
        hides = b"null" in data and _has_non_finite(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise _refuse(f"the output cannot be written as JSON: {error}") from error
    if hides:
        raise _refuse("the output holds NaN or an infinity, which JSON does not have")
    return data


def checked_output(data: bytes) -> bytes:
    """`data` if every reader takes it: JSON, and not too deep; else JobFailure `OUTPUT_NOT_JSON`."""
    try:
        # Only `msgspec.Raw` can bring in what the encoder did not write.
        _skip(data)
        data.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _refuse(f"the output is not JSON: {error}") from error
    if is_too_deep(data):
        raise _refuse(f"the output is nested more than {MAX_DEPTH} levels deep")
    return data


def _has_non_finite(value: object) -> bool:
    if value is None or isinstance(value, (str, bytes, bool, int)):
        return False
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_has_non_finite, value.values()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(map(_has_non_finite, value))
    plain = msgspec.to_builtins(value)
    return type(plain) is not type(value) and _has_non_finite(plain)


def _refuse(message: str) -> JobFailure:
    return JobFailure("OUTPUT_NOT_JSON", message, retryable=False)
