"""Request bodies: read up to a limit, decoded strictly, refused with a JSON pointer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

from api.problems import Problem
from engine.errors import Issue
from engine.json_text import JsonTextError, decode_text

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")

_PLACE = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_FIELD = re.compile(r"(?:unknown|missing required) field `(?P<name>.*)`", re.DOTALL)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body; 413 when it has more than `limit` bytes, before they are all received."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def decode_body(decoder: msgspec.json.Decoder[T], data: bytes, *, at: str = "") -> T:
    """Decode a body, or the part of one that stands at the pointer `at`.

    Problem JSON_INVALID (400) when it is no JSON, BODY_INVALID (422) when it has another shape.
    """
    try:
        # Undecoded parts are passed by without a look at their text, which must be UTF-8 nevertheless.
        if not data.isascii():
            data.decode()
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        issue = _issue(str(error), at)
        raise Problem(422, "BODY_INVALID", "the body does not fit its schema", errors=[issue]) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message = f"this is not JSON: {error}" if data else "the body is empty: send JSON"
        raise Problem(400, "JSON_INVALID", message, errors=[Issue(at, message, "JSON_INVALID")]) from error


def json_value(raw: msgspec.Raw, *, at: str) -> object:
    """The value of an undecoded part; Problem JSON_INVALID for what only that finds (`1e999`, depth)."""
    try:
        value: object = decode_text(memoryview(raw))
    except JsonTextError as error:
        message = str(error)
        raise Problem(400, "JSON_INVALID", message, errors=[Issue(at, message, "JSON_INVALID")]) from error
    return value


def _too_large(limit: int) -> Problem:
    return Problem(413, "BODY_TOO_LARGE", f"the body may have {limit} bytes at most")


def _issue(text: str, at: str) -> Issue:
    """What msgspec says, its path (`$.a[0]`) as a JSON pointer, which an unknown field's name belongs to."""
    found = _PLACE.match(text)
    message, path = (found["message"], found["path"] or "") if found else (text, "")
    parts = [name or index for name, index in _STEP.findall(path)]
    field = _FIELD.search(message)
    if field:
        parts.append(field["name"])
    return Issue(at + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts), message)
