from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from api.gateway import GatewayUnavailableError
from engine.commands import StartRun
from tests.unit.api.world import World, pointers, problem_of, workflow

if TYPE_CHECKING:
    import httpx

START = {"workflow": "etl", "inputs": {"n": 1}}

pytestmark = pytest.mark.usefixtures("etl")


def starts(world: World) -> list[StartRun]:
    return [command for command in world.commands() if isinstance(command, StartRun)]


async def test_an_equal_request_with_an_equal_key_starts_once(
    world: World, client: httpx.AsyncClient
) -> None:
    headers = {"idempotency-key": "order-1"}
    first = await client.post("/v1/runs", json=START, headers=headers)
    # The first start is not seen in the projection: it may have broken off, so the same command leaves again.
    again = await client.post("/v1/runs", content=b" " + first.request.content, headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())
    assert [command.command_id for command in starts(world)] == [first.json()["run_id"]] * 2
    world.project(first.json()["run_id"], status="COMPLETED")
    third = await client.post("/v1/runs", json=START, headers=headers)
    assert third.json() == {"run_id": first.json()["run_id"], "status": "COMPLETED"}
    assert len(starts(world)) == 2


async def test_another_request_with_an_equal_key_is_refused(world: World, client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "order-1"}
    first = await client.post("/v1/runs", json=START, headers=headers)
    other = await client.post("/v1/runs", json=START | {"inputs": {"n": 2}}, headers=headers)
    problem = problem_of(other, 422, "IDEMPOTENCY_KEY_REUSED")
    assert problem["run_id"] == first.json()["run_id"]
    assert len(starts(world)) == 1


async def test_a_repeated_request_starts_what_the_first_one_chose(
    world: World, client: httpx.AsyncClient
) -> None:
    headers = {"idempotency-key": "order-1"}
    first = await client.post("/v1/runs", json=START, headers=headers)
    # Since then `main` has moved to a version that would refuse these inputs.
    upload = await client.put("/v1/workflows/etl", json=workflow(inputs={"type": "array"}))
    assert upload.json()["version"] == 2
    again = await client.post("/v1/runs", json=START, headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())
    sent = starts(world)
    assert (sent[0].version, sent[0].definition_hash) == (sent[1].version, sent[1].definition_hash)
    assert sent[0].inputs == sent[1].inputs
    problem_of(
        await client.post("/v1/runs", json=START, headers={"idempotency-key": "2"}), 422, "INPUTS_INVALID"
    )


async def test_a_refused_request_leaves_its_key_free(world: World, client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "order-1"}
    wrong = START | {"inputs": {"n": "1"}}
    problem_of(await client.post("/v1/runs", json=wrong, headers=headers), 422, "INPUTS_INVALID")
    assert (await client.post("/v1/runs", json=START, headers=headers)).status_code == 202


async def test_numbers_of_any_size_may_be_repeated(client: httpx.AsyncClient) -> None:
    body = {"definition": workflow(), "inputs": [2**70]}
    headers = {"idempotency-key": "order-1"}
    first = await client.post("/v1/runs", json=body, headers=headers)
    assert (await client.post("/v1/runs", json=body, headers=headers)).json() == first.json()
    other = await client.post("/v1/runs", json=body | {"inputs": [2**70 + 1]}, headers=headers)
    problem_of(other, 422, "IDEMPOTENCY_KEY_REUSED")


async def test_idempotency_keys_are_a_workspaces_own(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    body = {"definition": workflow()}
    headers = {"idempotency-key": "order-1"}
    one = await client.post("/v1/runs", json=body, headers=headers)
    two = await stranger.post("/v1/runs", json=body, headers=headers)
    assert one.json()["run_id"] != two.json()["run_id"]


@pytest.mark.parametrize("key", [b"", b"x" * 257, b"a b", b"\xc3\xa9"])
async def test_a_wrong_idempotency_key_is_refused(client: httpx.AsyncClient, key: bytes) -> None:
    response = await client.post("/v1/runs", json=START, headers={b"idempotency-key": key})
    assert pointers(problem_of(response, 422, "REQUEST_INVALID")) == ["/header/idempotency-key"]


async def test_a_live_run_holds_its_key(world: World, client: httpx.AsyncClient) -> None:
    body = START | {"key": "order-1"}
    first = (await client.post("/v1/runs", json=body)).json()["run_id"]
    problem = problem_of(await client.post("/v1/runs", json=body), 409, "RUN_KEY_TAKEN")
    assert problem["run_id"] == first
    world.project(first, status="RUNNING")
    assert problem_of(await client.post("/v1/runs", json=body), 409, "RUN_KEY_TAKEN")["run_id"] == first
    returned = await client.post("/v1/runs", json=body | {"on_conflict": "return"})
    assert (returned.status_code, returned.json()) == (202, {"run_id": first, "status": "RUNNING"})
    assert [command.key for command in starts(world)] == ["order-1"]
    other = await client.post("/v1/runs", json={"definition": workflow("other"), "key": "order-1"})
    assert other.status_code == 202


async def test_an_ended_run_frees_its_key(world: World, client: httpx.AsyncClient) -> None:
    body = START | {"key": "order-1"}
    first = (await client.post("/v1/runs", json=body)).json()["run_id"]
    world.project(first, status="FAILED")
    second = await client.post("/v1/runs", json=body)
    assert second.status_code == 202
    assert second.json()["run_id"] != first


async def test_a_claim_whose_run_never_came_is_void_after_a_while(
    world: World, client: httpx.AsyncClient
) -> None:
    body = START | {"key": "order-1"}
    await client.post("/v1/runs", json=body)
    world.now_ms += 601_000
    assert (await client.post("/v1/runs", json=body)).status_code == 202


async def test_a_start_that_never_left_gives_its_key_back(world: World, client: httpx.AsyncClient) -> None:
    body = START | {"key": "order-1"}
    world.gateway.failure = GatewayUnavailableError("the buffer is full", sent=False)
    response = await client.post("/v1/runs", json=body)
    problem_of(response, 503, "UNAVAILABLE")
    assert response.headers["retry-after"] == "1"
    world.gateway.failure = None
    assert (await client.post("/v1/runs", json=body)).status_code == 202
