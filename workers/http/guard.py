"""The guard: connections go to addresses that were checked, whatever a name resolves to a moment later."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import httpcore

from workers.http.addresses import refusal

if TYPE_CHECKING:
    from workers.http.allow import AllowList

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses, as text. OSError if there are none."""

_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class SsrfRefused(Exception):  # noqa: N818 (it reads as what happened)
    """A request would have reached what only insiders may reach."""


async def resolve(host: str, port: int) -> list[str]:
    """A host's addresses by the system's resolver, which also reads `2130706433`, `0x7f.1` and the like."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for the pool. Resolves each name once and connects to the very addresses it checked.

    TLS and the Host header keep the name, so a certificate must fit the name and not the address.
    """

    def __init__(self, allow: AllowList, resolver: Resolver = resolve) -> None:
        self._allow = allow
        self._resolve = resolver
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the signature is httpcore's)
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first checked address that answers. SsrfRefused, httpcore.ConnectError."""
        error: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in await self._checked(host, port, timeout):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 (the signature is httpcore's)
        socket_options: Iterable[_SocketOption] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise SsrfRefused(f"a request to the local socket {path} is refused")

    async def sleep(self, seconds: float) -> None:
        """Wait; the pool asks for it between its own retries."""
        await self._inner.sleep(seconds)

    async def _checked(self, host: str, port: int, limit_s: float | None) -> list[str]:
        try:
            async with asyncio.timeout(limit_s):
                addresses = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"resolving {host} took longer than {limit_s} s") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"cannot resolve {host}: {error}") from error
        for address in addresses:
            why = refusal(address)
            if why is not None and not self._allow.allows(host, address, port):
                raise SsrfRefused(
                    f"{host}:{port} leads to {address}, which is not public ({why}); if HTTP nodes may reach "
                    f"it, allow it to the runners with AOB_HTTP_ALLOW={_entry(host)}:{port}"
                )
        return addresses


def _entry(host: str) -> str:
    return f"[{host}]" if ":" in host else host
