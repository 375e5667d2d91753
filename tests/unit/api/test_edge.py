from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from api.gateway import GatewayUnavailableError
from api.settings import ApiSettings
from storage.cas import CasUnavailable
from storage.postgres.errors import DatabaseUnavailable
from tests.unit.api.world import SECRET, World, problem_of, workflow

if TYPE_CHECKING:
    import httpx


async def test_an_unknown_path_is_a_problem(client: httpx.AsyncClient) -> None:
    problem_of(await client.get("/v1/nothing"), 404, "NOT_FOUND")


async def test_a_wrong_method_is_a_problem(client: httpx.AsyncClient) -> None:
    response = await client.delete("/v1/runs")
    problem_of(response, 405, "METHOD_NOT_ALLOWED")
    assert "POST" in response.headers["allow"] or "GET" in response.headers["allow"]


async def test_a_fault_is_a_problem_that_tells_nothing(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*args: Any, **names: Any) -> None:  # noqa: ANN401
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr(world.services.reads, "list_runs", broken)
    problem = problem_of(await client.get("/v1/runs"), 500, "INTERNAL")
    assert "42" not in str(problem)


async def test_a_database_that_is_away_may_be_asked_again(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*args: Any, **names: Any) -> None:  # noqa: ANN401
        raise DatabaseUnavailable("connection refused")

    monkeypatch.setattr(world.services.reads, "list_runs", away)
    response = await client.get("/v1/runs")
    problem_of(response, 503, "UNAVAILABLE")
    assert response.headers["retry-after"] == "1"
    monkeypatch.setattr(world.store, "ping", away)
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["failures"]) == (503, {"postgres": "connection refused"})


async def test_a_blob_store_that_is_away_may_be_asked_again(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **names: Any) -> None:  # noqa: ANN401
        raise CasUnavailable("no such mount")

    monkeypatch.setattr(world.cas, "put", away)
    problem_of(await client.put("/v1/workflows/etl", json=workflow()), 503, "UNAVAILABLE")
    body = {"definition": workflow(), "inputs": "x" * 20_000}
    problem_of(await client.post("/v1/runs", json=body), 503, "UNAVAILABLE")


async def test_readiness_names_what_is_missing(world: World, client: httpx.AsyncClient) -> None:
    world.gateway.failure = GatewayUnavailableError("no broker", sent=False)
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "failures": {"kafka": "no broker"}}
    assert (await client.get("/healthz")).status_code == 200


async def test_all_but_health_wants_a_key(world: World) -> None:
    async with world.client(None) as nobody:
        for path in ("/openapi.json", "/metrics", "/v1/runs", "/v1/schemas/workflow"):
            problem_of(await nobody.get(path), 401, "UNAUTHENTICATED")
        for path in ("/healthz", "/readyz"):
            assert (await nobody.get(path)).status_code == 200


async def test_metrics_count_requests_by_route_and_status(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    async def broken(*args: Any, **names: Any) -> None:  # noqa: ANN401
        raise RuntimeError("no")

    await client.post("/v1/runs", json={"definition": workflow()})
    await client.post("/v1/runs", json={})
    await client.get("/v1/runs/r0_one")
    await client.get("/v1/runs/r0_two")
    await client.get("/somewhere/else")
    await client.request("BREW", "/v1/runs")
    monkeypatch.setattr(world.services.reads, "list_runs", broken)
    await client.get("/v1/runs")
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    figures = dict(line.rsplit(" ", 1) for line in response.text.splitlines() if line[0] != "#")
    counts = {name: int(float(n)) for name, n in figures.items() if name.startswith("aob_api_requests_total")}
    assert counts == {
        f'aob_api_requests_total{{method="{method}",route="{route}",status="{status}"}}': count
        for method, route, status, count in [
            ("POST", "/v1/runs", 202, 1),
            ("POST", "/v1/runs", 422, 1),
            ("GET", "/v1/runs/{run_id}", 404, 2),
            ("GET", "unmatched", 404, 1),
            ("other", "/v1/runs", 405, 1),
            ("GET", "/v1/runs", 500, 1),
        ]
    }
    assert figures["aob_api_requests_in_flight"] == "1.0"
    assert figures['aob_api_request_seconds_count{method="GET",route="/v1/runs/{run_id}"}'] == "2.0"
    assert float(figures["process_resident_memory_bytes"]) > 0


async def test_the_openapi_document_is_complete(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["description"], where
            if path not in {"/healthz", "/readyz"}:
                assert operation["security"] == [{"apiKey": []}], where
            if method in {"put", "post"}:
                assert "requestBody" in operation, where
            for status, response in operation["responses"].items():
                for media_type, content in response.get("content", {}).items():
                    reference = content.get("schema", {}).get("$ref")
                    assert reference is None or reference.rsplit("/", 1)[1] in schemas, where
                    if int(status) >= 400 and path != "/readyz":
                        assert media_type == "application/problem+json", where
    start = document["paths"]["/v1/runs"]["post"]
    assert {parameter["name"] for parameter in start["parameters"]} == {"wait", "Idempotency-Key"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"jwt_secret": "short"},
        {"environment": "production", "bootstrap_api_key": "eight888"},
        {"api_port": 70000},
        {"api_reply_partition": -1},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ApiSettings.model_validate({"jwt_secret": SECRET} | wrong)


def test_every_setting_is_documented() -> None:
    assert [name for name, field in ApiSettings.model_fields.items() if not field.description] == []
