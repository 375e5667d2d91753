from __future__ import annotations

import pytest

from engine.events import NodeFailed, NodeStarted
from engine.state import NodeStatus
from tests.support.machine import Machine
from tests.unit.engine.build import Json, flow, fn, node


def waiting(config: Json, inputs: object = None, **fields: object) -> Machine:
    machine = Machine({"f": lambda given: given["w"]}, inline_limit=60)
    machine.start(flow([node("w", "wait", config, **fields), fn("a")], "w > a"), inputs)
    return machine


@pytest.mark.parametrize(
    ("config", "due_at"),
    [
        ({"duration_ms": 500}, 1_500),
        ({"duration_ms": 0}, 1_000),
        ({"duration_ms": "${inputs.ms * 2}"}, 1_400),
        ({"until": 9_000}, 9_000),
        ({"until": "1970-01-01T00:00:05.5Z"}, 5_500),
        ({"until": "1970-01-01T01:00:05+01:00"}, 5_000),
        ({"until": "${inputs.at}"}, 7_000),
        ({"until": "1960-01-01T00:00:00Z"}, 0),
    ],
)
def test_for_a_while_or_until_a_time(config: Json, due_at: int) -> None:
    machine = waiting(config, {"ms": 200, "at": "1970-01-01T00:00:07Z"})
    (timer,) = machine.timers
    assert (timer.purpose, timer.due_at) == ("wait", due_at)
    assert machine.of(NodeStarted)[0].due_at == due_at
    assert not machine.jobs
    machine.run()
    assert machine.output() is None
    assert machine.now == max(1_000, due_at)


@pytest.mark.parametrize(
    "config",
    [
        {"duration_ms": "soon"},
        {"duration_ms": "${true}"},
        {"duration_ms": "${-1}"},
        {"duration_ms": "${1e300}"},
        {"until": "tomorrow"},
        {"until": "2030-01-01T00:00:00"},
        {"until": "${null}"},
        {"until": "${[1]}"},
    ],
)
def test_what_is_no_time_fails_the_node(config: Json) -> None:
    machine = waiting(config)
    (failed,) = machine.of(NodeFailed)
    assert failed.error.code == "WAIT_INVALID"
    assert machine.types()[-1] == "run.failed"


def test_a_runner_works_it_out_over_a_reference() -> None:
    machine = waiting({"duration_ms": "${size(inputs.text)}"}, {"text": "x" * 100})
    assert [job.path for job in machine.jobs] == ["w$config"]
    machine.finish("w$config")
    assert machine.timers[0].due_at == 1_100
    machine.run()
    assert machine.types()[-1] == "run.completed"


def test_a_time_that_comes_back_as_a_reference_is_none() -> None:
    machine = waiting({"until": "${inputs.text}"}, {"text": "x" * 100})
    machine.finish("w$config")
    (failed,) = machine.of(NodeFailed)
    assert (failed.path, failed.error.code) == ("w", "WAIT_INVALID")
    assert machine.types()[-1] == "run.failed"


def test_a_signal_releases_it_with_its_payload() -> None:
    machine = waiting({"signal": "go"})
    assert machine.statuses()["w"] is NodeStatus.RUNNING
    outcome = machine.signal("go", {"n": 1}, reply_to=3)
    assert machine.replies[0].body == b'{"outcome":"delivered"}'
    assert outcome.events
    machine.run()
    assert machine.output() == {"n": 1}


def test_a_signal_that_comes_first_is_kept() -> None:
    machine = Machine({"f": lambda given: given, "slow": lambda _: 1})
    machine.start(flow([fn("s", "slow"), node("w", "wait", {"signal": "go"})], "s > w"))
    machine.signal("go", "early", reply_to=3)
    assert machine.replies[0].body == b'{"outcome":"kept"}'
    machine.run()
    assert machine.output() == "early"


def test_two_waits_on_a_name_are_released_in_their_order() -> None:
    nodes = [node("a", "wait", {"signal": "go"}), node("b", "wait", {"signal": "go"})]
    machine = Machine()
    machine.start(flow(nodes))
    machine.signal("go", 1)
    assert machine.statuses() == {"a": NodeStatus.SUCCEEDED, "b": NodeStatus.RUNNING}
    machine.signal("go", 2)
    assert machine.output() == {"a": 1, "b": 2}


def test_another_name_releases_nothing() -> None:
    machine = waiting({"signal": "go"})
    machine.signal("stop")
    assert machine.statuses()["w"] is NodeStatus.RUNNING


def test_the_same_command_counts_once() -> None:
    nodes = [node("a", "wait", {"signal": "go"}), node("b", "wait", {"signal": "go"})]
    machine = Machine()
    machine.start(flow(nodes))
    machine.signal("go", 1, command_id="x")
    outcome = machine.signal("go", 1, command_id="x")
    assert outcome.events == []
    assert outcome.ignored == "the signal was told before"


def test_too_long_fails_it_and_a_later_signal_is_kept() -> None:
    machine = waiting({"signal": "go"}, timeout_ms=50, on_error="skip")
    machine.fire()
    machine.settle()
    assert machine.statuses()["w"] is NodeStatus.SKIPPED
    assert machine.types()[-1] == "run.completed"


def test_a_signal_in_time_makes_the_time_out_stale() -> None:
    machine = waiting({"signal": "go"}, timeout_ms=50)
    machine.signal("go", 1)
    machine.fire()
    assert machine.tell(machine.log.popleft()).ignored == "the timer is stale"
    machine.run()
    assert machine.output() == 1


def test_kept_signals_are_bounded_in_number() -> None:
    machine = Machine()
    machine.start(flow([fn("a")]))
    for number in range(100):
        assert machine.signal("go", number).ignored is None
    assert machine.signal("go", reply_to=1).ignored is not None
    assert machine.replies[0].code == "SIGNAL_LIMIT"
    for number in range(99):
        assert machine.signal(f"name{number}").ignored is None
    assert machine.signal("one-more").ignored is not None


def test_kept_signals_are_bounded_in_size() -> None:
    machine = Machine()
    machine.start(flow([fn("a")]))
    kept = sum(machine.signal("go", "x" * 16_000).ignored is None for _ in range(40))
    assert kept == 16


def test_a_node_that_waits_is_released_whatever_is_kept() -> None:
    nodes = [node("w", "wait", {"signal": "go"}), fn("a")]
    machine = Machine()
    machine.start(flow(nodes))
    for number in range(100):
        machine.signal(f"name{number}")
    machine.signal("go", 1)
    assert machine.statuses()["w"] is NodeStatus.SUCCEEDED


def test_a_paused_run_records_the_signal_and_goes_on_later() -> None:
    machine = waiting({"signal": "go"})
    machine.pause()
    machine.signal("go", 5)
    assert machine.statuses()["w"] is NodeStatus.SUCCEEDED
    assert not machine.jobs
    machine.resume()
    machine.run()
    assert machine.output() == 5


def test_cancelled_it_hears_no_signal() -> None:
    machine = waiting({"signal": "go"})
    machine.cancel()
    assert machine.statuses()["w"] is NodeStatus.CANCELLED
    assert machine.signal("go", reply_to=1).ignored is not None
    assert machine.replies[0].code == "RUN_ENDED"
