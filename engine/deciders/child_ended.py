"""What follows from `ChildEnded`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import NodeError
from engine.events import NodeCancelled
from engine.flow.settle import attempt_failed, fail, succeed
from engine.flow.stopping import is_stopped
from engine.ids import aux_path
from engine.state import NodeStatus
from engine.state.status import CANCELLED, COMPLETED

if TYPE_CHECKING:
    from engine.facts import ChildEnded
    from engine.flow.turn import Turn


def decide(turn: Turn, fact: ChildEnded) -> None:
    """The child run of a composite ended: so does the node."""
    left = aux_path(fact.path, f"child.{fact.attempt}")
    state = turn.run.node(fact.path)
    box = state.box
    if turn.run.node(left).status.live:
        # Its time was over before; the run alone has waited for it.
        turn.emit(NodeCancelled(path=left, attempt=fact.attempt, reason="the child run has ended"))
        return
    # After a time-out the next attempt waits with the former child still named: that one is no longer wanted.
    under_way = state.status is NodeStatus.RUNNING
    if not under_way or box is None or box.child_run_id != fact.child_run_id:
        turn.ignore("no node waits for this child run")
    elif fact.status == COMPLETED:
        succeed(turn, fact.path, fact.attempt, fact.output)
    elif not is_stopped(turn, fact.path):
        attempt_failed(turn, fact.path, fact.attempt, _error(fact), retryable=True)
    elif fact.status == CANCELLED:
        reason = turn.run.header.stopping or "the node around it ended"
        turn.emit(NodeCancelled(path=fact.path, attempt=fact.attempt, reason=reason))
    else:
        fail(turn, fact.path, fact.attempt, _error(fact))


def _error(fact: ChildEnded) -> NodeError:
    inner = fact.error
    code = "CHILD_CANCELLED" if fact.status == CANCELLED else "CHILD_FAILED" if inner is None else inner.code
    message = f"the child run {fact.child_run_id} ended as {fact.status}" + (
        f": {inner.message}" if inner else ""
    )
    return NodeError(code, message, fact.path)
