"""What follows from `CancelRequested`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.flow.stopping import stop

if TYPE_CHECKING:
    from engine.facts import CancelRequested
    from engine.flow.turn import Turn


def decide(turn: Turn, fact: CancelRequested) -> None:
    """Stop the run; a run that is stopping already goes on doing so."""
    stop(turn, "cancelling", author=fact.author, reason=fact.reason)
    turn.answer(fact.command_id, fact.reply_to, body=b'{"status":"CANCELLING"}')
