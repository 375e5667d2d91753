"""What follows from `RunRefused`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.events import RunRejected

if TYPE_CHECKING:
    from engine.facts import RunRefused
    from engine.flow.turn import Turn


def decide(turn: Turn, fact: RunRefused) -> None:
    """The run exists as REJECTED, so that its caller finds out why."""
    if turn.run.known:
        turn.ignore("the run has begun already")
        turn.answer(fact.command_id, fact.reply_to, refused=(fact.code, fact.message), issues=fact.issues)
        return
    turn.emit(
        RunRejected(
            code=fact.code,
            message=fact.message,
            issues=fact.issues,
            workflow=fact.workflow,
            author=fact.author,
            command_id=fact.command_id,
        )
    )
    turn.answer(fact.command_id, fact.reply_to, refused=(fact.code, fact.message), issues=fact.issues)
