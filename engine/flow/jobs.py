"""Handing work to the runners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.effects import Job
from engine.events import NodeScheduled
from engine.flow.inputs import Remote
from engine.flow.scope import size_of
from engine.flow.storing import store, unstored
from engine.ids import base_path
from engine.model import Retry
from engine.payload import Payload

if TYPE_CHECKING:
    from engine.flow.turn import Turn
    from engine.graph import Body

INTERNAL_RETRY = Retry(max_attempts=5, backoff_ms=200, max_backoff_ms=5000)
"""For jobs that are ours, such as evaluating an expression over a large payload."""


def _size(source: Payload | Remote) -> int:
    if isinstance(source, Payload):
        return 0 if source.ref else source.size
    return size_of(source.scope) + len(source.template or b"")


def schedule(turn: Turn, path: str, attempt: int, body: Body, source: Payload | Remote) -> None:
    """Queue an attempt of a `function` or an `http` node; what its job has no room for is stored first."""
    if isinstance(source, Remote) and (part := unstored(source.scope)):
        store(turn, path, part)
        return
    inputs, remote = (source, None) if isinstance(source, Payload) else (None, source)
    turn.emit(NodeScheduled(path=path, attempt=attempt, node_type=body.type))
    turn.send(
        Job(
            workspace=turn.run.header.workspace,
            run_id=turn.run.run_id,
            path=path,
            attempt=attempt,
            kind=body.type,
            created_at=turn.at,
            function=body.function,
            inputs=inputs,
            template=None if remote is None else remote.template,
            scope=[] if remote is None else remote.scope,
            timeout_ms=body.timeout_ms,
            priority=body.priority or turn.run.header.priority,
            queue=body.queue,
        ),
        _size(source),
    )


def schedule_work(
    turn: Turn, path: str, attempt: int, remote: Remote, *, kind: str = "evaluate", covers: int | None = None
) -> None:
    """Queue work of our own: an operation over large data, or putting results together.

    What its job has no room for is stored first.
    """
    if part := unstored(remote.scope):
        store(turn, base_path(path), part)
        return
    turn.emit(NodeScheduled(path=path, attempt=attempt, node_type=kind, covers=covers))
    turn.send(
        Job(
            workspace=turn.run.header.workspace,
            run_id=turn.run.run_id,
            path=path,
            attempt=attempt,
            kind=kind,
            created_at=turn.at,
            operation=remote.operation,
            template=remote.template,
            scope=remote.scope,
            priority=turn.run.header.priority,
        ),
        _size(remote),
    )
