from __future__ import annotations

import pytest

from engine.events import NodeFailed, NodeRetrying
from engine.model import Retry
from engine.state import NodeStatus
from tests.support.machine import RUN, JobError, Machine
from tests.unit.engine.build import flow, fn, node

RETRY = {"max_attempts": 4, "backoff_ms": 100, "backoff_multiplier": 3, "max_backoff_ms": 500}


def fails(times: int, **error: object) -> Machine:
    attempts: list[int] = []

    def work(_: object) -> int:
        attempts.append(1)
        if len(attempts) <= times:
            raise JobError(**error)  # type: ignore[arg-type]  # as JobError takes them
        return len(attempts)

    return Machine({"f": work})


def test_backoff_grows_up_to_its_ceiling() -> None:
    machine = fails(3)
    machine.begin(flow([fn("a", retry=RETRY)]))
    assert [event.due_at for event in machine.of(NodeRetrying)] == [1_100, 1_400, 1_900]
    assert [job.id for job in machine.done_jobs] == [f"{RUN}/a/{attempt}" for attempt in (1, 2, 3, 4)]
    assert machine.output() == 4


def test_the_last_attempt_fails_for_good() -> None:
    machine = fails(9)
    machine.begin(flow([fn("a", retry=RETRY)]))
    (failed,) = machine.of(NodeFailed)
    assert (failed.attempt, len(machine.done_jobs)) == (4, 4)
    assert machine.types()[-1] == "run.failed"


def test_nothing_is_tried_again_when_nothing_is_said() -> None:
    machine = fails(1)
    machine.begin(flow([fn("a")]))
    assert len(machine.done_jobs) == 1


@pytest.mark.parametrize("error", [{"retryable": False}, {"code": "BAD_INPUT"}])
def test_what_no_repetition_mends(error: dict[str, object]) -> None:
    machine = fails(1, **error)
    machine.begin(flow([fn("a", retry=RETRY | {"non_retryable": ["BAD_INPUT"]})]))
    assert len(machine.done_jobs) == 1
    assert machine.types()[-1] == "run.failed"


def test_http_nodes_are_tried_again_too() -> None:
    machine = fails(1)
    machine.functions["http"] = machine.functions["f"]
    machine.begin(flow([node("a", "http", {"url": "http://h"}, retry=RETRY)]))
    assert machine.output() == 2


def test_waiting_for_the_next_attempt_keeps_the_run_alive_and_can_be_cancelled() -> None:
    machine = fails(1)
    machine.start(flow([fn("a", retry=RETRY)]))
    machine.finish("a")
    assert machine.statuses()["a"] is NodeStatus.RETRYING
    assert machine.state().header.active == 1
    machine.cancel()
    assert machine.types()[-1] == "run.cancelled"


def test_an_evaluation_that_no_runner_could_do_is_tried_again() -> None:
    machine = Machine(inline_limit=60)
    machine.start(flow([node("t", "transform", {"expression": "size(inputs.text)"})]), {"text": "x" * 100})
    machine.tell(machine.failed(machine.jobs.popleft(), JobError(code="CAS_UNAVAILABLE")))
    assert machine.timers[0].due_at == 1_200
    machine.run()
    assert machine.output() == 100


@pytest.mark.parametrize(
    ("attempt", "delay"), [(1, 1_000), (2, 2_000), (5, 16_000), (7, 60_000), (1_000, 60_000)]
)
def test_delays_of_the_default_policy(attempt: int, delay: int) -> None:
    assert Retry().delay_ms(attempt) == delay


def test_no_backoff_at_all() -> None:
    assert Retry(backoff_ms=0).delay_ms(1_000) == 0
