"""A run made by hand, a history that lags behind it, and what a stream said."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.decision import Decision
from engine.events import Event, NodeScheduled, NodeSucceeded, RunCompleted, RunStarted
from engine.log_line import LogLine
from engine.payload import NULL, inline
from fanout.feed_event import FeedEvent, event_of
from fanout.history import Head, HistoryUnavailable
from fanout.hub import LiveRecord
from storage.postgres.timeline import events_of
from storage.wire import encode
from storage.wire.peek import peek_decision

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = "r0_one"
WORKSPACE = "default"
AT = 1_700_000_000_000


def run_events(count: int) -> list[Event]:
    """A run of `count` events (two at least): started, nodes, completed."""
    started = RunStarted(graph="hash", inputs=NULL, decide_version=1, author="user:ann", command_id="c1")
    middle: list[Event] = [
        NodeScheduled(path=f"n{index // 2}", attempt=1, node_type="function")
        if index % 2 == 0
        else NodeSucceeded(path=f"n{index // 2}", attempt=1, output=inline({"n": index}))
        for index in range(count - 2)
    ]
    return [started, *middle, RunCompleted(output=inline("done"))]


def decisions_of(events: list[Event], sizes: list[int], *, workspace: str = WORKSPACE) -> list[Decision]:
    """The events as decisions of the given sizes; what is left goes into the last one."""
    decisions = []
    begin = 0
    for size in [*sizes, len(events)]:
        part = events[begin : begin + size]
        if part:
            decisions.append(
                Decision(
                    workspace=workspace,
                    run_id=RUN,
                    first_seq=begin + 1,
                    at=AT + begin,
                    cause=b"",
                    partition=0,
                    offset=begin,
                    events=part,
                )
            )
        begin += size
    return decisions


def live(*records: Decision | LogLine) -> list[LiveRecord]:
    """Records as the tail delivers them."""
    return [LiveRecord(record.run_id, encode(record)) for record in records]


async def until(condition: Callable[[], bool]) -> None:
    """Let the others run until the condition holds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (any condition, of code that knows nothing of tests)
            await asyncio.sleep(0)


def line(n: int, path: str = "n0", message: str = "hello") -> LogLine:
    """One log line."""
    return LogLine(
        workspace=WORKSPACE, run_id=RUN, path=path, attempt=1, n=n, at=AT, level="info", message=message
    )


@dataclass
class LaggingHistory:
    """Shows `shown` decisions, and `step` more after each read; fails at the reads in `failures`."""

    decisions: list[Decision]
    shown: int = 0
    step: int = 0
    failures: frozenset[int] = frozenset()
    reads: int = field(default=0, init=False)

    async def head(self, workspace: str, run_id: str) -> Head | None:
        """The run as far as it is shown."""
        self.reads += 1
        if self.reads in self.failures:
            raise HistoryUnavailable("the database is away")
        visible = self._visible(workspace, run_id)
        return Head(workspace, visible[-1].ends_run) if visible else None

    async def after(self, workspace: str, run_id: str, seq: int, limit: int) -> list[FeedEvent]:
        """The events that are shown."""
        page = [event for event in self._visible(workspace, run_id) if event.seq > seq][:limit]
        self.shown += self.step
        return page

    def _visible(self, workspace: str, run_id: str) -> list[FeedEvent]:
        shown = [item for item in self.decisions if (item.workspace, item.run_id) == (workspace, run_id)]
        return [
            event_of(run_id, event)
            for decision in shown[: self.shown]
            for event in events_of(peek_decision(encode(decision)))
        ]


@dataclass(frozen=True)
class Frame:
    """One frame of a stream; a comment has only `comment`."""

    id: str = ""
    event: str = ""
    data: dict[str, object] = field(default_factory=dict)
    comment: str = ""


def frames(text: str) -> list[Frame]:
    """Parse a stream."""
    found = []
    for block in filter(None, text.split("\n\n")):
        if block.startswith(":"):
            found.append(Frame(comment=block[1:].strip()))
            continue
        fields = dict(row.split(": ", 1) for row in block.split("\n"))
        found.append(Frame(fields["id"], fields["event"], json.loads(fields["data"])))
    return found


def numbers(text: str) -> list[int]:
    """The numbers of a stream's events, log lines left out."""
    return [int(frame.id) for frame in frames(text) if frame.id and ":" not in frame.id]
