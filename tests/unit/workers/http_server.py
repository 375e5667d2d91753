"""A small HTTP server on the test's loop, which answers by path and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable


@dataclass
class Request:
    """One request as it came. Header names are lower-case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = bytes | None


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A response; `_` in a header's name stands for `-`."""
    lines = [f"HTTP/1.1 {status} Some", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@dataclass
class Server:
    """`answers` maps a path to a response, or to what makes one; None means silence. `drip` never ends."""

    port: int = 0
    answers: dict[str, Answer | Callable[[Request], Answer | Awaitable[Answer]]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    drip: bytes = b""

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                found = self.answers.get(request.target.partition("?")[0], answer(404, b"nothing here"))
                made = found(request) if callable(found) else found
                reply = await made if isinstance(made, Awaitable) else made
                if reply is None:
                    await reader.read()
                    return
                writer.write(reply)
                await writer.drain()
                while self.drip and not writer.is_closing():
                    writer.write(self.drip)
                    await writer.drain()
                    await asyncio.sleep(0.01)
        except ConnectionError:
            return
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)


@asynccontextmanager
async def serving(context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server on a free port of 127.0.0.1."""
    server = Server()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
