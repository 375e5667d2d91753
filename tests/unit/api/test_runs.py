from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from engine.payload import Ref
from storage.postgres.folded import FoldedArtifact, FoldedNode
from storage.postgres.memory_projection import MemoryProjection
from storage.run_ids import issue_run_id, run_id_key
from tests.support.decisions import TOPIC, Run, arrivals, scheduled, started, succeeded
from tests.unit.api.world import SECRET, World, pointers, problem_of

if TYPE_CHECKING:
    import httpx

UNKNOWN = ["r0_nothing", "nothing", "a%20b", "r0_%00", "r0_" + "x" * 100]
VIEWS = ["", "/timeline", "/graph"]
COMMANDS = ["/cancel", "/pause", "/resume", "/signals/go"]


async def start(client: httpx.AsyncClient) -> str:
    run_id: str = (await client.post("/v1/runs", json={"workflow": "etl", "inputs": {"n": 1}})).json()[
        "run_id"
    ]
    return run_id


@pytest.mark.usefixtures("etl")
async def test_a_run_that_was_just_accepted_is_never_unknown(world: World, client: httpx.AsyncClient) -> None:
    run_id = await start(client)
    response = await client.get(f"/v1/runs/{run_id}")
    assert (response.status_code, response.json()) == (
        200,
        {"run_id": run_id, "status": "ACCEPTED", "nodes": []},
    )
    assert (await client.get(f"/v1/runs/{run_id}/timeline")).json() == {"events": []}
    graph = await client.get(f"/v1/runs/{run_id}/graph")
    problem_of(graph, 409, "RUN_NOT_BEGUN")
    assert graph.headers["retry-after"] == "1"
    for command in COMMANDS:
        assert (await client.post(f"/v1/runs/{run_id}{command}?wait=0")).status_code == 202
    world.now_ms += 600_000
    problem_of(await client.get(f"/v1/runs/{run_id}"), 404, "NOT_FOUND")


@pytest.mark.parametrize("run_id", UNKNOWN)
async def test_an_unknown_run_is_not_found(world: World, client: httpx.AsyncClient, run_id: str) -> None:
    for view in VIEWS:
        problem_of(await client.get(f"/v1/runs/{run_id}{view}"), 404, "NOT_FOUND")
    for command in COMMANDS:
        problem_of(await client.post(f"/v1/runs/{run_id}{command}"), 404, "NOT_FOUND")
    assert world.gateway.sent == []


async def test_runs_of_others_are_not_there(world: World, client: httpx.AsyncClient) -> None:
    world.project("r0_theirs", workspace="other", graph="x")
    accepted = issue_run_id(run_id_key(SECRET), "other", world.now_ms, b"12345678")
    forged = issue_run_id(run_id_key("another secret"), "acme", world.now_ms, b"12345678")
    for run_id in ("r0_theirs", accepted, forged):
        for view in VIEWS:
            problem_of(await client.get(f"/v1/runs/{run_id}{view}"), 404, "NOT_FOUND")
        for command in COMMANDS:
            problem_of(await client.post(f"/v1/runs/{run_id}{command}"), 404, "NOT_FOUND")
    assert (await client.get("/v1/runs")).json() == {"runs": []}
    assert world.gateway.sent == []


async def test_a_run_is_shown_with_its_nodes(world: World, client: httpx.AsyncClient) -> None:
    ref = Ref("a" * 64, 99_999)
    world.project(
        "r0_one",
        status="COMPLETED",
        workflow="etl",
        version=3,
        graph="g" * 64,
        inputs=b'{"n":1}',
        output_ref=msgspec.json.encode(ref),
        ended_at=9,
        last_seq=12,
    )
    nodes = world.tables.folded.nodes
    nodes["r0_one", "a"] = FoldedNode(
        "r0_one", "a", "SUCCEEDED", 3, node_type="function", attempt=2, output=b"[1]"
    )
    nodes["r0_one", "b[3]"] = FoldedNode(
        "r0_one", "b[3]", "FAILED", 4, attempt=1, error=b'{"code":"X","message":"no"}'
    )
    nodes["r0_one", "c"] = FoldedNode("r0_one", "c", "SUCCEEDED", 5, output_ref=msgspec.json.encode(ref))
    run = (await client.get("/v1/runs/r0_one")).json()
    assert run["status"] == "COMPLETED"
    assert (run["workflow"], run["version"], run["graph_rev"], run["inputs"]) == ("etl", 3, 0, {"n": 1})
    artifact = {"sha256": "a" * 64, "size": 99_999}
    assert (run["artifact"], run.get("output")) == (artifact, None)
    assert run["nodes"] == [
        {"id": "a", "status": "SUCCEEDED", "attempt": 2, "type": "function", "output": [1]},
        {"id": "b[3]", "status": "FAILED", "attempt": 1, "error": {"code": "X", "message": "no"}},
        {"id": "c", "status": "SUCCEEDED", "attempt": 0, "artifact": artifact},
    ]
    page = (await client.get("/v1/runs/r0_one?nodes_limit=2")).json()
    assert [node["id"] for node in page["nodes"]] == ["a", "b[3]"]
    rest = (await client.get("/v1/runs/r0_one", params={"nodes_after": page["nodes_next"]})).json()
    assert [node["id"] for node in rest["nodes"]] == ["c"]
    assert "nodes_next" not in rest


async def test_runs_are_listed_in_pages_and_filtered(world: World, client: httpx.AsyncClient) -> None:
    for number in range(5):
        world.project(
            f"r0_{number}",
            workflow="etl" if number % 2 else "other",
            status="RUNNING" if number < 2 else "COMPLETED",
            created_at=number,
        )
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await client.get("/v1/runs", params=query)).json()
        seen += [run["run_id"] for run in page["runs"]]
        if "next" not in page:
            break
        query["after"] = page["next"]
    assert seen == ["r0_4", "r0_3", "r0_2", "r0_1", "r0_0"]
    running = (await client.get("/v1/runs?status=RUNNING")).json()["runs"]
    assert [run["run_id"] for run in running] == ["r0_1", "r0_0"]
    for status in ("ACCEPTED", "WAITING"):
        assert (await client.get(f"/v1/runs?status={status}")).json() == {"runs": []}
    both = (await client.get("/v1/runs?status=COMPLETED&workflow=etl")).json()["runs"]
    assert [run["run_id"] for run in both] == ["r0_3"]
    assert both[0] == {
        "run_id": "r0_3",
        "status": "COMPLETED",
        "workflow": "etl",
        "author": "key:1",
        "created_at": 3,
    }


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/runs?limit=0", "/query/limit"),
        ("/v1/runs?limit=1001", "/query/limit"),
        ("/v1/runs?limit=x", "/query/limit"),
        ("/v1/runs?status=DONE", "/query/status"),
        ("/v1/runs?workflow=a%20b", "/query/workflow"),
        ("/v1/runs/r0_x/graph?rev=-1", "/query/rev"),
        ("/v1/runs/r0_x/timeline?after=-1", "/query/after"),
        ("/v1/runs/r0_x/timeline?after=99999999999999999999", "/query/after"),
        ("/v1/artifacts/xyz", "/path/sha256"),
    ],
)
async def test_wrong_parameters_have_pointers(client: httpx.AsyncClient, path: str, pointer: str) -> None:
    assert pointers(problem_of(await client.get(path), 422, "REQUEST_INVALID")) == [pointer]


async def test_a_cursor_of_nobody_is_refused(client: httpx.AsyncClient) -> None:
    problem_of(await client.get("/v1/runs?after=nonsense"), 422, "REQUEST_INVALID")


async def test_the_timeline_is_paged_by_number(world: World, client: httpx.AsyncClient) -> None:
    run = Run("r0_one", "acme")
    projection = MemoryProjection(world.tables, "tests")
    projection.next_offset(TOPIC, 0)
    projection.write(
        arrivals([run.decide(started(), scheduled("a"), scheduled("b")), run.decide(succeeded("a"))])
    )
    page = (await client.get("/v1/runs/r0_one/timeline?limit=3")).json()
    assert [event["seq"] for event in page["events"]] == [1, 2, 3]
    types = [(event["type"], event.get("node_id")) for event in page["events"]]
    assert types == [("run.started", None), ("node.scheduled", "a"), ("node.scheduled", "b")]
    assert page["events"][1]["data"]["attempt"] == 1
    assert page["next"] == 3
    rest = (await client.get(f"/v1/runs/r0_one/timeline?after={page['next']}")).json()
    assert [event["seq"] for event in rest["events"]] == [4]
    assert "next" not in rest


@pytest.mark.usefixtures("etl")
async def test_the_graph_is_the_definition_the_run_began_with(
    world: World, client: httpx.AsyncClient, etl: dict[str, Any]
) -> None:
    world.project("r0_one", graph=etl["hash"])
    body = (await client.get("/v1/runs/r0_one/graph")).json()
    assert (body["run_id"], body["hash"], body["rev"]) == ("r0_one", etl["hash"], 0)
    assert body["definition"]["name"] == "etl"
    assert (await client.get("/v1/runs/r0_one/graph?rev=0")).json() == body
    problem = problem_of(await client.get("/v1/runs/r0_one/graph?rev=1"), 404, "REVISION_UNKNOWN")
    assert pointers(problem) == ["/query/rev"]
    world.project("r0_bad", status="REJECTED")
    problem_of(await client.get("/v1/runs/r0_bad/graph"), 404, "NOT_FOUND")


async def test_artifacts_belong_to_workspaces(
    world: World, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    ref = world.cas.put(b"%PDF", "application/pdf")
    problem_of(await client.get(f"/v1/artifacts/{ref.sha256}"), 404, "NOT_FOUND")
    artifact = FoldedArtifact("acme", ref.sha256, ref.size, ref.media_type, "r0_one")
    world.tables.folded.artifacts["acme", ref.sha256] = artifact
    response = await client.get(f"/v1/artifacts/{ref.sha256}")
    assert (response.content, response.headers["content-type"]) == (b"%PDF", "application/pdf")
    assert "immutable" in response.headers["cache-control"]
    tag = response.headers["etag"]
    again = await client.get(f"/v1/artifacts/{ref.sha256}", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    problem_of(await stranger.get(f"/v1/artifacts/{ref.sha256}"), 404, "NOT_FOUND")


async def test_a_lost_artifact_is_gone(world: World, client: httpx.AsyncClient) -> None:
    world.tables.folded.artifacts["acme", "a" * 64] = FoldedArtifact("acme", "a" * 64, 1, "x/y", "r0_one")
    problem_of(await client.get(f"/v1/artifacts/{'a' * 64}"), 410, "ARTIFACT_LOST")
