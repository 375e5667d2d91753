from __future__ import annotations

import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.dead_letter import DeadLetter
from engine.effects import ArmTimer
from engine.facts.timer_fired import TimerFired
from storage.kafka.topics import DEAD_LETTERS, NODE_RESULTS, TIMERS
from storage.wire import decode, encode
from tests.support.kafka import (
    committed,
    ends,
    free_port,
    processor,
    produce,
    read_until,
    ready,
    wait_until,
)

if TYPE_CHECKING:
    from confluent_kafka import Message

    from tests.support.kafka import Installation

GROUP = "aob.timers"


def now() -> int:
    return int(time.time() * 1000)


def timer(number: int, due_at: int, run: int = 0) -> ArmTimer:
    return ArmTimer(
        workspace="w", run_id=f"r0_{run}", path=f"n{number}", attempt=1, purpose="wait", due_at=due_at
    )


def arm(installation: Installation, timers: list[ArmTimer]) -> None:
    produce(installation.bootstrap, TIMERS, [(armed.run_id.encode(), encode(armed)) for armed in timers])


def fired(messages: list[Message]) -> list[TimerFired]:
    facts = [decode(message.value()) for message in messages]
    return [fact for fact in facts if isinstance(fact, TimerFired)]


def await_fired(installation: Installation, timers: list[ArmTimer]) -> list[Message]:
    """Every record of the log, once each of the timers fired at least once."""
    wanted = {(armed.run_id, armed.path) for armed in timers}

    def enough(messages: list[Message]) -> bool:
        return len(messages) >= len(wanted) and wanted <= {
            (fact.run_id, fact.path) for fact in fired(messages)
        }

    return read_until(installation.bootstrap, NODE_RESULTS, enough)


def all_read(installation: Installation) -> bool:
    read = committed(installation.bootstrap, GROUP, TIMERS)
    return all(
        end == 0 or read.get(number) == end for number, end in ends(installation.bootstrap, TIMERS).items()
    )


def test_timers_fire_once_when_due_and_in_order(installation: Installation) -> None:
    port = free_port()
    with processor(installation, "timers", AOB_HEALTH_PORT=str(port)) as process:
        wait_until(lambda: ready(port), "it is ready")
        start = now()
        timers = [timer(number, start + 4000 - 50 * number, run=number % 7) for number in range(50)]
        arm(installation, timers)
        messages = await_fired(installation, timers)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert len(messages) == len(timers)
    for message in messages:
        (fact,) = fired([message])
        assert message.key() == fact.run_id.encode()
        assert fact.due_at <= message.timestamp()[1]
    for number in {message.partition() for message in messages}:
        due = [fact.due_at for fact in fired([m for m in messages if m.partition() == number])]
        assert due == sorted(due)


def test_one_that_is_armed_late_or_twice_fires_at_once_and_once(installation: Installation) -> None:
    port = free_port()
    with processor(installation, "timers", AOB_HEALTH_PORT=str(port)):
        wait_until(lambda: ready(port), "it is ready")
        late, twice = timer(1, now() - 60_000), timer(2, now() + 3000)
        arm(installation, [late, twice, twice])
        messages = await_fired(installation, [late, twice])
    assert Counter(fact.path for fact in fired(messages)) == {"n1": 1, "n2": 1}


@pytest.mark.parametrize("wiped", [False, True])
def test_none_is_lost_by_kill_9(installation: Installation, *, wiped: bool) -> None:
    timers = [timer(number, now() + 4000 + 4 * number, run=number % 11) for number in range(1000)]
    with processor(installation, "timers"):
        arm(installation, timers)
        wait_until(lambda: all_read(installation), "every timer is in the state")
        # In the middle of firing.
        await_fired(installation, timers[:100])
    if wiped:
        shutil.rmtree(Path(installation.env["AOB_STATE_DIR"]))
    with processor(installation, "timers"):
        messages = await_fired(installation, timers)
    counts = Counter(fact.path for fact in fired(messages))
    assert set(counts) == {armed.path for armed in timers}
    assert max(counts.values()) <= 2


def test_after_sigterm_nothing_is_read_or_fired_again(installation: Installation) -> None:
    timers = [timer(number, now(), run=number) for number in range(20)]
    with processor(installation, "timers") as process:
        arm(installation, timers)
        await_fired(installation, timers)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert all_read(installation)
    after = timer(99, now())
    with processor(installation, "timers"):
        arm(installation, [after])
        messages = await_fired(installation, [*timers, after])
    assert len(messages) == len(timers) + 1


def test_what_is_no_timer_is_laid_aside(installation: Installation) -> None:
    good = timer(1, now())
    fact = TimerFired(workspace="w", run_id="r0_0", path="n", attempt=1, purpose="wait", due_at=1)
    bad: list[tuple[bytes | None, bytes | None, str]] = [
        (b"r0_0", b"\x00garbage", "UNREADABLE"),
        (b"r0_0", None, "UNREADABLE"),
        (None, b"", "UNREADABLE"),
        (b"r0_0", encode(fact), "UNEXPECTED_RECORD"),
        (b"r0_1", encode(good), "UNEXPECTED_RECORD"),
        (b"\xff", encode(good), "UNEXPECTED_RECORD"),
        (b"r0_0", encode(timer(1, -1)), "UNEXPECTED_RECORD"),
        (b"r0_0", encode(timer(1, (1 << 63) - 1)), "UNEXPECTED_RECORD"),
    ]
    with processor(installation, "timers"):
        produce(installation.bootstrap, TIMERS, [(key, value) for key, value, _ in bad])
        arm(installation, [good])
        await_fired(installation, [good])
        messages = read_until(installation.bootstrap, DEAD_LETTERS, lambda found: len(found) >= len(bad))
    letters = [letter for m in messages if isinstance(letter := decode(m.value()), DeadLetter)]
    assert sorted((x.key or b"", x.value or b"", x.code) for x in letters) == sorted(
        (key or b"", value or b"", code) for key, value, code in bad
    )
    assert {(x.processor, x.topic) for x in letters} == {("timers", TIMERS)}
    assert all(x.reason and x.offset >= 0 for x in letters)
