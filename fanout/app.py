"""The HTTP face of the live feed."""

from __future__ import annotations

import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from engine.ids import is_id
from fanout.feed import Feed
from fanout.history import HistoryUnavailable
from fanout.problems import Problem, invalid, on_fault, on_http, on_problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from starlette.requests import Request

    from fanout.feed import Pace
    from fanout.history import Head, History
    from fanout.hub import Hub

_POSITION = re.compile(r"(\d{1,18})(?::\d{1,18})?")
"""An event's id is its number; a log line's is the number of the event before it, and the line's own."""

_NODE = re.compile(r"[A-Za-z0-9_\-\[\]#/]{1,512}")


class Keys(Protocol):
    """Whom an API key stands for."""

    async def workspace(self, key: str) -> str | None:
        """The workspace that a key opens, None for an unknown key; HistoryUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What the app stands on. `accepted` says when (Unix ms) the api issued a run id for a workspace."""

    hub: Hub
    history: History
    keys: Keys
    accepted: Callable[[str, str], int | None]
    following: Callable[[], bool]
    max_streams: int = 10_000
    heartbeat_s: float = 15.0
    accepted_s: float = 600.0
    pace: Pace | None = None


def create_app(
    services: Services, lifespan: Callable[[], AbstractAsyncContextManager[None]] | None = None
) -> Starlette:
    """The app; `lifespan` opens and closes what the services need."""

    @asynccontextmanager
    async def around(_: Starlette) -> AsyncIterator[None]:
        if lifespan is None:
            yield
            return
        async with lifespan():
            yield

    app = Starlette(
        routes=[
            Route("/healthz", _healthz),
            Route("/readyz", _readyz),
            Route("/v1/runs/{run_id}/events", _events),
        ],
        lifespan=around,
        exception_handlers={Problem: on_problem, HTTPException: on_http, Exception: on_fault},
    )
    app.state.services = services
    return app


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _readyz(request: Request) -> Response:
    services = _services(request)
    if not services.following():
        return PlainTextResponse("the live topics are not followed yet\n", 503)
    try:
        await services.keys.workspace("readyz")
    except HistoryUnavailable as error:
        return PlainTextResponse(f"{error}\n", 503)
    return PlainTextResponse("ready\n")


async def _events(request: Request) -> Response:
    services = _services(request)
    run_id: str = request.path_params["run_id"]
    after, node = _position(request), _node(request)
    try:
        workspace = await _workspace(request, services)
        head = await _admit(services, workspace, run_id)
        over = (
            head is not None and head.ended and not await services.history.after(workspace, run_id, after, 1)
        )
    except HistoryUnavailable as error:
        raise Problem(503, "UNAVAILABLE", str(error)) from error
    if over:
        # Nothing follows: 204 tells an EventSource not to connect again.
        return Response(status_code=204)
    if services.hub.readers >= services.max_streams:
        raise Problem(
            503, "UNAVAILABLE", f"{services.max_streams} streams are open, which is all there may be"
        )
    return EventSourceResponse(
        _stream(services, workspace, run_id, after, node),
        ping=services.heartbeat_s,
        ping_message_factory=_heartbeat,
        sep="\n",
    )


async def _stream(
    services: Services, workspace: str, run_id: str, after: int, node: str | None
) -> AsyncIterator[bytes]:
    # Live first, then the history: what happens in between is in both, and in neither the other way round.
    with services.hub.subscribe(workspace, run_id) as reader:
        feed = Feed(reader, services.history, after=after, node=node, pace=services.pace)
        async for chunk in feed.chunks():
            yield chunk


def _heartbeat() -> ServerSentEvent:
    return ServerSentEvent(comment="heartbeat", sep="\n")


async def _workspace(request: Request, services: Services) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Problem(401, "UNAUTHENTICATED", "send the header `Authorization: Bearer API_KEY`")
    workspace = await services.keys.workspace(key.strip())
    if workspace is None:
        raise Problem(401, "UNAUTHENTICATED", "the API key is unknown or revoked")
    return workspace


async def _admit(services: Services, workspace: str, run_id: str) -> Head | None:
    """What is known of a run that this workspace may watch, None when it was accepted just now; else 404."""
    head = await services.history.head(workspace, run_id) if is_id(run_id) else None
    if head is not None or services.hub.is_of(workspace, run_id):
        return head
    accepted_at = services.accepted(workspace, run_id)
    if accepted_at is None or time.time() - accepted_at / 1000 > services.accepted_s:
        raise Problem(404, "NOT_FOUND", f"there is no run {run_id}")
    return None


def _position(request: Request) -> int:
    """Where to go on: `Last-Event-ID`, which a reconnecting reader sends, comes before `?after=`."""
    resumed = request.headers.get("last-event-id", "")
    text, pointer = (
        (resumed, "/header/last-event-id")
        if resumed
        else (request.query_params.get("after", "0"), "/query/after")
    )
    found = _POSITION.fullmatch(text)
    if found is None:
        raise invalid(pointer, "this must be the number of an event, as a frame's `id:` says it")
    return int(found[1])


def _node(request: Request) -> str | None:
    node = request.query_params.get("node")
    if node is not None and _NODE.fullmatch(node) is None:
        raise invalid("/query/node", "this must be a node's id (`fetch`) or an instance's path (`each[3]`)")
    return node
