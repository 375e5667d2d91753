from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.workers.certificates import write_certificate
from tests.unit.workers.http_server import Server, answer, serving
from workers.http import AllowList, HttpClient
from workers.runner.failure import JobFailure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        running.answers["/"] = answer(200, b"inside")
        yield running


class Names:
    """A resolver of the test: each name's answers in turn, the last one for ever."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self._answers[host.split(".", maxsplit=1)[0]]
        return answers.pop(0) if len(answers) > 1 else answers[0]


async def _refused(client: HttpClient, url: str) -> str:
    with pytest.raises(JobFailure) as caught:
        await client.request({"url": url}, "key", None)
    await client.close()
    assert (caught.value.code, caught.value.retryable) == ("SSRF_REFUSED", False), caught.value.message
    return caught.value.message


LOOPBACKS = [
    *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001"),
    *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "0", "0.0.0.0"),  # noqa: S104
    *("user:pass@127.0.0.1", "8.8.8.8@127.0.0.1", "example.com%2f@127.0.0.1", "127.0.0.1."),
    *("127。0。0。1", "①②⑦.⓪.⓪.①"),
]


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_this_machine_in_every_spelling(server: Server, host: str) -> None:
    client = HttpClient(AllowList())
    with pytest.raises(JobFailure) as caught:
        await client.request({"url": f"http://{host}:{server.port}/"}, "key", None)
    await client.close()
    # What no resolver reads as an address cannot be reached either.
    assert caught.value.code in ("SSRF_REFUSED", "HTTP_CONNECT", "HTTP_CONFIG"), caught.value.message
    assert server.requests == []
    assert server.connections == 0
    if host in LOOPBACKS[:9]:
        assert caught.value.code in ("SSRF_REFUSED", "HTTP_CONFIG")


async def test_the_refusal_names_the_address_and_the_setting(server: Server) -> None:
    message = await _refused(HttpClient(AllowList()), f"http://localhost:{server.port}/")
    assert "leads to" in message
    assert "loopback" in message
    assert f"AOB_HTTP_ALLOW=localhost:{server.port}" in message


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://10.1.2.3/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:a9fe:a9fe::]/",
        "http://[fe80::1]/",
        "http://100.64.1.1/",
    ],
)
async def test_metadata_services_and_private_networks(url: str) -> None:
    await _refused(HttpClient(AllowList()), url)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://8.8.8.8/", "gopher://8.8.8.8/", "unix:///run/x"]
)
async def test_other_schemes(url: str) -> None:
    client = HttpClient(AllowList())
    with pytest.raises(JobFailure) as caught:
        await client.request({"url": url}, "key", None)
    await client.close()
    assert caught.value.code in ("SSRF_REFUSED", "HTTP_CONFIG")
    assert not caught.value.retryable


async def test_one_private_address_among_public_ones_is_enough() -> None:
    names = Names(mixed=[["8.8.8.8", "10.0.0.1"]])
    message = await _refused(HttpClient(AllowList(), resolver=names), "http://mixed.example/")
    assert "10.0.0.1" in message


async def test_a_name_that_rebinds_reaches_only_the_address_that_was_checked(server: Server) -> None:
    # First the address that is allowed, from then on the one inside: the connection goes to the first.
    names = Names(rebinding=[["127.0.0.1"], ["127.0.0.2"]])
    client = HttpClient(AllowList(f"127.0.0.1:{server.port}"), resolver=names)
    output: Any = await client.request({"url": f"http://rebinding.example:{server.port}/"}, "key", None)
    assert output["body"] == "aW5zaWRl"
    assert names.asked == ["rebinding.example"]
    assert server.requests[0].headers["host"] == f"rebinding.example:{server.port}"
    # A new connection asks again, and is checked again.
    await client.close()
    client = HttpClient(AllowList(f"127.0.0.1:{server.port}"), resolver=names)
    assert "127.0.0.2" in await _refused(client, f"http://rebinding.example:{server.port}/")


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/",
        "http://localhost:1/",
        "//127.0.0.2/",
        "http://2852039166/",
        "file:///etc",
    ],
)
async def test_every_redirect_is_checked(server: Server, target: str) -> None:
    server.answers["/"] = answer(302, location=target)
    client = HttpClient(AllowList(f"127.0.0.1:{server.port}"))
    with pytest.raises(JobFailure) as caught:
        await client.request({"url": server.url()}, "key", None)
    await client.close()
    assert caught.value.code == "SSRF_REFUSED"


async def test_redirects_are_followed_and_bounded(server: Server) -> None:
    server.answers["/"] = answer(302, location="/two")
    server.answers["/two"] = answer(303, location="/three")
    server.answers["/three"] = answer(200, b"3", content_type="text/plain")
    server.answers["/loop"] = answer(302, location="/loop")
    client = HttpClient(AllowList("127.0.0.1:*"))
    output: Any = await client.request({"url": server.url(), "body": "x"}, "key", None)
    assert output["body"] == "3"
    assert [request.method for request in server.requests] == ["POST", "GET", "GET"]
    with pytest.raises(JobFailure) as caught:
        await client.request({"url": server.url("/loop")}, "key", None)
    assert (caught.value.code, caught.value.retryable) == ("HTTP_REDIRECTS", False)
    await client.close()


async def test_credentials_stay_with_their_origin(server: Server) -> None:
    async with serving() as other:
        other.answers["/"] = answer(200)
        server.answers["/"] = answer(307, location="/same")
        server.answers["/same"] = answer(307, location=other.url())
        client = HttpClient(AllowList("127.0.0.1:*"))
        secrets = {"Authorization": "Bearer s", "X-Api-Key": "s", "Cookie": "a=s", "Accept": "text/csv"}
        await client.request({"url": server.url(), "headers": secrets, "body": {"a": 1}}, "key", None)
        await client.close()
    assert server.requests[1].headers["authorization"] == "Bearer s"
    assert server.requests[1].headers["x-api-key"] == "s"
    headers = other.requests[0].headers
    assert not {"authorization", "x-api-key", "cookie"} & headers.keys()
    assert headers["accept"] == "text/csv"
    assert headers["idempotency-key"] == "key"
    assert headers["host"] == f"127.0.0.1:{other.port}"
    assert other.requests[0].body == b'{"a":1}'


async def test_user_and_password_of_a_url_are_sent_to_it_alone(server: Server) -> None:
    async with serving() as other:
        other.answers["/"] = answer(200)
        server.answers["/"] = answer(302, location=other.url())
        client = HttpClient(AllowList("127.0.0.1:*"))
        await client.request({"url": server.url(host="ann:secret@127.0.0.1")}, "key", None)
        await client.close()
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert "authorization" not in other.requests[0].headers


async def test_tls_keeps_the_name_while_the_address_is_pinned(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path, "shop.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with serving(context) as server:
        server.answers["/"] = answer(200, b"ok", content_type="text/plain")
        names = Names(shop=[["127.0.0.1"]], other=[["127.0.0.1"]])
        client = HttpClient(AllowList("127.0.0.1:*"), ca_file=certificate, resolver=names)
        output: Any = await client.request({"url": f"https://shop.example:{server.port}/"}, "key", None)
        assert output["body"] == "ok"
        assert asked == ["shop.example"]
        with pytest.raises(JobFailure, match="certificate"):
            await client.request({"url": f"https://other.example:{server.port}/"}, "key", None)
        await client.close()


async def test_a_name_without_address(server: Server) -> None:
    async def nothing(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    client = HttpClient(AllowList(), resolver=nothing)
    with pytest.raises(JobFailure, match=r"cannot resolve nowhere\.example") as caught:
        await client.request({"url": "http://nowhere.example/"}, "key", None)
    await client.close()
    assert (caught.value.code, caught.value.retryable) == ("HTTP_CONNECT", True)


async def test_another_address_is_tried_when_the_first_does_not_answer(server: Server) -> None:
    names = Names(two=[["127.0.0.3", "127.0.0.1"]])
    client = HttpClient(AllowList("127.0.0.0/8:*"), resolver=names)
    output: Any = await client.request({"url": f"http://two.example:{server.port}/"}, "key", None)
    await client.close()
    assert output["status"] == 200
