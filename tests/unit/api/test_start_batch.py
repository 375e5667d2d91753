from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from api.gateway import GatewayUnavailableError
from engine.commands import StartRun
from storage.postgres.errors import InvalidText
from tests.unit.api.world import World, pointers, problem_of

if TYPE_CHECKING:
    import httpx

    from storage.postgres.api_rows import StartClaim

START = {"workflow": "etl", "inputs": {"n": 1}}

pytestmark = pytest.mark.usefixtures("etl")


def starts(world: World) -> list[StartRun]:
    return [command for command in world.commands() if isinstance(command, StartRun)]


async def test_a_batch_answers_for_each_start(world: World, client: httpx.AsyncClient) -> None:
    runs = [
        START,
        {"workflow": "nope"},
        START | {"key": "k"},
        START | {"key": "k"},
        {"inputs": {"n": "1"}},
        7,
    ]
    response = await client.post("/v1/runs/batch", json={"runs": runs})
    assert response.status_code == 207
    body = response.json()
    assert (body["accepted"], body["refused"]) == (2, 4)
    assert [item["status"] for item in body["results"]] == [202, 422, 202, 409, 422, 422]
    problems = [item.get("problem") for item in body["results"]]
    assert problems[1]["errors"][0]["pointer"] == "/runs/1/workflow"
    assert problems[3]["run_id"] == body["results"][2]["run"]["run_id"]
    assert problems[4]["errors"][0]["pointer"] == "/runs/4/workflow"
    assert problems[5]["errors"][0]["pointer"] == "/runs/5"
    assert [start.run_id for start in starts(world)] == [
        body["results"][index]["run"]["run_id"] for index in (0, 2)
    ]


async def test_a_batch_may_be_repeated_item_by_item(world: World, client: httpx.AsyncClient) -> None:
    runs = [START | {"idempotency_key": f"k{number}"} for number in range(3)]
    first = (await client.post("/v1/runs/batch", json={"runs": runs})).json()
    assert (await client.post("/v1/runs/batch", json={"runs": runs})).json() == first
    runs[1] = runs[1] | {"inputs": {"n": 5}}
    third = (await client.post("/v1/runs/batch", json={"runs": runs})).json()
    assert third["results"][1]["problem"]["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_a_thousand_starts_fit_in_a_batch(world: World, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/runs/batch", json={"runs": [START] * 1000})
    assert response.json()["accepted"] == 1000
    assert len({start.run_id for start in starts(world)}) == 1000


@pytest.mark.parametrize("runs", [[], [START] * 1001, {}, None])
async def test_a_batch_has_one_to_a_thousand_starts(client: httpx.AsyncClient, runs: object) -> None:
    problem = problem_of(await client.post("/v1/runs/batch", json={"runs": runs}), 422, "BODY_INVALID")
    assert pointers(problem) == ["/runs"]


async def test_the_fault_of_one_start_is_its_own(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, faults = world.store.claim_start, iter([RuntimeError("the secret is plum"), InvalidText("a NUL")])

    async def broken(workspace: str, key: str, wish: StartClaim, at: int) -> StartClaim:
        if key == "ok":
            return await claim(workspace, key, wish, at)
        raise next(faults)

    monkeypatch.setattr(world.store, "claim_start", broken)
    deep: object = []
    for _ in range(300):
        deep = [deep]
    keys = ("ok", "broken", "odd")
    runs = [START | {"idempotency_key": key} for key in keys] + [START | {"inputs": deep}]
    body = (await client.post("/v1/runs/batch", json={"runs": runs})).json()
    assert [item["status"] for item in body["results"]] == [202, 500, 422, 400]
    assert body["results"][3]["problem"]["errors"][0]["pointer"] == "/runs/3/inputs"
    assert "plum" not in str(body)
    assert len(starts(world)) == 1


async def test_a_batch_without_kafka_is_refused_item_by_item(world: World, client: httpx.AsyncClient) -> None:
    world.gateway.failure = GatewayUnavailableError("down", sent=True)
    body = (await client.post("/v1/runs/batch", json={"runs": [START]})).json()
    assert body["results"][0]["status"] == 503
