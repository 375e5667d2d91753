"""Two starts want one business key: what is known of the first decides what the second gets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from api.gateway import GatewayUnavailableError, Sent
from engine.commands import CancelRun, StartRun
from engine.effects import Reply
from storage.postgres.errors import DatabaseUnavailable
from tests.unit.api.world import World, problem_of, workflow

if TYPE_CHECKING:
    import httpx

START = {"definition": workflow(), "inputs": {"n": 1}, "key": "order-1"}
OTHER = START | {"inputs": {"n": 2}}
CANCEL = {"on_conflict": "cancel"}
RETURN = {"on_conflict": "return"}


@pytest.fixture
def world() -> World:
    return World(api_takeover_s=0.1)


@pytest.fixture
async def unconfirmed(world: World, client: httpx.AsyncClient) -> str:
    """The run of a start that Kafka did not confirm."""
    world.gateway.failure = GatewayUnavailableError("timed out", sent=True)
    problem_of(await client.post("/v1/runs", json=START), 503, "UNAVAILABLE")
    world.gateway.failure = None
    taken = problem_of(await client.post("/v1/runs", json=OTHER), 409, "RUN_KEY_TAKEN")
    return str(taken["run_id"])


async def start(client: httpx.AsyncClient, body: dict[str, Any]) -> str:
    response = await client.post("/v1/runs", json=body)
    assert response.status_code == 202, response.text
    run_id: str = response.json()["run_id"]
    return run_id


def starts(world: World) -> list[StartRun]:
    return [command for command in world.commands() if isinstance(command, StartRun)]


def refusing(world: World, code: str) -> None:
    world.refusal = (code, "so it is")


async def test_a_start_in_doubt_may_be_repeated(
    world: World, client: httpx.AsyncClient, unconfirmed: str
) -> None:
    assert await start(client, START) == unconfirmed
    assert [command.run_id for command in starts(world)] == [unconfirmed]
    problem_of(await client.post("/v1/runs", json=START), 409, "RUN_KEY_TAKEN")


@pytest.mark.parametrize("on_conflict", [RETURN, CANCEL])
async def test_whoever_repeats_a_start_in_doubt_begins_that_run(
    world: World, client: httpx.AsyncClient, unconfirmed: str, on_conflict: dict[str, str]
) -> None:
    assert await start(client, START | on_conflict) == unconfirmed
    assert [command.run_id for command in starts(world)] == [unconfirmed]


async def test_a_repeat_that_fails_before_it_is_sent_leaves_the_doubt(
    world: World, client: httpx.AsyncClient, unconfirmed: str
) -> None:
    world.gateway.failure = GatewayUnavailableError("the buffer is full", sent=False)
    problem_of(await client.post("/v1/runs", json=START), 503, "UNAVAILABLE")
    world.gateway.failure = None
    assert await start(client, START) == unconfirmed


async def test_a_run_in_doubt_is_not_answered_to_another_request(
    client: httpx.AsyncClient, unconfirmed: str
) -> None:
    problem = problem_of(await client.post("/v1/runs", json=OTHER | RETURN), 503, "UNAVAILABLE")
    assert unconfirmed in problem["detail"]


async def test_a_run_in_doubt_that_came_to_be_is_like_any_other(
    world: World, client: httpx.AsyncClient, unconfirmed: str
) -> None:
    world.project(unconfirmed)
    problem_of(await client.post("/v1/runs", json=START), 409, "RUN_KEY_TAKEN")
    assert await start(client, OTHER | RETURN) == unconfirmed
    assert starts(world) == []


async def test_an_idempotency_key_makes_it_another_request(
    client: httpx.AsyncClient, unconfirmed: str
) -> None:
    response = await client.post("/v1/runs", json=START, headers={"idempotency-key": "1"})
    assert problem_of(response, 409, "RUN_KEY_TAKEN")["run_id"] == unconfirmed


async def test_a_claim_whose_api_died_is_in_doubt_after_a_while(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*args: object) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(world.gateway, "send", never)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.post("/v1/runs", json=START), 0.05)
    first = problem_of(await client.post("/v1/runs", json=START), 409, "RUN_KEY_TAKEN")["run_id"]
    for on_conflict in (RETURN, CANCEL):
        again = await client.post("/v1/runs", json=START | on_conflict)
        assert problem_of(again, 409, "RUN_KEY_TAKEN")["run_id"] == first
    assert world.commands() == []
    world.now_ms += 10_000
    assert await start(client, START) == first


async def test_two_at_once_that_want_the_run_get_one(world: World, client: httpx.AsyncClient) -> None:
    both = await asyncio.gather(*(start(client, START | RETURN) for _ in range(2)))
    assert len(set(both)) == len(starts(world)) == 1


async def test_a_start_cancels_the_run_that_has_its_key_and_waits_for_its_end(
    world: World, client: httpx.AsyncClient
) -> None:
    first = await start(client, START)
    run = world.project(first)
    asked = asyncio.Event()

    def cancelling(sent: Sent) -> Reply | None:
        if not isinstance(sent.command, CancelRun):
            return None
        asked.set()
        return Reply(command_id=sent.command.command_id, reply_to=0, ok=True, body=b'{"status":"CANCELLING"}')

    world.gateway.respond = cancelling
    world.settings = world.settings.model_copy(update={"api_takeover_s": 30.0})
    world.services.settings = world.settings
    second = asyncio.create_task(start(client, OTHER | CANCEL))
    await asked.wait()
    cancel = world.commands()[-1]
    assert (cancel.run_id, len(starts(world))) == (first, 1)
    run.status = "CANCELLED"
    assert await second in cancel.reason
    assert [command.run_id for command in starts(world)] == [first, await second]
    assert sum(isinstance(command, CancelRun) for command in world.commands()) == 1
    taken = problem_of(await client.post("/v1/runs", json=START), 409, "RUN_KEY_TAKEN")
    assert taken["run_id"] == await second


async def test_a_run_that_takes_long_to_end_keeps_its_key(world: World, client: httpx.AsyncClient) -> None:
    first = await start(client, START)
    world.project(first)
    world.run_reply = {"status": "CANCELLING"}
    problem = problem_of(await client.post("/v1/runs", json=OTHER | CANCEL), 409, "RUN_KEY_TAKEN")
    assert problem["run_id"] == first
    assert "asked to end" in problem["detail"]
    assert len(starts(world)) == 1


async def test_a_run_that_has_ended_meanwhile_gives_its_key_at_once(
    world: World, client: httpx.AsyncClient
) -> None:
    first = await start(client, START)
    world.project(first)
    refusing(world, "RUN_ENDED")
    assert await start(client, OTHER | CANCEL) != first


async def test_a_run_in_doubt_that_the_log_does_not_know_will_never_be(
    world: World, client: httpx.AsyncClient, unconfirmed: str
) -> None:
    refusing(world, "RUN_UNKNOWN")
    second = await start(client, OTHER | CANCEL)
    assert second != unconfirmed
    cancel, begin = world.commands()
    assert (cancel.run_id, begin.run_id) == (unconfirmed, second)


async def test_a_database_that_goes_away_behind_the_start_does_not_take_it_back(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*args: object) -> None:
        raise DatabaseUnavailable("connection refused")

    monkeypatch.setattr(world.store, "trust_run_key", away)
    assert await start(client, START) == starts(world)[0].run_id
