"""Reading runs."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from api.models.answers import RunGraph
from api.models.runs import RunPage, RunView, Timeline, run_summary, run_view
from api.openapi import gives
from api.problems import Problem, not_found
from api.routers.parameters import MAX_PAGE, App, Limit, Reader, RunId
from api.runs.commanding import require_run
from api.services import answer
from engine.errors import Issue
from engine.ids import ID_PATTERN

router = APIRouter(prefix="/v1/runs", tags=["runs"])

Status = Literal["ACCEPTED", "RUNNING", "WAITING", "PAUSED", "COMPLETED", "FAILED", "CANCELLED", "REJECTED"]

_MAX_SEQ: Final = 2**62


@router.get("", responses=gives({200: ("A page, the newest first.", RunPage)}))
async def list_runs(
    services: App,
    caller: Reader,
    status: Annotated[Status | None, Query(description="Only runs with this status.")] = None,
    workflow: Annotated[str | None, Query(pattern=f"^{ID_PATTERN}$", description="Only runs of it.")] = None,
    after: Annotated[str | None, Query(max_length=128, description="The `next` of the page before.")] = None,
    limit: Limit = 100,
) -> Response:
    """List the workspace's runs, from when they have begun: none of them is still ACCEPTED."""
    page = await services.reads.list_runs(
        caller.workspace, status=status, workflow=workflow, after=after, limit=limit
    )
    return answer(RunPage(runs=[run_summary(run) for run in page.items], next=page.next))


@router.get("/{run_id}", responses=gives({200: ("The run.", RunView)}, problems=[404]))
async def get_run(
    services: App,
    caller: Reader,
    run_id: RunId,
    nodes_after: Annotated[
        str | None, Query(max_length=256, description="`nodes_next` of the page before.")
    ] = None,
    nodes_limit: Limit = MAX_PAGE,
) -> Response:
    """Show a run and its nodes."""
    status = await require_run(services, caller.workspace, run_id)
    run = await services.reads.get_run(caller.workspace, run_id)
    if run is None:
        return answer(RunView(run_id=run_id, status=status, nodes=[]))
    nodes = await services.reads.list_nodes(caller.workspace, run_id, after=nodes_after, limit=nodes_limit)
    return answer(run_view(run, nodes.items, nodes.next))


@router.get("/{run_id}/timeline", responses=gives({200: ("A page of events.", Timeline)}, problems=[404]))
async def get_timeline(
    services: App,
    caller: Reader,
    run_id: RunId,
    after: Annotated[int, Query(ge=0, le=_MAX_SEQ, description="Only events behind this number.")] = 0,
    limit: Limit = 100,
) -> Response:
    """What happened in a run, oldest first."""
    await require_run(services, caller.workspace, run_id)
    events = await services.reads.timeline(caller.workspace, run_id, after_seq=after, limit=limit)
    return answer(Timeline(events=events, next=events[-1].seq if len(events) == limit else None))


@router.get("/{run_id}/graph", responses=gives({200: ("The definition.", RunGraph)}, problems=[404, 409]))
async def get_graph(
    services: App,
    caller: Reader,
    run_id: RunId,
    rev: Annotated[
        int | None, Query(ge=0, le=_MAX_SEQ, description="A revision of it; the newest by default.")
    ] = None,
) -> Response:
    """The definition that a run runs with."""
    await require_run(services, caller.workspace, run_id)
    run = await services.reads.get_run(caller.workspace, run_id)
    if run is None:
        headers = {"retry-after": "1"}
        raise Problem(409, "RUN_NOT_BEGUN", f"the run {run_id} has not begun yet: ask again", headers=headers)
    if run.graph is None:
        raise not_found(f"graph of run {run_id}: it was rejected before it began")
    if rev not in (None, run.graph_rev):
        detail = f"the graph of run {run_id} has the revision {run.graph_rev} alone, and no {rev}"
        raise Problem(404, "REVISION_UNKNOWN", detail, errors=[Issue("/query/rev", detail)])
    definition = await services.definitions.load(run.graph)
    graph = RunGraph(
        run_id=run_id, hash=run.graph, definition=msgspec.Raw(definition.text), rev=run.graph_rev
    )
    return answer(graph)
