"""Bodies of responses: compressed or not, bounded, parsed."""

from __future__ import annotations

import base64
import gzip
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.nesting import nested_text
from tests.unit.workers.http_server import Server, answer
from workers.http.body import _read_compressed
from workers.runner.failure import JobFailure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from workers.http import HttpClient


async def _get(client: HttpClient, config: dict[str, object]) -> dict[str, Any]:
    output = await client.request(config, "key", None)
    assert isinstance(output, dict)
    return output


async def _fails(client: HttpClient, config: object) -> JobFailure:
    with pytest.raises(JobFailure) as caught:
        await client.request(config, "key", None)
    return caught.value


@pytest.mark.parametrize(
    ("parse", "content_type", "data", "body"),
    [
        ("auto", "text/plain; charset=latin-1", "ü".encode("latin-1"), "ü"),
        ("auto", "application/problem+json", b"{}", {}),
        ("auto", "application/json", b"<oops>", "<oops>"),
        ("auto", "application/octet-stream", b"\x00\xff", base64.b64encode(b"\x00\xff").decode()),
        ("auto", "application/atom+xml", b"<a/>", "<a/>"),
        ("json", "text/plain", b"\xef\xbb\xbf[1]", [1]),
        ("text", "application/json", b"[1]", "[1]"),
        ("text", "text/plain; charset=unheard-of", b"a", "a"),
        ("bytes", "text/plain", b"a", "YQ=="),
        ("text", "text/plain", b"", ""),
    ],
)
async def test_parsing(
    client: HttpClient, server: Server, parse: str, content_type: str, data: bytes, body: object
) -> None:
    server.answers["/"] = answer(200, data, content_type=content_type)
    assert (await _get(client, {"url": server.url(), "parse": parse}))["body"] == body


@pytest.mark.parametrize("parse", ["json", "auto"])
@pytest.mark.parametrize(
    "data",
    [
        b"[NaN]",
        b'{"a":',
        b'["\xff"]',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b"[1e999]",
        nested_text(201),
        nested_text(5000),
    ],
)
async def test_json_that_is_none(client: HttpClient, server: Server, data: bytes, parse: str) -> None:
    server.answers["/"] = answer(200, data, content_type="application/json")
    failure = await _fails(client, {"url": server.url(), "parse": parse})
    assert (failure.code, failure.retryable) == ("HTTP_BODY", False)


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "undefined", "hex"])
async def test_text_of_odd_charsets_is_text(client: HttpClient, server: Server, charset: str) -> None:
    server.answers["/"] = answer(200, b"+2AA- \\ud800", content_type=f"text/plain; charset={charset}")
    body = (await _get(client, {"url": server.url()}))["body"]
    body.encode("utf-8")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-gzip"])
async def test_compressed_bodies(client: HttpClient, server: Server, encoding: str) -> None:
    data = b"row\n" * 1000
    packed = zlib.compress(data) if encoding == "deflate" else gzip.compress(data)
    server.answers["/"] = answer(200, packed, content_encoding=encoding, content_type="text/csv")
    assert (await _get(client, {"url": server.url()}))["body"] == data.decode()
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("compressed", [False, True])
async def test_a_response_is_bounded(client: HttpClient, server: Server, compressed: bool) -> None:  # noqa: FBT001
    data = b"0" * 5_000_000
    server.answers["/"] = (
        answer(200, gzip.compress(data), content_encoding="gzip") if compressed else answer(200, data)
    )
    failure = await _fails(client, {"url": server.url()})
    assert (failure.code, failure.retryable) == ("HTTP_RESPONSE_TOO_LARGE", False)


@pytest.mark.parametrize("padding", [b"", b"\n", b"\0" * 512])
async def test_gzip_of_several_members(client: HttpClient, server: Server, padding: bytes) -> None:
    packed = gzip.compress(b"a" * 100) + gzip.compress(b"") + gzip.compress(b"b" * 100) + padding
    server.answers["/"] = answer(200, packed, content_encoding="gzip", content_type="text/plain")
    assert (await _get(client, {"url": server.url()}))["body"] == "a" * 100 + "b" * 100


async def test_nothing_is_kept_of_what_follows_a_compressed_body() -> None:
    given: list[int] = []

    async def parts() -> AsyncIterator[bytes]:
        yield gzip.compress(b"x")
        while True:
            given.append(len(given))
            yield b"\0" * 4096

    assert await _read_compressed(parts(), 10_000) == b"x"
    assert given == [0]


async def test_a_compressed_body_is_bounded_before_it_is_decompressed() -> None:
    async def parts() -> AsyncIterator[bytes]:
        while True:
            yield gzip.compress(b"") * 100

    with pytest.raises(JobFailure) as caught:
        await _read_compressed(parts(), 10_000)
    assert caught.value.code == "HTTP_RESPONSE_TOO_LARGE"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"no gzip", "gzip"),
        (gzip.compress(b"a" * 100)[:-9], "gzip"),
        (gzip.compress(b"a")[:5], "gzip"),
        (gzip.compress(b"a") + b"\x1f\x8b", "gzip"),
        (b"a", "br"),
    ],
)
async def test_badly_compressed(client: HttpClient, server: Server, data: bytes, encoding: str) -> None:
    server.answers["/"] = answer(200, data, content_encoding=encoding)
    assert (await _fails(client, {"url": server.url()})).code == "HTTP_BODY"
