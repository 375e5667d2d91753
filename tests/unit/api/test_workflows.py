from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from engine.commands import TagWorkflow, UploadWorkflow
from engine.model import canonical
from tests.unit.api.world import World, pointers, problem_of, workflow

if TYPE_CHECKING:
    import httpx


async def test_an_upload_is_a_command_of_its_author(world: World, client: httpx.AsyncClient) -> None:
    response = await client.put("/v1/workflows/etl?tag=next", json=workflow())
    assert response.status_code == 201
    [sent] = world.gateway.sent
    assert isinstance(sent.command, UploadWorkflow)
    assert (sent.key, sent.command.name, sent.command.tag) == ("wf:acme/etl", "etl", "next")
    text, digest = canonical(sent.command.definition)
    assert sent.command.definition == text == world.cas.get(digest)
    assert response.json() == {"name": "etl", "version": 1, "hash": digest, "tag": "next"}
    claims = world.tokens.verify_header(sent.authorization)
    assert (claims.workspace, claims.role, claims.author) == ("acme", "member", "key:acme-member")


async def test_an_equal_definition_is_no_new_version(client: httpx.AsyncClient) -> None:
    first = await client.put("/v1/workflows/etl", json=workflow())
    again = await client.put("/v1/workflows/etl", content=b" " + first.request.content)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    changed = await client.put("/v1/workflows/etl", json=workflow(description="new"))
    assert (changed.status_code, changed.json()["version"]) == (201, 2)


@pytest.mark.parametrize("path", ["/v1/workflows/validate", "/v1/workflows/etl"])
async def test_a_wrong_definition_is_refused_with_pointers(
    world: World, client: httpx.AsyncClient, path: str
) -> None:
    method = "POST" if path.endswith("validate") else "PUT"
    bad = workflow(surprise=1)
    bad["nodes"].append({"id": "b", "type": "teleport"})
    problem = problem_of(await client.request(method, path, json=bad), 422, "WORKFLOW_INVALID")
    assert "/nodes/1/type" in pointers(problem)
    assert all(error["message"] for error in problem["errors"])
    edge = workflow(edges=[{"from": "a", "to": "nobody"}])
    problem = problem_of(await client.request(method, path, json=edge), 422, "WORKFLOW_INVALID")
    assert pointers(problem)[0].startswith("/edges/0")
    problem = problem_of(await client.request(method, path, content=b'{"name": '), 400, "JSON_INVALID")
    assert pointers(problem) == [""]
    assert world.gateway.sent == []


async def test_a_message_does_not_repeat_a_large_value(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/workflows/validate", json=workflow(description="x" * 100_000))
    [error] = problem_of(response, 422, "WORKFLOW_INVALID")["errors"]
    assert len(error["message"]) < 600


async def test_a_wrong_expression_is_found_at_the_upload(client: httpx.AsyncClient) -> None:
    node = {"id": "t", "type": "transform", "config": {"expression": "1 +"}}
    problem = problem_of(
        await client.put("/v1/workflows/etl", json=workflow(nodes=[node])), 422, "WORKFLOW_INVALID"
    )
    assert pointers(problem) == ["/nodes/0/config/expression"]


async def test_validating_changes_nothing(world: World, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/workflows/validate", json=workflow())
    assert response.status_code == 200
    assert response.json()["valid"] is True
    assert world.gateway.sent == []
    assert (await client.get("/v1/workflows")).json() == {"workflows": []}


async def test_the_names_in_path_and_body_must_agree(client: httpx.AsyncClient) -> None:
    problem = problem_of(await client.put("/v1/workflows/other", json=workflow()), 422, "NAME_MISMATCH")
    assert pointers(problem) == ["/name"]


@pytest.mark.parametrize(
    ("path", "pointer"),
    [("/v1/workflows/a%20b", "/path/name"), ("/v1/workflows/etl?tag=a%20b", "/query/tag")],
)
async def test_wrong_parameters_have_pointers(client: httpx.AsyncClient, path: str, pointer: str) -> None:
    problem = problem_of(await client.put(path, json=workflow()), 422, "REQUEST_INVALID")
    assert pointers(problem) == [pointer]


async def test_without_a_materializer_an_upload_may_be_repeated(
    world: World, client: httpx.AsyncClient
) -> None:
    world.materializing = False
    response = await client.put("/v1/workflows/etl", json=workflow())
    problem_of(response, 503, "UNAVAILABLE")
    assert response.headers["retry-after"] == "1"


async def test_a_refusal_of_the_materializer_is_the_answer(world: World, client: httpx.AsyncClient) -> None:
    def refuse(sent: Any) -> Any:  # noqa: ANN401
        return world._reply(sent.command.command_id, ok=False, code="TOO_MANY_VERSIONS", message="enough")

    world.gateway.respond = refuse
    problem = problem_of(await client.put("/v1/workflows/etl", json=workflow()), 422, "TOO_MANY_VERSIONS")
    assert problem["detail"] == "enough"


async def test_bodies_are_bounded(world: World) -> None:
    small = World(api_body_limit=1024)
    async with small.client(await small.key("acme", "member")) as client:
        for path, method in (("/v1/workflows/etl", "PUT"), ("/v1/workflows/validate", "POST")):
            response = await client.request(method, path, json=workflow(description="x" * 2000))
            problem_of(response, 413, "BODY_TOO_LARGE")

            async def chunks() -> Any:  # noqa: ANN401
                for _ in range(10):
                    yield b" " * 500

            problem_of(await client.request(method, path, content=chunks()), 413, "BODY_TOO_LARGE")
    async with world.client(await world.key("acme", "member")) as client:
        response = await client.put("/v1/workflows/etl", json=workflow(metadata={"x": "x" * 950_000}))
        problem_of(response, 413, "WORKFLOW_TOO_LARGE")


async def test_workflows_are_listed_by_name_in_pages(client: httpx.AsyncClient) -> None:
    for name in ("c", "a", "b"):
        await client.put(f"/v1/workflows/{name}", json=workflow(name))
    page = (await client.get("/v1/workflows?limit=2")).json()
    assert [item["name"] for item in page["workflows"]] == ["a", "b"]
    assert page["workflows"][0] == {"name": "a", "versions": 1, "tags": {"main": 1}}
    rest = (await client.get(f"/v1/workflows?limit=2&after={page['next']}")).json()
    assert [item["name"] for item in rest["workflows"]] == ["c"]
    assert "next" not in rest


async def test_a_workflow_is_shown_with_a_definition(client: httpx.AsyncClient) -> None:
    await client.put("/v1/workflows/etl", json=workflow())
    await client.put("/v1/workflows/etl?tag=next", json=workflow(description="new"))
    main = (await client.get("/v1/workflows/etl")).json()
    assert (main["version"], main["tags"]) == (1, {"main": 1, "next": 2})
    assert [item["version"] for item in main["versions"]] == [1, 2]
    assert main["definition"] == workflow()
    for query in ("tag=next", "version=2"):
        shown = (await client.get(f"/v1/workflows/etl?{query}")).json()
        assert (shown["version"], shown["definition"]["description"]) == (2, "new")
        assert shown["hash"] == shown["versions"][1]["hash"]
    problem_of(await client.get("/v1/workflows/etl?version=3"), 404, "VERSION_UNKNOWN")
    problem_of(await client.get("/v1/workflows/etl?tag=nxt"), 404, "TAG_UNKNOWN")
    problem = problem_of(await client.get("/v1/workflows/elt"), 404, "WORKFLOW_UNKNOWN")
    assert "did you mean 'etl'?" in problem["detail"]


async def test_workflows_of_others_are_not_there(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, etl: dict[str, Any]
) -> None:
    problem_of(await stranger.get("/v1/workflows/etl"), 404, "WORKFLOW_UNKNOWN")
    problem_of(await stranger.put("/v1/workflows/etl/tags/x", json={"version": 1}), 404, "WORKFLOW_UNKNOWN")
    assert (await stranger.get("/v1/workflows")).json() == {"workflows": []}
    assert (await stranger.put("/v1/workflows/etl", json=workflow())).json()["version"] == 1
    assert (await client.get("/v1/workflows/etl")).json()["hash"] == etl["hash"]


async def test_a_tag_is_moved(world: World, client: httpx.AsyncClient, etl: dict[str, Any]) -> None:
    response = await client.put("/v1/workflows/etl/tags/prod", json={"version": 1})
    assert response.json() == {"name": "etl", "version": 1, "hash": etl["hash"], "tag": "prod"}
    command = world.commands()[-1]
    assert isinstance(command, TagWorkflow)
    assert (command.name, command.tag, command.version) == ("etl", "prod", 1)


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({"version": 9}, 422, "VERSION_UNKNOWN", "/version"),
        ({"version": 0}, 422, "BODY_INVALID", "/version"),
        ({"version": "1"}, 422, "BODY_INVALID", "/version"),
        ({}, 422, "BODY_INVALID", "/version"),
        ({"version": 1, "x~/y": 2}, 422, "BODY_INVALID", "/x~0~1y"),
        ([], 422, "BODY_INVALID", ""),
    ],
)
async def test_a_wrong_tag_is_refused(
    client: httpx.AsyncClient, etl: dict[str, Any], body: object, status: int, code: str, pointer: str
) -> None:
    problem = problem_of(await client.put("/v1/workflows/etl/tags/prod", json=body), status, code)
    assert pointers(problem) == [pointer]


async def test_the_schema_is_published(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/schemas/workflow")
    assert response.headers["content-type"] == "application/schema+json"
    assert "nodes" in response.json()["properties"]
