from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from api.gateway import GatewayUnavailableError
from engine.commands import CancelRun, PauseRun, ResumeRun, SignalRun
from tests.unit.api.world import World, pointers, problem_of

if TYPE_CHECKING:
    import httpx

RUN = "r0_one"
KINDS = [("cancel", CancelRun), ("pause", PauseRun), ("resume", ResumeRun)]


@pytest.fixture(autouse=True)
def _running(world: World) -> None:
    world.project(RUN)


@pytest.mark.parametrize(("verb", "kind"), KINDS)
async def test_a_verb_is_a_command(world: World, client: httpx.AsyncClient, verb: str, kind: type) -> None:
    response = await client.post(f"/v1/runs/{RUN}/{verb}", json={"reason": "because"})
    [sent] = world.gateway.sent
    assert isinstance(sent.command, kind)
    assert isinstance(sent.command, CancelRun | PauseRun | ResumeRun)
    assert (sent.key, sent.command.run_id, sent.command.reason, sent.command.reply_to) == (
        RUN,
        RUN,
        "because",
        None,
    )
    assert response.status_code == 202
    assert response.json() == {"run_id": RUN, "command_id": sent.command.command_id, "status": "ACCEPTED"}


@pytest.mark.parametrize(("verb", "kind"), KINDS)
async def test_the_outcome_can_be_waited_for(
    world: World, client: httpx.AsyncClient, verb: str, kind: type
) -> None:
    world.run_reply = {"status": "X"}
    response = await client.post(f"/v1/runs/{RUN}/{verb}?wait=5")
    assert (response.status_code, response.json()) == (200, {"status": "X"})
    world.run_reply = None
    assert (await client.post(f"/v1/runs/{RUN}/{verb}?wait=0.01")).status_code == 202


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"reason": 1}, "/reason"), ({"why": "x"}, "/why"), ({"reason": "x" * 1001}, "/reason")],
)
async def test_a_wrong_reason_is_refused(client: httpx.AsyncClient, body: object, pointer: str) -> None:
    problem = problem_of(await client.post(f"/v1/runs/{RUN}/cancel", json=body), 422, "BODY_INVALID")
    assert pointers(problem) == [pointer]


@pytest.mark.parametrize(
    ("code", "status"),
    [("RUN_STOPPING", 409), ("RUN_ENDED", 409), ("RUN_UNKNOWN", 404), ("SIGNAL_LIMIT", 409)],
)
async def test_what_the_log_refuses_is_the_answer(
    world: World, client: httpx.AsyncClient, code: str, status: int
) -> None:
    world.refusal = (code, "no")
    problem_of(await client.post(f"/v1/runs/{RUN}/pause?wait=5"), status, code)


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "CANCELLED", "REJECTED"])
async def test_an_ended_run_takes_no_commands(world: World, client: httpx.AsyncClient, status: str) -> None:
    world.project(RUN, status=status)
    for path in ("cancel", "pause", "resume", "signals/go"):
        problem_of(await client.post(f"/v1/runs/{RUN}/{path}"), 409, "RUN_ENDED")
    assert world.gateway.sent == []


async def test_a_signal_answers_with_its_outcome(world: World, client: httpx.AsyncClient) -> None:
    world.run_reply = {"outcome": "delivered"}
    response = await client.post(f"/v1/runs/{RUN}/signals/go", json={"ok": True})
    assert (response.status_code, response.json()) == (200, {"outcome": "delivered"})
    [command] = world.commands()
    assert isinstance(command, SignalRun)
    assert (command.name, command.payload.value(), command.reply_to) == ("go", {"ok": True}, 0)


async def test_a_signal_may_be_empty_or_large(world: World, client: httpx.AsyncClient) -> None:
    await client.post(f"/v1/runs/{RUN}/signals/go?wait=0")
    await client.post(f"/v1/runs/{RUN}/signals/go?wait=0", json="x" * 20_000)
    empty, large = world.commands()
    assert (empty.payload.value(), empty.reply_to) == (None, None)
    assert large.payload.ref.size == 20_002
    assert len(world.cas.get(large.payload.ref)) == 20_002


async def test_a_signal_whose_outcome_is_late_is_accepted(client: httpx.AsyncClient) -> None:
    assert (await client.post(f"/v1/runs/{RUN}/signals/go", json=1)).status_code == 202


@pytest.mark.parametrize("content", [b"{", b"1e999", b'"\xff"'])
async def test_a_signal_must_be_json(client: httpx.AsyncClient, content: bytes) -> None:
    problem_of(await client.post(f"/v1/runs/{RUN}/signals/go", content=content), 400, "JSON_INVALID")


async def test_the_name_of_a_signal_may_have_dots(world: World, client: httpx.AsyncClient) -> None:
    assert (await client.post(f"/v1/runs/{RUN}/signals/order.paid-1?wait=0")).status_code == 202
    assert world.commands()[-1].name == "order.paid-1"


async def test_the_name_of_a_signal_is_an_id(client: httpx.AsyncClient) -> None:
    problem = problem_of(await client.post(f"/v1/runs/{RUN}/signals/a%20b"), 422, "REQUEST_INVALID")
    assert pointers(problem) == ["/path/name"]


async def test_without_kafka_a_command_may_be_repeated(world: World, client: httpx.AsyncClient) -> None:
    world.gateway.failure = GatewayUnavailableError("down", sent=True)
    response = await client.post(f"/v1/runs/{RUN}/cancel")
    problem_of(response, 503, "UNAVAILABLE")
    assert response.headers["retry-after"] == "1"
