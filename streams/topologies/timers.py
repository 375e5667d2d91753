"""`timers`: an `ArmTimer` becomes, when it is due, a `TimerFired` in the run's log.

    timers ──► arm ──► store (ordered by due time)
                          ▲ every 5 ms at most: what is due
                          └──────────► node.results
    what is no timer ────────────────► dead.letters

A firing leaves at once and its removal commits with the next checkpoint, which confirms the outputs before
it writes the changelog: after a crash a timer may fire twice (the coordinator passes by what is stale), never
not at all.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from quixstreams import message_context

from engine.effects import ArmTimer
from engine.facts.timer_fired import TimerFired
from engine.ids import is_run_id
from storage.kafka.topics import NODE_RESULTS, TIMERS
from storage.wire import WireError, decode, encode
from streams.runtime.application import make_application
from streams.runtime.dead_letters import unusable
from streams.runtime.outputs import Output, Outputs
from streams.runtime.run import Topology
from streams.runtime.run import run as run_processor
from streams.runtime.ticks import every
from streams.state.timer_queues import FAR, TimerQueues

if TYPE_CHECKING:
    from collections.abc import Callable

    from quixstreams.models import HeadersTuples

    from streams.runtime.settings import StreamSettings

PROCESSOR = "timers"
COMMIT_INTERVAL_S = 0.5
COMMIT_EVERY = 5000
"""What was armed since the commit is searched at each firing: keep it small."""

POLL_TIMEOUT_S = 0.02
"""An idle loop turns this often, so this is how late an idle timer may be."""

TICK_S = 0.005
MOST_FIRINGS = 500
"""In one tick and partition, so that arming goes on while many are due."""


def run(settings: StreamSettings) -> int:
    """Run the processor until it is stopped; its exit code."""
    return run_processor(settings, PROCESSOR, lambda: build(settings))


def build(settings: StreamSettings, clock: Callable[[], float] = time.time) -> Topology:
    """The topology; `clock` tells the wall-clock time in Unix seconds."""
    application = make_application(
        settings,
        PROCESSOR,
        transactional=True,
        commit_interval=COMMIT_INTERVAL_S,
        commit_every=COMMIT_EVERY,
        poll_timeout=POLL_TIMEOUT_S,
    )
    outputs = Outputs(settings)
    timers = application.topic(TIMERS, value_deserializer="bytes", key_deserializer="bytes")
    dataframe = application.dataframe(timers)
    queues = TimerQueues(dataframe)

    def arm(value: bytes | None, key: bytes | None, timestamp: int, headers: HeadersTuples) -> list[Output]:
        try:
            timer = _read(value, key)
        except ValueError as error:
            return [unusable(PROCESSOR, value, key, timestamp, headers, error)]
        queues.add(message_context().partition, timer)
        return []

    def fire() -> None:
        now = int(clock() * 1000)
        for timer in queues.take_due(now, MOST_FIRINGS):
            outputs.send(Output(NODE_RESULTS, timer.run_id.encode(), encode(_fired(timer))))

    dataframe.apply(arm, metadata=True).sink(outputs)
    every(dataframe, TICK_S, fire)
    return Topology(application, dataframe)


def _read(value: bytes | None, key: bytes | None) -> ArmTimer:
    """The timer; ValueError with the reason when there is none."""
    try:
        timer = decode(value)
    except WireError as error:
        raise ValueError(str(error)) from error
    if not isinstance(timer, ArmTimer):
        raise ValueError(f"a {type(timer).__name__} is no ArmTimer")  # noqa: TRY004 (a wrong record, not a bug)
    if not is_run_id(timer.run_id) or key != timer.run_id.encode():
        raise ValueError(f"the key is not the run id {timer.run_id!r}")
    if not 0 <= timer.due_at < FAR:
        raise ValueError(f"due_at {timer.due_at} is no Unix time in milliseconds")
    return timer


def _fired(timer: ArmTimer) -> TimerFired:
    return TimerFired(
        workspace=timer.workspace,
        run_id=timer.run_id,
        path=timer.path,
        attempt=timer.attempt,
        purpose=timer.purpose,
        due_at=timer.due_at,
    )
