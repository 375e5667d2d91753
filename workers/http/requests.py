"""`HttpClient`: does the request of an `http` node, redirects included."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import aclosing
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpcore
import httpx

from workers.http.body import ENCODINGS, parse_body, read_body
from workers.http.config import HttpConfig, bad_config, build_request, read_config
from workers.http.guard import GuardedBackend, Resolver, SsrfRefused, resolve
from workers.http.transport import GuardedTransport
from workers.runner.failure import JobFailure

if TYPE_CHECKING:
    from pathlib import Path

    from workers.http.allow import AllowList

MAX_REDIRECTS = 5
CONNECT_S = 10.0
IDLE_S = 60.0
"""How long a server may be silent, unless the node's own time-out says more."""

SHOWN_BODY = 500

_KEPT_ACROSS_ORIGINS = frozenset(
    [
        "accept",
        "accept-encoding",
        "accept-language",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "transfer-encoding",
        "user-agent",
    ]
)
"""Headers that go along when a redirect leads to another origin: any other may be a credential."""

_TRANSIENT = frozenset([408, 425, 429])
_FIRST_ERROR = 400
_FIRST_SERVER_ERROR = 500


class HttpClient:
    """One pool of connections for all http nodes of a process; no cookies, no proxies from the environment.

    `max_bytes` bounds a response's body, decompressed or not; `timeout_s` the request of a node without a
    time-out of its own, redirects and body included; `ca_file` replaces the usual authorities.
    """

    def __init__(
        self,
        allow: AllowList,
        *,
        max_bytes: int = 10 * 1024 * 1024,
        timeout_s: float = 300,
        ca_file: Path | None = None,
        resolver: Resolver = resolve,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        context = (
            httpx.create_ssl_context() if ca_file is None else ssl.create_default_context(cafile=ca_file)
        )
        self._client = httpx.AsyncClient(
            transport=GuardedTransport(GuardedBackend(allow, resolver), context),
            # One run's cookies must not reach another's server.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"user-agent": "aob", "accept-encoding": ENCODINGS},
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def request(self, config: object, idempotency_key: str, timeout_ms: int | None) -> object:
        """Make the request; the output is `{status, headers, body}`. JobFailure says what went wrong."""
        read = read_config(config)
        request = build_request(self._client, read, idempotency_key)
        silence = IDLE_S if timeout_ms is None else max(IDLE_S, timeout_ms / 1000)
        timeout = httpx.Timeout(silence, connect=CONNECT_S, pool=None)
        request.extensions = {**request.extensions, "timeout": timeout.as_dict()}
        try:
            # The runner ends a job by the node's own time-out; without one a server that drips would not end.
            async with asyncio.timeout(self._timeout_s if timeout_ms is None else None):
                return await self._follow(request, read)
        except TimeoutError as error:
            message = f"{request.method} {_shown(request.url)} took more than {self._timeout_s:g} s in all"
            hint = "(AOB_HTTP_TIMEOUT_SECONDS; the node's timeout_ms may say more)"
            raise JobFailure("HTTP_TIMEOUT", f"{message} {hint}", retryable=True) from error
        except SsrfRefused as error:
            raise JobFailure("SSRF_REFUSED", str(error), retryable=False) from error
        except (httpcore.TimeoutException, httpx.TimeoutException) as error:
            raise JobFailure("HTTP_TIMEOUT", _say(request, error), retryable=True) from error
        except httpcore.LocalProtocolError as error:
            raise bad_config(f"the request cannot be sent: {error}") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.TransportError) as error:
            raise JobFailure("HTTP_CONNECT", _say(request, error), retryable=True) from error

    async def _follow(self, request: httpx.Request, config: HttpConfig) -> object:
        for _ in range(MAX_REDIRECTS + 1):
            if request.url.scheme not in ("http", "https"):
                raise SsrfRefused(f"{request.url} is refused: only http and https are allowed")
            response = await self._client.send(request, stream=True)
            async with aclosing(response):
                following = response.next_request
                if following is None or _is_expected(response, config):
                    return await self._output(response, config)
            _strip_credentials(following, request)
            request = following
        raise JobFailure("HTTP_REDIRECTS", f"more than {MAX_REDIRECTS} redirects", retryable=False)

    async def _output(self, response: httpx.Response, config: HttpConfig) -> object:
        status = response.status_code
        data = await read_body(response, self._max_bytes)
        expected = config.expected
        if status >= _FIRST_ERROR if expected is None else status not in expected:
            shown = data[:SHOWN_BODY].decode("utf-8", "replace")
            message = f"{response.request.method} {_shown(response.request.url)} answered {status}: {shown}"
            retryable = status >= _FIRST_SERVER_ERROR or status in _TRANSIENT
            raise JobFailure("HTTP_STATUS", message, retryable=retryable)
        headers: dict[str, str] = dict(response.headers.items())
        return {"status": status, "headers": headers, "body": parse_body(response, data, config.parse)}


def _is_expected(response: httpx.Response, config: HttpConfig) -> bool:
    """Whether the node wants the redirect itself."""
    return config.expected is not None and response.status_code in config.expected


def _strip_credentials(following: httpx.Request, previous: httpx.Request) -> None:
    if _origin(following.url) == _origin(previous.url):
        return
    for name in [name for name in following.headers if name.lower() not in _KEPT_ACROSS_ORIGINS]:
        del following.headers[name]


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _shown(url: httpx.URL) -> str:
    """The URL without what may be secret."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


def _say(request: httpx.Request, error: Exception) -> str:
    return f"{request.method} {_shown(request.url)}: {type(error).__name__} {error}".rstrip()
