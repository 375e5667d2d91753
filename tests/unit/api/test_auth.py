from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from api.auth import KeyRing, key_hash, store_bootstrap_key
from api.problems import Problem
from storage.postgres.memory_api_store import MemoryApiStore
from storage.postgres.memory_projection import MemoryTables
from tests.unit.api.world import World, problem_of, workflow

if TYPE_CHECKING:
    import httpx

    from storage.postgres.api_rows import ApiKey

RUN = "r0_00000000000000000000000000000"
READS = ["/v1/runs", f"/v1/runs/{RUN}", "/v1/workflows", "/v1/workflows/etl", "/v1/schemas/workflow"]
WRITES = [
    ("POST", "/v1/runs"),
    ("POST", "/v1/runs/batch"),
    ("POST", f"/v1/runs/{RUN}/cancel"),
    ("POST", f"/v1/runs/{RUN}/signals/go"),
    ("PUT", "/v1/workflows/etl"),
    ("PUT", "/v1/workflows/etl/tags/prod"),
]


@pytest.mark.parametrize("path", READS)
async def test_reading_needs_a_key(world: World, path: str) -> None:
    async with world.client(None) as client:
        response = await client.get(path)
    problem_of(response, 401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_writing_needs_a_key_and_a_role(world: World, method: str, path: str) -> None:
    async with world.client(None) as client:
        problem_of(await client.request(method, path, json={}), 401, "UNAUTHENTICATED")
    async with world.client("wrong") as client:
        problem_of(await client.request(method, path, json={}), 401, "UNAUTHENTICATED")
    async with world.client(await world.key("acme", "reader")) as client:
        problem_of(await client.request(method, path, json={}), 403, "FORBIDDEN")
    assert world.gateway.sent == []


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "acme-member"])
async def test_another_header_is_no_key(world: World, header: str) -> None:
    await world.key("acme", "member")
    async with world.client(None) as client:
        response = await client.get("/v1/runs", headers={"authorization": header})
    problem_of(response, 401, "UNAUTHENTICATED")


async def test_a_revoked_key_is_none(world: World, client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/runs")).status_code == 200
    await world.store.revoke_key("acme", "acme-member", 1)
    problem_of(await client.get("/v1/runs"), 401, "UNAUTHENTICATED")


async def test_readers_may_read_and_validate(world: World) -> None:
    async with world.client(await world.key("acme", "reader")) as client:
        assert (await client.get("/v1/runs")).status_code == 200
        assert (await client.post("/v1/workflows/validate", json=workflow())).status_code == 200


async def test_health_needs_no_key(world: World) -> None:
    async with world.client(None) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {"status": "ok"}


class CountingStore(MemoryApiStore):
    def __init__(self) -> None:
        super().__init__(MemoryTables())
        self.lookups = 0

    async def find_key(self, digest: str) -> ApiKey | None:
        self.lookups += 1
        return await super().find_key(digest)


async def test_a_key_is_trusted_for_a_few_seconds() -> None:
    now = 100.0
    store = CountingStore()
    await store_bootstrap_key(store, "first-key", 1)
    ring = KeyRing(store, trusted_s=5, clock=lambda: now)
    for _ in range(3):
        assert (await ring.caller("Bearer first-key", "write")).workspace == "default"
        with pytest.raises(Problem):
            await ring.caller("Bearer other", "read")
    assert store.lookups == 2
    now += 5.1
    await ring.caller("bearer first-key", "read")
    assert store.lookups == 3


async def test_a_new_bootstrap_key_revokes_the_old_one() -> None:
    store = CountingStore()
    for text in ("first-key", "first-key", "second-key"):
        await store_bootstrap_key(store, text, 1)
    first, second = await store.find_key(key_hash("first-key")), await store.find_key(key_hash("second-key"))
    assert first is not None
    assert first.revoked_at == 1
    assert second is not None
    assert (second.role, second.workspace, second.revoked_at) == ("admin", "default", None)
