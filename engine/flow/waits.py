"""Waits: for a while, until a time, for a signal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from engine.errors import NodeError
from engine.events import NodeStarted
from engine.expressions import ExpressionError
from engine.flow.inputs import Remote, resolve
from engine.flow.jobs import schedule_work
from engine.flow.settle import arm, fail, succeed
from engine.ids import aux_path
from engine.payload import INLINE_LIMIT

if TYPE_CHECKING:
    from engine.flow.turn import Turn

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def open_wait(turn: Turn, path: str) -> None:
    """Work out what to wait for."""
    try:
        source = resolve(turn, path, turn.run.graph.node(path).body, INLINE_LIMIT)
    except ExpressionError as error:
        fail(turn, path, 1, NodeError(error.code, error.message, path))
        return
    if isinstance(source, Remote):
        schedule_work(turn, aux_path(path, "config"), 1, source)
    else:
        wait_for(turn, path, source.value())


def wait_for(turn: Turn, path: str, config: dict[str, Any]) -> None:
    """Begin to wait: `{duration_ms}`, `{until}` (RFC 3339 or Unix ms) or `{signal}`, rendered."""
    if "signal" in config:
        _wait_for_signal(turn, path, config["signal"])
        return
    try:
        due_at = (
            turn.at + _milliseconds(config["duration_ms"])
            if "duration_ms" in config
            else _until(config["until"])
        )
    except (ValueError, TypeError, OverflowError) as error:
        message = f"`{path}` cannot wait: {error}"
        fail(turn, path, 1, NodeError("WAIT_INVALID", message, path))
        return
    turn.emit(NodeStarted(path=path, attempt=1, node_type="wait", due_at=due_at))
    arm(turn, path, 1, "wait", due_at)


def _wait_for_signal(turn: Turn, path: str, name: str) -> None:
    kept = turn.run.signals(name).kept
    payload = kept[0] if kept else None
    timeout_ms = turn.run.graph.node(path).body.timeout_ms
    due_at = None if timeout_ms is None else turn.at + timeout_ms
    turn.emit(NodeStarted(path=path, attempt=1, node_type="wait", signal=name, due_at=due_at))
    if payload is not None:
        succeed(turn, path, 1, payload)
    elif due_at is not None:
        arm(turn, path, 1, "timeout", due_at)


def _milliseconds(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:  # noqa: PLR2004 (30,000 years)
        msg = f"duration_ms is {value!r}, not a number of milliseconds"
        raise ValueError(msg)
    return int(value)


def _until(value: object) -> int:
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            msg = f"until is {value!r}, which names no time zone (write `Z` or `+01:00`)"
            raise ValueError(msg)
        return max(0, (moment - _EPOCH) // timedelta(milliseconds=1))
    return _milliseconds(value)
