from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from engine.commands import StartRun
from engine.ids import is_run_id
from storage.run_ids import recognise_run_id, run_id_key
from tests.unit.api.world import SECRET, World, pointers, problem_of, workflow

if TYPE_CHECKING:
    import httpx

START = {"workflow": "etl", "inputs": {"n": 1}}

pytestmark = pytest.mark.usefixtures("etl")


def starts(world: World) -> list[StartRun]:
    return [command for command in world.commands() if isinstance(command, StartRun)]


async def test_a_start_is_a_resolved_command(
    world: World, client: httpx.AsyncClient, etl: dict[str, Any]
) -> None:
    response = await client.post("/v1/runs", json=START | {"priority": "high", "tag": "main"})
    assert response.status_code == 202
    run_id = response.json()["run_id"]
    assert response.json() == {"run_id": run_id, "status": "ACCEPTED"}
    assert response.headers["location"] == f"/v1/runs/{run_id}"
    assert is_run_id(run_id)
    assert recognise_run_id(run_id_key(SECRET), "acme", run_id) == world.now_ms
    sent = world.gateway.sent[-1]
    command = starts(world)[-1]
    assert (sent.key, command.run_id, command.command_id) == (run_id, run_id, run_id)
    assert (command.workflow, command.version, command.definition_hash) == ("etl", 1, etl["hash"])
    assert (command.priority, command.requested_at, command.reply_to) == ("high", world.now_ms, None)
    assert command.inputs.value() == {"n": 1}
    assert world.tokens.verify_header(sent.authorization).author == "key:acme-member"


async def test_inputs_are_an_empty_object_by_default(world: World, client: httpx.AsyncClient) -> None:
    await client.post("/v1/runs", json={"workflow": "etl"})
    assert starts(world)[-1].inputs.value() == {}


async def test_a_definition_may_come_with_the_start(world: World, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/runs", json={"definition": workflow("adhoc"), "inputs": [1]})
    assert response.status_code == 202
    command = starts(world)[-1]
    assert (command.workflow, command.version) == ("adhoc", None)
    assert command.definition is None
    assert command.definition_hash is not None
    assert b"adhoc" in world.cas.get(command.definition_hash)


async def test_a_version_is_pinned_by_tag_or_number(world: World, client: httpx.AsyncClient) -> None:
    await client.put("/v1/workflows/etl?tag=next", json=workflow(description="new"))
    for which, version in (({}, 1), ({"tag": "next"}, 2), ({"version": 2}, 2), ({"version": 1}, 1)):
        await client.post("/v1/runs", json={"workflow": "etl"} | which)
        assert starts(world)[-1].version == version


async def test_large_inputs_go_to_the_blob_store(world: World, client: httpx.AsyncClient) -> None:
    await client.post("/v1/runs", json={"definition": workflow("big"), "inputs": {"x": "y" * 20_000}})
    ref = starts(world)[-1].inputs.ref
    assert ref is not None
    assert ref.size == len(world.cas.get(ref)) > 20_000


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({}, 422, "BODY_INVALID", "/workflow"),
        ([], 422, "BODY_INVALID", ""),
        ({"workflow": 1}, 422, "BODY_INVALID", "/workflow"),
        ({"workflow": "a b"}, 422, "BODY_INVALID", "/workflow"),
        ({"workflow": "etl", "unknown": 1}, 422, "BODY_INVALID", "/unknown"),
        ({"workflow": "etl", "priority": "urgent"}, 422, "BODY_INVALID", "/priority"),
        ({"workflow": "etl", "on_conflict": "wait"}, 422, "BODY_INVALID", "/on_conflict"),
        ({"workflow": "etl", "key": ""}, 422, "BODY_INVALID", "/key"),
        ({"workflow": "etl", "key": "a\x00b"}, 422, "BODY_INVALID", "/key"),
        ({"workflow": "etl", "version": 0}, 422, "BODY_INVALID", "/version"),
        ({"workflow": "etl", "version": 1, "tag": "main"}, 422, "BODY_INVALID", "/version"),
        ({"workflow": "etl", "definition": {}}, 422, "BODY_INVALID", "/definition"),
        ({"definition": {"name": "x"}, "tag": "main"}, 422, "BODY_INVALID", "/tag"),
        ({"definition": {"name": "x"}}, 422, "WORKFLOW_INVALID", "/definition"),
        ({"workflow": "elt"}, 422, "WORKFLOW_UNKNOWN", "/workflow"),
        ({"workflow": "etl", "tag": "nope"}, 422, "TAG_UNKNOWN", "/tag"),
        ({"workflow": "etl", "version": 7}, 422, "VERSION_UNKNOWN", "/version"),
        ({"workflow": "etl", "inputs": {"n": "1"}}, 422, "INPUTS_INVALID", "/inputs/n"),
        ({"workflow": "etl", "inputs": {"m": 1}}, 422, "INPUTS_INVALID", "/inputs"),
        ({"workflow": "etl", "inputs": None}, 422, "INPUTS_INVALID", "/inputs"),
    ],
)
async def test_a_wrong_start_is_refused_with_its_pointer(
    world: World, client: httpx.AsyncClient, body: object, status: int, code: str, pointer: str
) -> None:
    problem = problem_of(await client.post("/v1/runs", json=body), status, code)
    assert pointers(problem) == [pointer]
    assert starts(world) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"workflow": "etl"} x',
        b'{"workflow": "\xff"}',
        b'{"workflow": "etl", "inputs": "\xff"}',
        b'{"workflow": "etl", "inputs": {"n": 1e999}}',
        b'{"workflow": "etl", "inputs": ' + b"[" * 201 + b"]" * 201 + b"}",
        b'{"workflow": "etl", "inputs": ' + b"[" * 1200 + b"]" * 1200 + b"}",
        b'{"workflow": "etl", "inputs": ' + b"[" * 90_000 + b"]" * 90_000 + b"}",
    ],
)
async def test_what_is_no_json_is_refused(world: World, client: httpx.AsyncClient, content: bytes) -> None:
    problem_of(await client.post("/v1/runs", content=content), 400, "JSON_INVALID")
    assert starts(world) == []


@pytest.mark.parametrize("headers", [{}, {"idempotency-key": "order-1"}])
@pytest.mark.parametrize("depth", [201, 300, 900])
async def test_json_that_is_too_deep_is_refused_where_it_stands(
    world: World, client: httpx.AsyncClient, depth: int, headers: dict[str, str]
) -> None:
    deep = b"[" * depth + b"]" * depth
    for field in (b"inputs", b"definition"):
        rest = b'"workflow": "etl", ' if field == b"inputs" else b'"key": "k", '
        response = await client.post(
            "/v1/runs", content=b"{%s%s" % (rest, b'"%s": %s}' % (field, deep)), headers=headers
        )
        assert pointers(problem_of(response, 400, "JSON_INVALID")) == [f"/{field.decode()}"]
    assert starts(world) == []


async def test_as_deep_as_may_be_is_let_in(world: World, client: httpx.AsyncClient) -> None:
    deep = b"[" * 200 + b"]" * 200
    await client.put("/v1/workflows/any", json=workflow("any"))
    body = b'{"workflow": "any", "inputs": %s}' % deep
    assert (await client.post("/v1/runs", content=body, headers={"idempotency-key": "1"})).status_code == 202
    batch = b'{"runs": [%s]}' % body
    assert (await client.post("/v1/runs/batch", content=batch)).json()["accepted"] == 1


async def test_inputs_are_bounded() -> None:
    world = World(api_inputs_limit=2048)
    async with world.client(await world.key("acme", "member")) as client:
        response = await client.post("/v1/runs", json=START | {"inputs": "x" * 3000})
        problem_of(response, 413, "BODY_TOO_LARGE")


async def test_a_workflow_of_another_workspace_is_unknown(stranger: httpx.AsyncClient) -> None:
    problem_of(await stranger.post("/v1/runs", json=START), 422, "WORKFLOW_UNKNOWN")
