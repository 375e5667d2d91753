"""What follows from `SignalReceived`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.events import SignalDelivered
from engine.flow.settle import succeed

if TYPE_CHECKING:
    from engine.facts import SignalReceived
    from engine.flow.turn import Turn

KEPT_LIMIT = 100
"""Signals kept for nodes that do not wait yet, a name."""

NAMES_LIMIT = 100
"""Names of signals, a run."""


def decide(turn: Turn, fact: SignalReceived) -> None:
    """Release the node that has waited longest for this signal, or keep it for the next one."""
    signals = turn.run.signals(fact.name)
    if fact.command_id in signals.seen:
        turn.ignore("the signal was told before")
        return
    names = turn.run.header.signals
    if len(signals.kept) >= KEPT_LIMIT or (fact.name not in names and len(names) >= NAMES_LIMIT):
        message = f"no node waits for `{fact.name}`, and enough signals are kept already"
        turn.answer(fact.command_id, fact.reply_to, refused=("SIGNAL_LIMIT", message))
        turn.ignore(message)
        return
    path = signals.waiting[0] if signals.waiting else None
    size = 0 if fact.payload.ref else fact.payload.size
    turn.emit(
        SignalDelivered(name=fact.name, command_id=fact.command_id, payload=fact.payload, path=path), size
    )
    if path is not None:
        succeed(turn, path, turn.run.node(path).attempt, fact.payload)
    outcome = b'{"outcome":"kept"}' if path is None else b'{"outcome":"delivered"}'
    turn.answer(fact.command_id, fact.reply_to, body=outcome)
