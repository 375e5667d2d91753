"""The body of a response: read up to a bound, decompressed up to the same bound, parsed by its type."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

from engine.json_text import JsonTextError, decode_text
from workers.runner.failure import JobFailure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from workers.http.config import Parse

ENCODINGS = "gzip, deflate"
_TEXT_TYPES = ("application/xml", "application/javascript", "application/x-www-form-urlencoded")
_AUTO_HEADER = 32
"""Added to zlib's window bits: tell gzip from zlib by the data's first bytes."""

_GZIP_MAGIC = 0x1F
_JSON_BEGINNINGS = (b"{", b"[", b'"')


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """All of the body, decompressed; JobFailure if it is larger than `limit` bytes or badly compressed."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return await _read_plain(response.aiter_raw(), limit)
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise _bad_body(f"the response has the content encoding {encoding!r}, which was not asked for")
    return await _read_compressed(response.aiter_raw(), limit)


def parse_body(response: httpx.Response, data: bytes, parse: Parse) -> object:
    """JSON as its value, text as a string, anything else as base64; `auto` goes by the content type.

    With `auto` an empty body is None, and what calls itself JSON but does not even begin like it is text.
    """
    kind = parse
    if parse == "auto":
        if not data:
            return None
        kind = _kind(response)
    if kind == "json":
        return _json(response, data, lenient=parse == "auto")
    if kind == "text":
        return _text(response, data)
    return base64.b64encode(data).decode("ascii")


def _kind(response: httpx.Response) -> Parse:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.endswith(("/json", "+json")):
        return "json"
    if media_type.startswith("text/") or media_type.endswith("+xml") or media_type in _TEXT_TYPES:
        return "text"
    return "bytes"


async def _read_plain(parts: AsyncIterator[bytes], limit: int) -> bytes:
    data = bytearray()
    async for part in parts:
        data += part
        if len(data) > limit:
            raise _too_large(limit)
    return bytes(data)


async def _read_compressed(parts: AsyncIterator[bytes], limit: int) -> bytes:
    """Decompress no more than the bound at a time: a few bytes may stand for gigabytes.

    A gzip body may have several members; what stands behind the last one is padding.
    """
    inflate = _inflater()
    data = bytearray()
    raw = 0
    try:
        async for part in parts:
            raw += len(part)
            if raw > limit:
                raise _too_large(limit)
            rest = part
            while rest:
                if inflate.eof:
                    if rest[0] != _GZIP_MAGIC:
                        return bytes(data)
                    inflate = _inflater()
                data += inflate.decompress(rest, limit + 1 - len(data))
                if len(data) > limit:
                    raise _too_large(limit)
                rest = inflate.unused_data
    except zlib.error as error:
        raise _bad_body(f"the response is badly compressed: {error}") from error
    if raw and not inflate.eof:
        raise _bad_body("the compressed response ends too early")
    return bytes(data)


def _inflater() -> zlib._Decompress:
    return zlib.decompressobj(zlib.MAX_WBITS | _AUTO_HEADER)


def _json(response: httpx.Response, data: bytes, *, lenient: bool) -> object:
    text = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return decode_text(text)
    except JsonTextError as error:
        if lenient and not text.lstrip().startswith(_JSON_BEGINNINGS):
            return _text(response, data)
        raise _bad_body(f"the response cannot be taken as JSON: {error}") from error


def _text(response: httpx.Response, data: bytes) -> str:
    try:
        text = data.decode(response.charset_encoding or "utf-8", "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")
    # Some charsets have lone surrogates, which JSON has not.
    return text.encode("utf-8", "replace").decode("utf-8")


def _bad_body(message: str) -> JobFailure:
    return JobFailure("HTTP_BODY", message, retryable=False)


def _too_large(limit: int) -> JobFailure:
    message = f"the response is larger than {limit} bytes (AOB_HTTP_MAX_BYTES)"
    return JobFailure("HTTP_RESPONSE_TOO_LARGE", message, retryable=False)
