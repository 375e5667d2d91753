"""The end of a node instance: success, a failed attempt, failure for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.effects import ArmTimer
from engine.errors import NodeError
from engine.events import NodeFailed, NodeRetrying, NodeRouted, NodeSkipped, NodeSucceeded
from engine.expressions import ExpressionError
from engine.flow.inputs import Remote
from engine.flow.jobs import INTERNAL_RETRY
from engine.flow.places import body_at
from engine.flow.routing import dead_edges, decide_edges, error_edges
from engine.flow.stopping import stop
from engine.flow.turn import EDGE_SIZE, Turn, error_size, inline_size
from engine.graph.graph import RETRIED
from engine.ids import aux_path, base_path, place
from engine.model import Retry
from engine.state import NodeStatus

if TYPE_CHECKING:
    from engine.flow.turn import Turn
    from engine.graph import GraphNode
    from engine.graph.graph import EdgeKind
    from engine.payload import Payload


def succeed(
    turn: Turn,
    path: str,
    attempt: int,
    output: Payload,
    *,
    times: tuple[int, int] | None = None,
    exit_kind: EdgeKind = "normal",
) -> None:
    """A node, an item or an iteration ended well. `times`: when the runner began and ended."""
    started_at, finished_at = times or (None, None)
    graph = turn.run.graph
    index = graph.by_id.get(path)
    edges: list[bool] | Remote = []
    stopping = bool(turn.run.header.stopping)
    unroutable: NodeError | None = None
    if index is not None and not stopping:
        try:
            edges = decide_edges(turn, graph.nodes[index], output, exit_kind)
        except ExpressionError as error:
            unroutable = NodeError(error.code, error.message, path)
    known = [] if isinstance(edges, Remote) else edges
    turn.emit(
        NodeSucceeded(
            path=path,
            attempt=attempt,
            output=output,
            started_at=started_at,
            finished_at=finished_at,
            edges=known,
        ),
        inline_size(output) + EDGE_SIZE * len(known),
    )
    if stopping:
        return
    if index is None:
        _inside_ended(turn, path)
    elif unroutable is not None:
        fail_edges(turn, path, unroutable)
    elif isinstance(edges, Remote):
        turn.push("route", path, attempt)
    elif edges:
        turn.push("out", path)


def fail_edges(turn: Turn, path: str, error: NodeError) -> None:
    """The conditions behind a node that ended well cannot be worked out: told as the end of `PATH$edges`.

    The node itself is done, and can be undone. Its `on_error` says where the run goes on instead.
    """
    turn.emit(NodeFailed(path=aux_path(path, "edges"), attempt=1, error=error), error_size(error))
    if turn.run.header.stopping:
        return
    node = turn.run.graph.node(path)
    if node.on_error == "fail":
        stop(turn, "failing", error)
        return
    edges = dead_edges(node) if node.on_error == "skip" else error_edges(node)
    turn.emit(NodeRouted(path=path, start=0, edges=edges), EDGE_SIZE * len(edges))
    turn.push("out", path)


def _inside_ended(turn: Turn, path: str) -> None:
    where = place(path)
    turn.push("fill" if where.item is not None else "iterate", where.owner)


def retry_of(turn: Turn, path: str) -> Retry:
    """How attempts at `path` are repeated."""
    body = body_at(turn.run.graph, path)
    if body is None:
        # An auxiliary job: the runner repeats what may pass (the CAS out of reach) itself.
        return Retry()
    return body.retry if body.type in RETRIED else INTERNAL_RETRY


def attempt_failed(
    turn: Turn,
    path: str,
    attempt: int,
    error: NodeError,
    *,
    retryable: bool,
    times: tuple[int, int] | None = None,
) -> None:
    """An attempt failed: try again after a while, or give up."""
    retry = retry_of(turn, path)
    again = retryable and attempt < retry.max_attempts and error.code not in retry.non_retryable
    if not again or (turn.run.header.stopping and not _compensates(turn, path)):
        fail(turn, path, attempt, error, times=times)
        return
    due_at = turn.at + retry.delay_ms(attempt)
    turn.emit(NodeRetrying(path=path, attempt=attempt, error=error, due_at=due_at), error_size(error))
    arm(turn, path, attempt, "retry", due_at)


def arm(turn: Turn, path: str, attempt: int, purpose: str, due_at: int) -> None:
    """Arm a timer for an attempt of a node instance."""
    workspace, run_id = turn.run.header.workspace, turn.run.run_id
    turn.send(
        ArmTimer(
            workspace=workspace, run_id=run_id, path=path, attempt=attempt, purpose=purpose, due_at=due_at
        )
    )


def _compensates(turn: Turn, path: str) -> bool:
    index = turn.run.graph.by_id.get(path)
    return index is not None and turn.run.graph.nodes[index].detached


def fail(
    turn: Turn, path: str, attempt: int, error: NodeError, *, times: tuple[int, int] | None = None
) -> None:
    """An instance failed for good: its `on_error`, or what is around it, says what follows."""
    graph = turn.run.graph
    index = graph.by_id.get(path)
    if index is not None:
        _fail_node(turn, graph.nodes[index], attempt, error, times)
        return
    where = place(path)
    if where.aux is not None:
        _fail_auxiliary(turn, path, attempt, error)
        return
    owner = graph.node(where.owner)
    _emit_failed(turn, path, attempt, error, times, handled=owner.collect_errors)
    if turn.run.header.stopping or not turn.run.node(where.owner).status.live:
        return
    if owner.collect_errors:
        turn.push("fill", where.owner)
        return
    turn.push("cancel_inside", where.owner)
    fail(turn, where.owner, 1, NodeError(error.code, error.message, path))


def _fail_auxiliary(turn: Turn, path: str, attempt: int, error: NodeError) -> None:
    base = base_path(path)
    if place(path).aux == "edges":
        fail_edges(turn, base, NodeError(error.code, error.message, error.path or base))
        return
    turn.emit(NodeFailed(path=path, attempt=attempt, error=error), error_size(error))
    if not base:
        stop(turn, "failing", error)
        return
    state = turn.run.node(base)
    if turn.run.header.stopping and not _compensates(turn, base):
        return
    if not (state.status.live or state.resolving):
        return
    if state.status is NodeStatus.SUCCEEDED:
        fail_edges(turn, base, NodeError(error.code, error.message, error.path or base))
        return
    if state.box is not None and not state.resolving:
        turn.push("cancel_inside", base)
    fail(turn, base, max(1, state.attempt), error)


def _emit_failed(
    turn: Turn,
    path: str,
    attempt: int,
    error: NodeError,
    times: tuple[int, int] | None,
    *,
    handled: bool,
    edges: list[bool] | None = None,
) -> None:
    started_at, finished_at = times or (None, None)
    turn.emit(
        NodeFailed(
            path=path,
            attempt=attempt,
            error=error,
            handled=handled,
            started_at=started_at,
            finished_at=finished_at,
            edges=edges or [],
        ),
        error_size(error) + EDGE_SIZE * len(edges or []),
    )


def _fail_node(
    turn: Turn, node: GraphNode, attempt: int, error: NodeError, times: tuple[int, int] | None
) -> None:
    error = NodeError(error.code, error.message, error.path or node.id)
    stopping = bool(turn.run.header.stopping)
    if stopping or node.on_error == "fail" or node.detached:
        # A compensation that fails does not keep the others from being made.
        _emit_failed(turn, node.id, attempt, error, times, handled=node.detached)
        if not stopping:
            stop(turn, "failing", error)
        return
    if node.on_error == "skip":
        edges = dead_edges(node)
        size = error_size(error) + EDGE_SIZE * len(edges)
        turn.emit(NodeSkipped(path=node.id, reason="error", error=error, edges=edges), size)
    else:
        _emit_failed(turn, node.id, attempt, error, times, handled=True, edges=error_edges(node))
    if node.out:
        turn.push("out", node.id)


def skip(turn: Turn, node: GraphNode, reason: str) -> None:
    """A node will not run; the same may follow for the nodes behind it."""
    edges = dead_edges(node)
    turn.emit(NodeSkipped(path=node.id, reason=reason, edges=edges), EDGE_SIZE * len(edges))
    if node.out:
        turn.push("out", node.id)
