from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.commands import StartRun
from tests.unit.api.world import World, pointers, problem_of

if TYPE_CHECKING:
    import httpx

START = {"workflow": "etl", "inputs": {"n": 1}}

pytestmark = pytest.mark.usefixtures("etl")


def starts(world: World) -> list[StartRun]:
    return [command for command in world.commands() if isinstance(command, StartRun)]


async def test_a_run_can_be_waited_for(world: World, client: httpx.AsyncClient) -> None:
    world.run_reply = {"status": "COMPLETED", "output": [1, 2]}
    response = await client.post("/v1/runs?wait=5", json=START)
    assert response.status_code == 200
    run_id = starts(world)[-1].run_id
    assert response.json() == {"run_id": run_id, "status": "COMPLETED", "output": [1, 2]}
    assert starts(world)[-1].reply_to == 0


async def test_a_run_that_takes_longer_is_accepted(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/runs?wait=0.01", json=START)
    assert (response.status_code, response.json()["status"]) == (202, "ACCEPTED")


async def test_a_start_that_admission_refuses_is_a_rejected_run(
    world: World, client: httpx.AsyncClient
) -> None:
    world.refusal = ("QUEUE_UNKNOWN", "no topic serves the queue")
    response = await client.post("/v1/runs?wait=5", json=START)
    assert response.status_code == 200
    assert response.json()["status"] == "REJECTED"
    assert response.json()["error"] == {"code": "QUEUE_UNKNOWN", "message": "no topic serves the queue"}


@pytest.mark.parametrize("wait", ["-1", "61", "x", "nan", "inf", ""])
async def test_a_wrong_wait_is_refused(client: httpx.AsyncClient, wait: str) -> None:
    problem = problem_of(await client.post(f"/v1/runs?wait={wait}", json=START), 422, "REQUEST_INVALID")
    assert pointers(problem) == ["/query/wait"]


async def test_a_repeated_request_waits_for_the_first_ones_run(
    world: World, client: httpx.AsyncClient
) -> None:
    headers = {"idempotency-key": "order-1"}
    run_id = (await client.post("/v1/runs", json=START, headers=headers)).json()["run_id"]
    run = world.project(run_id)
    waiting = await client.post("/v1/runs?wait=0.01", json=START, headers=headers)
    assert (waiting.status_code, waiting.json()) == (202, {"run_id": run_id, "status": "RUNNING"})
    run.status, run.error = "FAILED", b'{"code":"X","message":"no"}'
    response = await client.post("/v1/runs?wait=5", json=START, headers=headers)
    assert response.status_code == 200
    assert response.json() == {"run_id": run_id, "status": "FAILED", "error": {"code": "X", "message": "no"}}


async def test_a_repeated_request_that_nothing_shows_yet_counts_on_no_reply(
    world: World, client: httpx.AsyncClient
) -> None:
    # Its run answers to the request that came first: only the projection will tell this one.
    headers = {"idempotency-key": "order-1"}
    await client.post("/v1/runs", json=START, headers=headers)
    waiting = await client.post("/v1/runs?wait=0.01", json=START, headers=headers)
    assert waiting.status_code == 202
    assert [start.reply_to for start in starts(world)] == [None, None]
