"""Stopping a run that failed or is cancelled: what is live is cancelled, what was done is compensated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from engine.effects import CancelJobs
from engine.events import NodeCancelled, RunCancelling, RunFailing
from engine.facts import CancelRequested
from engine.facts.cancel_requested import PARENT
from engine.flow.turn import Turn, error_size
from engine.ids import aux_path, item_path, job_id, place, visit_path
from engine.state import NodeState, NodeStatus

if TYPE_CHECKING:
    from engine.errors import NodeError
    from engine.graph import GraphNode

NODES_IN_STEP: Final = 200
"""Instances that one step looks at."""

EVENTS_IN_STEP: Final = 38
"""It stops after as many; one node has at most a handful."""

_RESOLVING: Final = ("items", "inputs", "config", "edges", "store")
_INSIDE: Final = ("condition", "gather", "store")
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
        turn.emit(RunFailing(error=error), error_size(error))
    else:
        turn.emit(RunCancelling(author=author, reason=reason))
    turn.push("cancel")


def cancel_nodes(turn: Turn, _path: str, cursor: int) -> None:
    """Step `cancel`: cancel the live nodes of the graph, from node `cursor` on."""
    nodes = turn.run.graph.nodes
    told = _Told(turn)
    last = min(cursor + NODES_IN_STEP, len(nodes))
    turn.weigh(last - cursor)
    while cursor < last and told.count < EVENTS_IN_STEP:
        if not nodes[cursor].detached:
            _cancel_node(turn, nodes[cursor], told)
        cursor += 1
    if cursor == len(nodes):
        told.cancel("$output")
        told.cancel("$store")
    else:
        turn.push("cancel", "", cursor)
    told.send()


def _cancel_node(turn: Turn, node: GraphNode, told: _Told) -> None:
    state = turn.run.node(node.id)
    if state.resolving:
        for purpose in _RESOLVING:
            told.cancel(aux_path(node.id, purpose))
    if state.box is not None and node.inner is not None and (state.status.live or state.box.live):
        turn.push("cancel_inside", node.id)
    told.cancel(node.id)


def cancel_inside(turn: Turn, path: str, cursor: int) -> None:
    """Step `cancel_inside`: cancel what is live inside a map or a loop that ended, items from `cursor` on."""
    box = turn.run.node(path).box
    if box is None:
        return
    told = _Told(turn)
    if cursor == 0:
        for purpose in _INSIDE:
            told.cancel(aux_path(path, purpose))
    if turn.run.graph.node(path).body.type == "loop":
        _cancel_instance(told, visit_path(path, box.next - 1))
    else:
        _cancel_items(turn, path, cursor, told)
    told.send()


def _cancel_items(turn: Turn, path: str, cursor: int, told: _Told) -> None:
    box = turn.run.node(path).box
    if box is None:
        return
    # First the items, then the parts of the result that are being gathered.
    last = min(cursor + NODES_IN_STEP, box.next + len(box.parts))
    turn.weigh(last - cursor)
    while cursor < last and told.count < EVENTS_IN_STEP:
        if cursor < box.next:
            _cancel_instance(told, item_path(path, cursor))
        else:
            told.cancel(aux_path(path, f"gather.{cursor - box.next}"))
        cursor += 1
        if cursor < box.next and not box.live:
            cursor = box.next
    if cursor < box.next + len(box.parts):
        turn.push("cancel_inside", path, cursor)


def _cancel_instance(told: _Told, path: str) -> None:
    told.cancel(aux_path(path, "inputs"))
    told.cancel(aux_path(path, "store"))
    told.cancel(path)


def is_stopped(turn: Turn, path: str) -> bool:
    """Whether the composite at `path` is told to stop, or will be: its run, or what it is inside, ends."""
    if turn.run.header.stopping:
        return True
    return path not in turn.run.graph.by_id and not turn.run.node(place(path).owner).status.live


def cancel_child(turn: Turn, path: str, state: NodeState) -> bool:
    """Tell the child run that is under way at `path` to stop; False when none is."""
    box = state.box
    if state.status is not NodeStatus.RUNNING or box is None or box.child_run_id is None:
        return False
    header = turn.run.header
    turn.send(
        CancelRequested(
            workspace=header.workspace,
            run_id=box.child_run_id,
            # Names who asks, so that a child run that never began can be answered for.
            command_id=job_id(turn.run.run_id, path, state.attempt),
            author=PARENT,
            reason=header.reason or header.stopping or "the node around it ended",
        )
    )
    return True


class _Told:
    """Cancels instances and tells their runners in one word."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._paths: list[str] = []
        self._attempts: list[int] = []
        self.count = 0
        header = turn.run.header
        self._reason = header.stopping or "the node around it ended"

    def cancel(self, path: str) -> None:
        state: NodeState = self._turn.run.node(path)
        if not state.status.live and not (state.resolving and state.status is NodeStatus.PENDING):
            return
        self.count += 1
        if cancel_child(self._turn, path, state):
            return  # live until the child has ended, so that it has undone its work before others undo theirs
        if state.status in _JOBS and (state.box is None):
            self._paths.append(path)
            self._attempts.append(state.attempt)
        self._turn.emit(NodeCancelled(path=path, attempt=state.attempt, reason=self._reason))

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
