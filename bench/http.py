"""One connection to the api, with as little of its own as can be.

A client library spends more on a request than the api does, and here both share two cores.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@asynccontextmanager
async def connection(
    url: str, api_key: str
) -> AsyncIterator[Callable[[str, bytes], Awaitable[tuple[int, bytes]]]]:
    """Connect; yields `post(path, json) -> (status, body)`, one request at a time.

    Reads answers with a Content-Length only, as all of the api's are.
    """
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    fixed = f"Host: {address.netloc}\r\nAuthorization: Bearer {api_key}\r\nContent-Type: application/json"

    async def post(path: str, body: bytes) -> tuple[int, bytes]:
        head = f"POST {path} HTTP/1.1\r\n{fixed}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in answer if line.startswith("content-length:"))
        return int(answer[0].split()[1]), await reader.readexactly(length)

    try:
        yield post
    finally:
        writer.close()
        await writer.wait_closed()
