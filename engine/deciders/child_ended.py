"""What follows from `ChildEnded`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import NodeError
from engine.flow.settle import attempt_failed, succeed
from engine.state import NodeStatus
from engine.state.status import CANCELLED, COMPLETED

if TYPE_CHECKING:
    from engine.facts import ChildEnded
    from engine.flow.turn import Turn


def decide(turn: Turn, fact: ChildEnded) -> None:
    """The child run of a composite ended: so does the node."""
    state = turn.run.node(fact.path)
    box = state.box
    # After a time-out the next attempt waits with the former child still named: that one is no longer wanted.
    under_way = state.status is NodeStatus.RUNNING
    if not under_way or box is None or box.child_run_id != fact.child_run_id:
        turn.ignore("no node waits for this child run")
        return
    if fact.status == COMPLETED:
        succeed(turn, fact.path, fact.attempt, fact.output)
        return
    inner = fact.error
    code = "CHILD_CANCELLED" if fact.status == CANCELLED else "CHILD_FAILED" if inner is None else inner.code
    message = f"the child run {fact.child_run_id} ended as {fact.status}" + (
        f": {inner.message}" if inner else ""
    )
    attempt_failed(turn, fact.path, fact.attempt, NodeError(code, message, fact.path), retryable=True)
