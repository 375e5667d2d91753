"""What the feed sends: one event of a run, or one log line, as a frame of the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.ids import node_of

if TYPE_CHECKING:
    from engine.log_line import LogLine
    from storage.postgres.rows import TimelineEvent

LOG_LINE = "log.line"
ENDS = frozenset({"run.completed", "run.failed", "run.cancelled", "run.rejected"})
"""Types of a run's last event."""

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOT_DATA = ("type", "path")


class FeedEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The JSON of a frame. `node_id` is a node path, `at` Unix ms, `data` the event's other fields."""

    seq: int
    type: str
    run_id: str
    node_id: str | None = None
    at: int
    data: msgspec.Raw

    @property
    def ends_run(self) -> bool:
        """Whether no event follows this one in its run."""
        return self.type in ENDS

    def concerns(self, node: str | None) -> bool:
        """Whether it is of this node (a graph node: with all its instances; or one instance's path)."""
        return node is None or (self.node_id is not None and node in {self.node_id, node_of(self.node_id)})


def event_of(run_id: str, event: TimelineEvent) -> FeedEvent:
    """An event of the log, wherever it was read; fields that have a place of their own leave its data."""
    fields = _fields.decode(event.data)
    data = msgspec.Raw(_encode({name: value for name, value in fields.items() if name not in _NOT_DATA}))
    return FeedEvent(
        seq=event.seq, type=event.type, run_id=run_id, node_id=event.node_id, at=event.at, data=data
    )


def event_of_line(line: LogLine) -> FeedEvent:
    """A log line as an event; it stands outside the sequence, so its `seq` is filled in when it is sent."""
    data = _encode({"attempt": line.attempt, "n": line.n, "level": line.level, "message": line.message})
    return FeedEvent(
        seq=0, type=LOG_LINE, run_id=line.run_id, node_id=line.path, at=line.at, data=msgspec.Raw(data)
    )


def event_frame(event: FeedEvent) -> bytes:
    """An event of the sequence on the wire."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.type.encode(), _encode(event))


def line_frame(line: FeedEvent, n: int, seq: int) -> bytes:
    """A log line on the wire, behind event `seq`: a reader who resumes there sees the next event first."""
    sent = msgspec.structs.replace(line, seq=seq)
    return b"id: %d:%d\nevent: %s\ndata: %s\n\n" % (seq, n, LOG_LINE.encode(), _encode(sent))
