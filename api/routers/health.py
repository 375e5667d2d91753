"""Health, and the documents that describe the api."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api import metrics
from api.gateway import GatewayUnavailableError
from api.models.answers import Health
from api.openapi import gives
from api.routers.parameters import App, Reader
from api.services import answer
from engine.model import workflow_schema
from storage.postgres.errors import DatabaseUnavailable

router = APIRouter()

SCHEMA_TYPE = "application/schema+json"


@router.get("/healthz", tags=["health"], responses=gives({200: ("The process is alive.", Health)}))
async def healthz() -> Response:
    """Whether the process is alive; says nothing of what it depends on."""
    return answer(Health(status="ok"))


@router.get(
    "/readyz",
    tags=["health"],
    responses=gives({200: ("Requests can be served.", Health), 503: ("Something is missing.", Health)}),
)
async def readyz(services: App) -> Response:
    """Whether Kafka, Postgres and the table of workflow names are there."""
    failures: dict[str, str] = {}
    if not services.registry.is_ready():
        failures["registry"] = "the table of workflow names is not read"
    try:
        await services.gateway.check()
    except GatewayUnavailableError as error:
        failures["kafka"] = str(error)
    try:
        await services.store.ping()
    except DatabaseUnavailable as error:
        failures["postgres"] = str(error)
    if failures:
        return answer(Health(status="unavailable", failures=failures), 503)
    return answer(Health(status="ok"))


@router.get(
    "/metrics",
    tags=["health"],
    responses=gives({200: ("Prometheus's text format.", None)}, media_type="text/plain"),
)
async def get_metrics(request: Request, _: Reader) -> Response:
    """The figures of this instance: requests by route and status, how long they took, and its process."""
    figures: metrics.Metrics = request.app.state.metrics
    return Response(figures.text(), media_type=metrics.MEDIA_TYPE)


@router.get("/openapi.json", include_in_schema=False)
async def get_openapi(request: Request, _: Reader) -> Response:
    """The OpenAPI document."""
    return JSONResponse(request.app.openapi())


@router.get(
    "/v1/schemas/workflow",
    tags=["workflows"],
    responses=gives({200: ("JSON Schema 2020-12 of a workflow.", None)}, media_type=SCHEMA_TYPE),
)
async def get_workflow_schema(_: Reader) -> Response:
    """The JSON Schema of workflows."""
    return Response(workflow_schema(), media_type=SCHEMA_TYPE)
