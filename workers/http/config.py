"""The rendered config of an `http` node, checked, as a request."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlencode

import httpx
import msgspec

from workers.runner.failure import JobFailure

Scalar = str | int | float | bool | None
Parse = Literal["auto", "json", "text", "bytes"]

FORM = "application/x-www-form-urlencoded"

_OURS = ("content-length", "host", "transfer-encoding", "connection")
"""Headers that say how the request is framed and where it goes: nobody else's to set."""


_METHOD = re.compile(r"[A-Z]{1,20}")
_LAST_PORT = 65535


class HttpConfig(msgspec.Struct, frozen=True):
    """See the design's table of node types. `payload` is another name of `body`; times are the node's."""

    url: str
    method: str | None = None
    headers: dict[str, Scalar] = {}
    query: dict[str, Scalar | list[Scalar]] = {}
    body: object = msgspec.UNSET
    payload: object = msgspec.UNSET
    expect_status: list[int] | int | None = None
    parse: Parse = "auto"

    @property
    def expected(self) -> frozenset[int] | None:
        """The statuses that are a success; None for the usual ones."""
        if self.expect_status is None:
            return None
        return frozenset([self.expect_status] if isinstance(self.expect_status, int) else self.expect_status)


def read_config(config: object) -> HttpConfig:
    """Check a config; JobFailure `HTTP_CONFIG` names the field."""
    try:
        read = msgspec.convert(config, HttpConfig)
    except msgspec.ValidationError as error:
        raise bad_config(f"the config of the http node does not fit: {error}") from error
    refused = [name for name in read.headers if name.lower() in _OURS]
    if refused:
        raise bad_config(f"the header {refused[0]!r} is set by the runner, not by the node")
    return read


def build_request(client: httpx.AsyncClient, config: HttpConfig, idempotency_key: str) -> httpx.Request:
    """The first request of a node; JobFailure `HTTP_CONFIG` for what is no URL, no header and so on.

    Without a method it is a GET, with a body a POST. A string is sent as it is, anything else as JSON, or
    as a form if the node's Content-Type says so.
    """
    headers = {name.lower(): _text(value) for name, value in config.headers.items() if value is not None}
    headers.setdefault("idempotency-key", idempotency_key)
    body = config.payload if config.body is msgspec.UNSET else config.body
    content: bytes | None = None
    if body is not msgspec.UNSET:
        default_type, content = _content(body, headers.get("content-type", ""))
        headers.setdefault("content-type", default_type)
    try:
        url = httpx.URL(config.url)
        for name, value in config.query.items():
            for single in value if isinstance(value, list) else [value]:
                url = url if single is None else url.copy_add_param(name, _text(single))
        method = (config.method or ("GET" if content is None else "POST")).upper()
        request = client.build_request(method, url, headers=headers, content=content)
    except (httpx.InvalidURL, UnicodeError, ValueError, TypeError) as error:
        raise bad_config(f"no request can be made of the config: {error}") from error
    if _METHOD.fullmatch(method) is None:
        raise bad_config(f"{config.method!r} is no HTTP method")
    if not request.url.host:
        raise bad_config(f"the url {config.url!r} names no host")
    if (request.url.port or 1) > _LAST_PORT:
        raise bad_config(f"the url {config.url!r} has a port above {_LAST_PORT}")
    return request


def bad_config(message: str) -> JobFailure:
    """A config that no repetition mends."""
    return JobFailure("HTTP_CONFIG", message, retryable=False)


def _content(body: object, content_type: str) -> tuple[str, bytes]:
    if isinstance(body, str):
        return "text/plain; charset=utf-8", body.encode("utf-8", "replace")
    if isinstance(body, dict) and content_type.startswith(FORM):
        fields = {k: [_text(i) for i in v] if isinstance(v, list) else _text(v) for k, v in body.items()}
        return FORM, urlencode(fields, doseq=True).encode()
    return "application/json", msgspec.json.encode(body)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
