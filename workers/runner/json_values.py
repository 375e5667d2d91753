"""JSON that jobs are given: inputs and blobs. What is none fails the job, and no repetition mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from engine.json_text import MAX_DEPTH, is_too_deep
from workers.runner.failure import JobFailure

if TYPE_CHECKING:
    from engine.payload import Payload

_decode = msgspec.json.Decoder().decode
_skip = msgspec.json.Decoder(msgspec.Raw).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode

_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def inline_value(payload: Payload) -> Any:  # noqa: ANN401 (any JSON value)
    """The value of an inline payload."""
    return decode_value(payload.raw)


def decode_value(data: bytes | msgspec.Raw) -> Any:  # noqa: ANN401 (any JSON value)
    """The value of JSON text; JobFailure `INPUT_NOT_JSON`."""
    try:
        return _decode(data)
    except _NOT_JSON as error:
        raise _refuse(f"the input is not JSON: {error}") from error


def decode_elements(data: bytes) -> list[msgspec.Raw]:
    """The elements of a list, undecoded; JobFailure `NOT_A_LIST` for another value."""
    try:
        return _decode_list(data)
    except msgspec.ValidationError as error:
        raise JobFailure("NOT_A_LIST", f"a list was expected: {error}", retryable=False) from error
    except _NOT_JSON as error:
        raise _refuse(f"the input is not JSON: {error}") from error


def checked_blob(data: bytes) -> bytes:
    """`data` if it is JSON that may be let in, without decoding it: a blob is whatever somebody stored."""
    try:
        # Strings are skipped unread, so that they are UTF-8 has to be seen apart.
        _skip(data)
        data.decode()
    except _NOT_JSON as error:
        raise _refuse(f"a blob of the input is not JSON: {error}") from error
    if is_too_deep(data):
        raise _refuse(f"a blob of the input is nested more than {MAX_DEPTH} levels deep")
    return data


def _refuse(message: str) -> JobFailure:
    return JobFailure("INPUT_NOT_JSON", message, retryable=False)
