"""Whether a result is of the attempt that the run waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.state import NodeState, NodeStatus

if TYPE_CHECKING:
    from engine.flow.turn import Turn

_AT_WORK = frozenset({NodeStatus.QUEUED, NodeStatus.RUNNING})


def current(turn: Turn, path: str, attempt: int) -> NodeState | None:
    """The instance at `path` when this attempt of it is under way, else None."""
    state = turn.run.node(path)
    if state.status in _AT_WORK and state.attempt == attempt and state.box is None:
        return state
    turn.ignore("the result is of no attempt that is under way")
    return None
