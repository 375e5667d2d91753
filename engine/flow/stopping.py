"""Stopping a run that failed or is cancelled: what is live is cancelled, what was done is compensated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from engine.effects import CancelJobs
from engine.events import NodeCancelled, RunCancelling, RunFailing
from engine.facts import CancelRequested
from engine.ids import aux_path, item_path, visit_path
from engine.state import NodeState, NodeStatus

if TYPE_CHECKING:
    from engine.errors import NodeError
    from engine.flow.turn import Turn
    from engine.graph import GraphNode

NODES_IN_STEP: Final = 40
_AUXILIARY: Final = ("items", "inputs", "config", "edges", "condition", "gather")
_JOBS: Final = frozenset({NodeStatus.QUEUED, NodeStatus.RUNNING})


def stop(
    turn: Turn,
    how: Literal["failing", "cancelling"],
    error: NodeError | None = None,
    *,
    author: str = "",
    reason: str | None = None,
) -> None:
    """Begin to stop the run; nothing happens when it is stopping already."""
    if turn.run.header.stopping:
        return
    if how == "failing" and error is not None:
        turn.emit(RunFailing(error=error))
    else:
        turn.emit(RunCancelling(author=author, reason=reason))
    turn.push("cancel")


def cancel_nodes(turn: Turn, _path: str, cursor: int) -> None:
    """Step `cancel`: cancel the live nodes of the graph, from node `cursor` on."""
    graph = turn.run.graph
    last = min(cursor + NODES_IN_STEP, len(graph.nodes))
    told = _Told(turn)
    for node in graph.nodes[cursor:last]:
        if not node.detached:
            _cancel_node(turn, node, told)
    if last == len(graph.nodes):
        told.cancel("$output")
    told.send()
    if last < len(graph.nodes):
        turn.push("cancel", "", last)


def _cancel_node(turn: Turn, node: GraphNode, told: _Told) -> None:
    state = turn.run.node(node.id)
    if state.resolving or node.inner is not None:
        for purpose in _AUXILIARY:
            told.cancel(aux_path(node.id, purpose))
    if state.box is not None and node.inner is not None and (state.status.live or state.box.live):
        turn.push("cancel_inside", node.id)
    told.cancel(node.id)


def cancel_inside(turn: Turn, path: str, cursor: int) -> None:
    """Step `cancel_inside`: cancel the live items or iterations of a map or a loop, from `cursor` on."""
    state = turn.run.node(path)
    box = state.box
    if box is None:
        return
    is_map = turn.run.graph.node(path).body.type == "map"
    told = _Told(turn)
    if not is_map:
        _cancel_instance(told, visit_path(path, box.next - 1))
        told.send()
        return
    if cursor == 0:
        for part in range(box.gathered, len(box.parts)):
            told.cancel(aux_path(path, f"gather.{part}"))
    last = min(cursor + NODES_IN_STEP, box.next)
    for index in range(cursor, last):
        _cancel_instance(told, item_path(path, index))
    told.send()
    if last < box.next and box.live:
        turn.push("cancel_inside", path, last)


def _cancel_instance(told: _Told, path: str) -> None:
    told.cancel(aux_path(path, "inputs"))
    told.cancel(path)


def cancel_child(turn: Turn, path: str) -> None:
    """Tell the child run at `path` to stop."""
    box = turn.run.node(path).box
    if box is None or box.child_run_id is None:
        return
    header = turn.run.header
    turn.send(
        CancelRequested(
            workspace=header.workspace,
            run_id=box.child_run_id,
            command_id=turn.run.run_id,
            author="parent",
            reason=header.reason or header.stopping or "the node around it ended",
        )
    )


class _Told:
    """Cancels instances and tells their runners in one word."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._paths: list[str] = []
        self._attempts: list[int] = []
        header = turn.run.header
        self._reason = header.stopping or "the node around it ended"

    def cancel(self, path: str) -> None:
        state: NodeState = self._turn.run.node(path)
        if not state.status.live and not (state.resolving and state.status is NodeStatus.PENDING):
            return
        if state.status in _JOBS and (state.box is None):
            self._paths.append(path)
            self._attempts.append(state.attempt)
        self._turn.emit(NodeCancelled(path=path, attempt=state.attempt, reason=self._reason))
        cancel_child(self._turn, path)

    def send(self) -> None:
        if self._paths:
            header = self._turn.run.header
            self._turn.send(
                CancelJobs(
                    workspace=header.workspace,
                    run_id=self._turn.run.run_id,
                    paths=self._paths,
                    attempts=self._attempts,
                    reason=self._reason,
                )
            )
