"""From decisions to rows: pure, one small function an event type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from engine import events
from storage.postgres import statuses
from storage.postgres.folded import Folded, FoldedArtifact, FoldedNode, FoldedRun
from storage.postgres.salvage import Numbered, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from engine.events import Event
    from engine.payload import Payload

_encode = msgspec.json.Encoder().encode
T = TypeVar("T", str, str | None)


class _Turn(NamedTuple):
    """Where an event stands."""

    folded: Folded
    run: FoldedRun
    at: int
    seq: int


def fold(decisions: Iterable[Numbered], onto: Folded | None = None) -> Folded:
    """Fold decisions, in order, onto what was folded before (by default nothing)."""
    folded = Folded() if onto is None else onto
    runs = folded.runs
    for raw, decoded, last_seq, _ in decisions:
        run = runs.get(raw.run_id)
        if run is None:
            run = runs[raw.run_id] = FoldedRun(raw.run_id, raw.workspace)
        for seq, event in enumerate(decoded, raw.first_seq):
            FOLDERS[type(event)](_Turn(folded, run, raw.at, seq), event)
        run.last_seq = last_seq
    return folded


def clean(value: T) -> T:
    """A text that Postgres takes; None stays None."""
    # Postgres keeps every character in text but this one.
    return value if value is None or "\0" not in value else value.replace("\0", "\ufffd")


def _payload(turn: _Turn, payload: Payload) -> tuple[bytes | None, bytes | None]:
    """The columns of a payload: its JSON, or its reference, which is noted as an artifact."""
    ref = payload.ref
    if ref is None:
        return bytes(payload.json), None
    place = turn.run.workspace, clean(ref.sha256)
    if place not in turn.folded.artifacts:
        turn.folded.artifacts[place] = FoldedArtifact(
            *place, ref.size, clean(ref.media_type), turn.run.run_id
        )
    return None, _encode(ref)


def _node(turn: _Turn, path: str, reached: str, attempt: int) -> FoldedNode:
    """The row of a node that reached another status, with what belonged to the last one cleared."""
    path = clean(path)
    place = turn.run.run_id, path
    node = turn.folded.nodes.get(place)
    if node is None:
        node = FoldedNode(turn.run.run_id, path, reached, turn.seq, None, attempt)
        if "$" not in path:  # a job that a node needs done first is no node
            turn.folded.nodes[place] = node
        return node
    node.status = reached
    node.updated_seq = turn.seq
    node.attempt = max(node.attempt, attempt)
    node.ended_at = node.output = node.output_ref = node.error = None
    return node


def _run_started(turn: _Turn, event: events.RunStarted) -> None:
    run = turn.run
    run.born = True
    run.status = statuses.RUN_RUNNING
    run.graph, run.graph_rev = clean(event.graph), event.graph_rev
    run.workflow, run.version = clean(event.workflow), event.version
    run.key, run.priority = clean(event.key), clean(event.priority)
    run.author, run.command_id = clean(event.author), clean(event.command_id)
    run.inputs, run.inputs_ref = _payload(turn, event.inputs)
    run.created_at, run.started_at = event.requested_at or turn.at, turn.at
    if event.parent is not None:
        run.parent_run_id, run.parent_path = clean(event.parent.run_id), clean(event.parent.path)


def _run_rejected(turn: _Turn, event: events.RunRejected) -> None:
    run = turn.run
    run.born = True
    run.workflow = clean(event.workflow)
    run.author, run.command_id = clean(event.author), clean(event.command_id)
    run.created_at = turn.at
    error = {"code": event.code, "message": event.message, "issues": event.issues}
    _end(turn, statuses.RUN_REJECTED, _encode(error))


def _end(turn: _Turn, reached: str, error: bytes | None = None) -> None:
    turn.run.status = reached
    turn.run.stopping = None
    turn.run.error = error
    turn.run.ended_at = turn.at


def _run_paused(turn: _Turn, _event: events.RunPaused) -> None:
    turn.run.status = statuses.RUN_PAUSED


def _run_resumed(turn: _Turn, _event: events.RunResumed) -> None:
    turn.run.status = statuses.RUN_RUNNING


def _run_cancelling(turn: _Turn, _event: events.RunCancelling) -> None:
    turn.run.status = statuses.RUN_RUNNING
    turn.run.stopping = "cancelling"


def _run_failing(turn: _Turn, event: events.RunFailing) -> None:
    turn.run.status = statuses.RUN_RUNNING
    turn.run.stopping = "failing"
    turn.run.error = _encode(event.error)


def _run_cancelled(turn: _Turn, _event: events.RunCancelled) -> None:
    _end(turn, statuses.RUN_CANCELLED)


def _run_completed(turn: _Turn, event: events.RunCompleted) -> None:
    _end(turn, statuses.RUN_COMPLETED)
    turn.run.output, turn.run.output_ref = _payload(turn, event.output)


def _run_failed(turn: _Turn, event: events.RunFailed) -> None:
    _end(turn, statuses.RUN_FAILED, _encode(event.error))


def _node_scheduled(turn: _Turn, event: events.NodeScheduled) -> None:
    _node(turn, event.path, statuses.NODE_QUEUED, event.attempt).node_type = clean(event.node_type)


def _node_started(turn: _Turn, event: events.NodeStarted) -> None:
    node = _node(
        turn,
        event.path,
        statuses.NODE_WAITING if event.node_type == "wait" else statuses.NODE_RUNNING,
        event.attempt,
    )
    node.node_type = clean(event.node_type)
    node.started_at = turn.at if event.started_at is None else event.started_at
    node.child_run_id = clean(event.child_run_id) or node.child_run_id
    if event.items is not None:
        _payload(turn, event.items)


def _node_retrying(turn: _Turn, event: events.NodeRetrying) -> None:
    _node(turn, event.path, statuses.NODE_RETRYING, event.attempt).error = _encode(event.error)


def _node_succeeded(turn: _Turn, event: events.NodeSucceeded) -> None:
    node = _node(turn, event.path, statuses.NODE_SUCCEEDED, event.attempt)
    node.output, node.output_ref = _payload(turn, event.output)
    _times(turn, node, event)


def _node_failed(turn: _Turn, event: events.NodeFailed) -> None:
    node = _node(turn, event.path, statuses.NODE_FAILED, event.attempt)
    node.error = _encode(event.error)
    _times(turn, node, event)


def _times(turn: _Turn, node: FoldedNode, event: events.NodeSucceeded | events.NodeFailed) -> None:
    if event.started_at is not None:
        node.started_at = event.started_at
    node.ended_at = turn.at if event.finished_at is None else event.finished_at


def _node_skipped(turn: _Turn, event: events.NodeSkipped) -> None:
    node = _node(turn, event.path, statuses.NODE_SKIPPED, 0)
    node.error = None if event.error is None else _encode(event.error)
    node.ended_at = turn.at


def _node_cancelled(turn: _Turn, event: events.NodeCancelled) -> None:
    _node(turn, event.path, statuses.NODE_CANCELLED, event.attempt).ended_at = turn.at


def _signal_delivered(turn: _Turn, event: events.SignalDelivered) -> None:
    _payload(turn, event.payload)


_ENDS: Final = {
    "run.completed": statuses.RUN_COMPLETED,
    "run.failed": statuses.RUN_FAILED,
    "run.cancelled": statuses.RUN_CANCELLED,
    "run.rejected": statuses.RUN_REJECTED,
}


def _unreadable(turn: _Turn, event: Unreadable) -> None:
    """A run has a row, and an end, even if that is all that is known of its start and its end."""
    run = turn.run
    if turn.seq == 1:
        run.born = True
        run.status = statuses.RUN_RUNNING
        run.author = run.command_id = ""
        run.created_at = run.started_at = turn.at
    if event.of in _ENDS:
        _end(turn, _ENDS[event.of])


def _nothing(turn: _Turn, event: Event) -> None:
    """The event log alone tells of it."""


FOLDERS: Final[dict[type, Callable[[_Turn, Any], None]]] = {
    events.RunStarted: _run_started,
    events.RunRejected: _run_rejected,
    events.RunPaused: _run_paused,
    events.RunResumed: _run_resumed,
    events.RunCancelling: _run_cancelling,
    events.RunFailing: _run_failing,
    events.RunCancelled: _run_cancelled,
    events.RunCompleted: _run_completed,
    events.RunFailed: _run_failed,
    events.RunDeferred: _nothing,
    events.RunContinued: _nothing,
    events.NodeScheduled: _node_scheduled,
    events.NodeStarted: _node_started,
    events.NodeRetrying: _node_retrying,
    events.NodeSucceeded: _node_succeeded,
    events.NodeFailed: _node_failed,
    events.NodeSkipped: _node_skipped,
    events.NodeCancelled: _node_cancelled,
    events.NodeRouted: _nothing,
    events.SignalDelivered: _signal_delivered,
    Unreadable: _unreadable,
}
"""Every event type, so that a new one cannot be forgotten (a test compares)."""
