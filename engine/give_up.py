"""`give_up`: the end of a run that could not be decided on, so that nobody waits for it for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.decide import Outcome
from engine.errors import NodeError
from engine.events import RunFailed, RunRejected
from engine.facts import ChildEnded, RunAdmitted
from engine.flow.finishing import sweep_again, told
from engine.flow.turn import Turn
from engine.payload import NULL
from engine.state import ENDED
from engine.state.status import FAILED, REJECTED

if TYPE_CHECKING:
    from engine.facts import Fact
    from engine.state import RunState

INTERNAL_ERROR: Final = "INTERNAL_ERROR"
_LONGEST: Final = 300


def give_up(state: RunState, fact: Fact, at: int, reason: str) -> Outcome:
    """Fail the run, or reject it when it did not begin; `state` is as it was before the fact.

    Whoever waits for the run is told. Its nodes stay as they are: what finds out about them is what failed.
    It is cleaned up by a fact of its own, which may fail without taking this end back. The outcome is empty
    for a run that the fact cannot end.
    """
    message = reason[:_LONGEST].encode(errors="backslashreplace").decode()
    turn = Turn(state, fact.workspace, at)
    first_seq = state.header.seq + 1 if state.known else 1
    if not state.known:
        if isinstance(fact, RunAdmitted):
            _reject(turn, fact, message)
    elif state.header.workspace == fact.workspace and state.header.status not in ENDED:
        error = NodeError(INTERNAL_ERROR, message)
        turn.emit(RunFailed(error=error))
        told(turn, FAILED, NULL, error)
        sweep_again(turn)
    return Outcome(first_seq, turn.at, turn.events, turn.effects)


def _reject(turn: Turn, fact: RunAdmitted, message: str) -> None:
    turn.emit(
        RunRejected(
            code=INTERNAL_ERROR,
            message=message,
            workflow=fact.workflow,
            author=fact.author,
            command_id=fact.command_id,
        )
    )
    turn.answer(fact.command_id, fact.reply_to, refused=(INTERNAL_ERROR, message))
    if fact.parent is not None:
        turn.send(
            ChildEnded(
                workspace=fact.workspace,
                run_id=fact.parent.run_id,
                path=fact.parent.path,
                attempt=fact.parent.attempt,
                child_run_id=fact.run_id,
                status=REJECTED,
                error=NodeError(INTERNAL_ERROR, message),
            )
        )
