"""A local HTTP server, and a client that may speak to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.workers.http_server import Server, serving
from workers.http import AllowList, HttpClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient(AllowList("127.0.0.1:*"), max_bytes=10_000)
    yield made
    await made.close()
