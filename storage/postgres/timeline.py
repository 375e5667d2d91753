"""Single events out of decisions: for the timeline, and for the feed that goes on where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from storage.postgres.rows import TimelineEvent

if TYPE_CHECKING:
    from storage.wire.peek import RawDecision


class _Head(msgspec.Struct):
    type: str
    path: str | None = None


_texts = msgspec.json.Decoder(list[msgspec.Raw])
_heads = msgspec.json.Decoder(list[_Head])


def events_of(decision: RawDecision) -> list[TimelineEvent]:
    """The events of a decision off the topic."""
    return expand(decision.first_seq, decision.at, decision.events)


def expand(first_seq: int, at: int, events: bytes) -> list[TimelineEvent]:
    """The events of a decision out of the log; they share its time."""
    # Copied, so that one event does not keep the text of all in memory.
    return [
        TimelineEvent(seq, head.type, at, text.copy(), head.path)
        for seq, (head, text) in enumerate(
            zip(_heads.decode(events), _texts.decode(events), strict=True), first_seq
        )
    ]
