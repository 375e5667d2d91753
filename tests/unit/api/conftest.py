from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.api.world import World, workflow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A member of the workspace `acme`."""
    async with world.client(await world.key("acme", "member")) as client:
        yield client


@pytest.fixture
async def stranger(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """An admin of another workspace."""
    async with world.client(await world.key("other", "admin")) as client:
        yield client


@pytest.fixture
async def etl(client: httpx.AsyncClient) -> dict[str, object]:
    """A workflow that is uploaded: it takes `{"n": integer}`."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    response = await client.put("/v1/workflows/etl", json=workflow(inputs=schema))
    assert response.status_code == 201, response.text
    body: dict[str, object] = response.json()
    return body
