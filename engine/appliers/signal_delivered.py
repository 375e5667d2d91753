"""What `SignalDelivered` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.events import SignalDelivered
    from engine.state import MutableRun

SEEN_LIMIT = 64
"""Commands remembered a name: the same signal told twice counts once."""


def apply(run: MutableRun, event: SignalDelivered) -> None:
    """The signal is remembered; it is kept unless a node takes it, which leaves the queue as it succeeds."""
    signals = run.edit_signals(event.name)
    signals.seen = [*signals.seen[1 - SEEN_LIMIT :], event.command_id]
    if event.path is not None:
        return
    signals.kept.append(event.payload)
    header = run.edit_header()
    if event.name not in header.signals:
        header.signals.append(event.name)
