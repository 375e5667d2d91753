from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.unit.workers.http_server import Request, Server, answer
from workers.http import AllowList, HttpClient
from workers.runner.failure import JobFailure

KEY = "r0_a/fetch[3]"


async def _get(client: HttpClient, config: dict[str, object]) -> dict[str, Any]:
    output = await client.request(config, KEY, None)
    assert isinstance(output, dict)
    return output


async def _fails(client: HttpClient, config: object, timeout_ms: int | None = None) -> JobFailure:
    with pytest.raises(JobFailure) as caught:
        await client.request(config, KEY, timeout_ms)
    return caught.value


async def test_a_get_with_query_headers_and_json(client: HttpClient, server: Server) -> None:
    server.answers["/rows"] = answer(200, b'{"n": [1, 2]}', content_type="application/json; charset=utf-8")
    config: dict[str, object] = {
        "url": server.url("/rows?a=1"),
        "query": {"b": [2, "x y"], "c": True, "d": None},
        "headers": {"X-N": 5},
    }
    output = await _get(client, config)
    assert (output["status"], output["body"]) == (200, {"n": [1, 2]})
    assert output["headers"]["content-type"] == "application/json; charset=utf-8"
    request = server.requests[0]
    assert (request.method, request.target) == ("GET", "/rows?a=1&b=2&b=x+y&c=true")
    assert request.headers["idempotency-key"] == KEY
    assert request.headers["x-n"] == "5"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    ("config", "content_type", "body"),
    [
        ({"body": {"a": 1}}, "application/json", b'{"a":1}'),
        ({"payload": [1]}, "application/json", b"[1]"),
        ({"body": None}, "application/json", b"null"),
        ({"body": "text"}, "text/plain; charset=utf-8", b"text"),
        ({"body": "{}", "headers": {"Content-Type": "application/json"}}, "application/json", b"{}"),
        (
            {"body": {"a": [1, "b c"]}, "headers": {"content-type": "application/x-www-form-urlencoded"}},
            "application/x-www-form-urlencoded",
            b"a=1&a=b+c",
        ),
    ],
)
async def test_bodies(
    client: HttpClient, server: Server, config: dict[str, Any], content_type: str, body: bytes
) -> None:
    server.answers["/"] = answer(204)
    output = await _get(client, {"url": server.url(), **config})
    assert (output["status"], output["body"]) == (204, None)
    request = server.requests[0]
    assert (request.method, request.headers["content-type"], request.body) == ("POST", content_type, body)


async def test_the_users_own_idempotency_key_wins(client: HttpClient, server: Server) -> None:
    server.answers["/"] = answer(200)
    await _get(client, {"url": server.url(), "method": "put", "headers": {"Idempotency-Key": "mine"}})
    assert server.requests[0].headers["idempotency-key"] == "mine"
    assert server.requests[0].method == "PUT"


@pytest.mark.parametrize(
    ("status", "retryable"), [(500, True), (503, True), (429, True), (408, True), (404, False), (401, False)]
)
async def test_statuses_that_are_errors(
    client: HttpClient,
    server: Server,
    status: int,
    retryable: bool,  # noqa: FBT001
) -> None:
    server.answers["/"] = answer(status, b"why")
    failure = await _fails(client, {"url": server.url("/?token=secret")})
    assert (failure.code, failure.retryable) == ("HTTP_STATUS", retryable)
    assert f"answered {status}: why" in failure.message
    assert "secret" not in failure.message


async def test_expected_statuses(client: HttpClient, server: Server) -> None:
    server.answers["/"] = answer(404)
    assert (await _get(client, {"url": server.url(), "expect_status": [200, 404]}))["status"] == 404
    failure = await _fails(client, {"url": server.url(), "expect_status": 200})
    assert failure.code == "HTTP_STATUS"
    server.answers["/"] = answer(302, location="/elsewhere")
    assert (await _get(client, {"url": server.url(), "expect_status": [302]}))["status"] == 302


async def test_a_silent_server_is_a_timeout(
    client: HttpClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.http.requests.IDLE_S", 0.05)
    server.answers["/"] = None
    failure = await _fails(client, {"url": server.url()})
    assert (failure.code, failure.retryable) == ("HTTP_TIMEOUT", True)


async def test_a_server_that_drips_is_a_timeout(server: Server) -> None:
    client = HttpClient(AllowList("127.0.0.1:*"), timeout_s=0.1)
    server.answers["/"] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    server.drip = b"1\r\nx\r\n"
    try:
        failure = await _fails(client, {"url": server.url()})
        assert (failure.code, failure.retryable) == ("HTTP_TIMEOUT", True)
        assert "AOB_HTTP_TIMEOUT_SECONDS" in failure.message
        # The node's own time-out is the runner's to keep.
        longer = asyncio.create_task(client.request({"url": server.url()}, KEY, 60_000))
        _, pending = await asyncio.wait([longer], timeout=0.2)
        assert pending
        longer.cancel()
    finally:
        await client.close()


async def test_nobody_listens(client: HttpClient) -> None:
    failure = await _fails(client, {"url": "http://127.0.0.1:1/"})
    assert (failure.code, failure.retryable) == ("HTTP_CONNECT", True)


async def test_the_server_hangs_up(client: HttpClient, server: Server) -> None:
    server.answers["/"] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"

    def once(_: Request) -> bytes:
        return b"garbage\r\n\r\n"

    server.answers["/garbage"] = once
    assert (await _fails(client, {"url": server.url("/garbage")})).code == "HTTP_CONNECT"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("http://x/", "does not fit"),
        ({}, "url"),
        ({"url": 5}, r"\$\.url"),
        ({"url": "http://x/", "parse": "xml"}, r"\$\.parse"),
        ({"url": "http://x/", "headers": {"Host": "internal"}}, "'Host' is set by the runner"),
        ({"url": "http://x/", "headers": {"transfer-encoding": "chunked"}}, "transfer-encoding"),
        ({"url": "http://[::1/"}, "no request can be made"),
        ({"url": "http://x:99999999/"}, "has a port above"),
        ({"url": "/rows"}, "names no host"),
        ({"url": "http://x/", "method": "G ET"}, "is no HTTP method"),
    ],
)
async def test_bad_configs(client: HttpClient, config: object, message: str) -> None:
    with pytest.raises(JobFailure, match=message) as caught:
        await client.request(config, KEY, None)
    assert (caught.value.code, caught.value.retryable) == ("HTTP_CONFIG", False)


async def test_header_injection_is_refused(client: HttpClient, server: Server) -> None:
    server.answers["/"] = answer(200)
    failure = await _fails(client, {"url": server.url(), "headers": {"x": "a\r\nhost: evil"}})
    assert failure.code == "HTTP_CONFIG"
    assert server.requests == []


async def test_connections_are_used_again(client: HttpClient, server: Server) -> None:
    server.answers["/"] = answer(200, b"ok")
    for _ in range(5):
        await _get(client, {"url": server.url()})
    assert server.connections == 1


async def test_cookies_are_not_kept(client: HttpClient, server: Server) -> None:
    server.answers["/"] = answer(200, set_cookie="session=1; Path=/")
    await _get(client, {"url": server.url()})
    await _get(client, {"url": server.url()})
    assert "cookie" not in server.requests[1].headers


async def test_proxies_of_the_environment_are_ignored(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    client = HttpClient(AllowList("127.0.0.1:*"))
    server.answers["/"] = answer(200)
    assert (await _get(client, {"url": server.url()}))["status"] == 200
    await client.close()


async def test_output_is_json(client: HttpClient, server: Server) -> None:
    server.answers["/"] = answer(200, b"x", content_type="text/plain")
    json.dumps(await _get(client, {"url": server.url()}), allow_nan=False)
