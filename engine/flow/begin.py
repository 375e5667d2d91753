"""The beginning of an attempt of a node instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import NodeError
from engine.expressions import ExpressionError
from engine.flow.children import open_composite
from engine.flow.inputs import Remote, resolve
from engine.flow.jobs import schedule, schedule_work
from engine.flow.places import body_at
from engine.flow.settle import fail, succeed
from engine.flow.waits import open_wait
from engine.ids import place
from engine.payload import GATHER_LIMIT, INLINE_LIMIT
from engine.state import NodeStatus

if TYPE_CHECKING:
    from engine.flow.turn import Turn
    from engine.graph import Body

JOBS = frozenset({"function", "http"})
CONTAINERS = frozenset({"map", "loop"})


def begin(turn: Turn, path: str, attempt: int) -> None:
    """Step `begin`: attempt `attempt` at `path`, unless it has begun already or is no longer wanted."""
    state = turn.run.node(path)
    expected = NodeStatus.PENDING if attempt == 1 else NodeStatus.RETRYING
    if state.status is not expected or state.resolving or state.attempt != attempt - 1:
        return
    resume(turn, path, attempt)


def resume(turn: Turn, path: str, attempt: int) -> None:
    """Begin, or go on beginning when what was too large for a job has been stored."""
    body = body_at(turn.run.graph, path)
    if body is None or not _is_wanted(turn, path, attempt):
        return
    if body.type in CONTAINERS:
        turn.push(f"open_{body.type}", path, attempt)
    elif body.type == "composite":
        open_composite(turn, path, attempt)
    elif body.type == "wait":
        open_wait(turn, path)
    else:
        start(turn, path, attempt, body)


def _is_wanted(turn: Turn, path: str, attempt: int) -> bool:
    """Compensations alone begin in a run that stops; inside a map or a loop nothing is tried again later."""
    graph = turn.run.graph
    index = graph.by_id.get(path)
    if turn.run.header.stopping:
        return index is not None and graph.nodes[index].detached
    return index is not None or attempt == 1 or turn.run.node(place(path).owner).status.live


def start(turn: Turn, path: str, attempt: int, body: Body) -> None:
    """Dispatch a job, or compute the output here and now when it is small."""
    is_job = body.type in JOBS
    try:
        source = resolve(turn, path, body, GATHER_LIMIT if is_job else INLINE_LIMIT)
    except ExpressionError as error:
        fail(turn, path, attempt, NodeError(error.code, error.message, path))
        return
    if is_job:
        schedule(turn, path, attempt, body, source)
    elif isinstance(source, Remote):
        schedule_work(turn, path, attempt, source)
    else:
        succeed(turn, path, attempt, source)
