"""What follows from `SignalReceived`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.events import SignalDelivered
from engine.flow.settle import succeed
from engine.flow.turn import Turn, inline_size

if TYPE_CHECKING:
    from engine.facts import SignalReceived
    from engine.state import Signals

KEPT_LIMIT = 100
"""Signals kept for nodes that do not wait yet, a name."""

KEPT_BYTES = 256 * 1024
"""The same in bytes: they are one record of the state."""

NAMES_LIMIT = 100
"""Names of signals that are kept, a run."""


def decide(turn: Turn, fact: SignalReceived) -> None:
    """Release the node that has waited longest for this signal, or keep it for the next one."""
    signals = turn.run.signals(fact.name)
    if fact.command_id in signals.seen:
        turn.ignore("the signal was told before")
        return
    if not signals.waiting and not _has_room(turn, fact, signals):
        message = f"no node waits for `{fact.name}`, and enough signals are kept already"
        turn.answer(fact.command_id, fact.reply_to, refused=("SIGNAL_LIMIT", message))
        turn.ignore(message)
        return
    path = signals.waiting[0] if signals.waiting else None
    delivered = SignalDelivered(name=fact.name, command_id=fact.command_id, payload=fact.payload, path=path)
    turn.emit(delivered, inline_size(fact.payload))
    if path is not None:
        succeed(turn, path, turn.run.node(path).attempt, fact.payload)
    outcome = b'{"outcome":"kept"}' if path is None else b'{"outcome":"delivered"}'
    turn.answer(fact.command_id, fact.reply_to, body=outcome)


def _has_room(turn: Turn, fact: SignalReceived, signals: Signals) -> bool:
    names = turn.run.header.signals
    if fact.name not in names and len(names) >= NAMES_LIMIT:
        return False
    size = sum(inline_size(payload) for payload in (*signals.kept, fact.payload))
    return len(signals.kept) < KEPT_LIMIT and size <= KEPT_BYTES
