"""The FastAPI application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Route

from api import openapi, problems
from api.routers import artifacts, health, run_commands, runs, starts, workflows

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from api.services import Services


def create_app(
    services: Services | None = None,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """The app; its services are given here, or set by `lifespan` as `app.state.services`."""
    app = FastAPI(
        title="aob",
        version="1",
        description="Workflows on Kafka: every run is a log. Errors are application/problem+json (RFC 9457).",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    # FastAPI documents the hot path below; served by a plain route it costs half as much.
    app.router.routes.insert(0, Route("/v1/runs", starts.start_run, methods=["POST"]))
    if services is not None:
        app.state.services = services
    for resource in (starts, runs, run_commands, workflows, artifacts, health):
        app.include_router(resource.router)
    problems.install(app)
    openapi.install(app)
    return app
