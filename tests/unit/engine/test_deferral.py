"""A decision has at most 200 events and 256 KiB, which the machine checks; the rest waits for a reminder."""

from __future__ import annotations

from engine.events import NodeFailed, RunContinued, RunDeferred
from engine.facts import WorkContinued
from engine.state import NodeStatus
from tests.support.machine import RUN, Machine
from tests.unit.engine.build import flow, fn, node


def test_a_thousand_nodes_to_begin_with() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn(f"n{index}") for index in range(1_000)]))
    assert len(machine.jobs) < 200
    (reminder,) = machine.log
    assert reminder == WorkContinued(workspace="w", run_id=RUN, position=0)
    machine.settle()
    assert len(machine.jobs) == 1_000
    assert machine.of(RunDeferred)
    assert machine.of(RunContinued)
    machine.run()
    assert machine.types()[-1] == "run.completed"
    assert machine.replayed() == machine.stores[RUN]


def test_other_facts_go_first_meanwhile() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn(f"n{index}") for index in range(400)]))
    reminder = machine.log.popleft()
    machine.tell(machine.do(machine.take_job("n0")))
    assert not machine.log
    machine.log.append(reminder)
    machine.run()
    assert machine.types()[-1] == "run.completed"


def test_nodes_that_need_no_job_may_end_a_run_in_a_later_decision() -> None:
    machine = Machine()
    machine.begin(flow([node(f"n{index}", "start") for index in range(150)]))
    assert machine.types()[-1] == "run.completed"
    assert len(machine.decisions[RUN]) == 2
    machine = Machine()
    machine.begin(flow([node(f"n{index}", "start") for index in range(149)]))
    assert machine.types()[-1] == "run.completed"


def test_large_inputs_bound_a_decision_too() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn(f"n{index}", inputs={"all": "${inputs}"}) for index in range(60)]), "x" * 16_000)
    assert len(machine.jobs) < 12
    machine.run()
    assert machine.types()[-1] == "run.completed"


def test_layers_of_wide_nodes() -> None:
    """Each of 100 nodes leads to each of 100 others: what is left over at a time has a bound as well."""
    layer = [node("s", "parallel"), *(node(f"a{index}", "parallel") for index in range(100))]
    layer += [node(f"b{index}", "join", join="any") for index in range(100)]
    edges = [f"s > a{index}" for index in range(100)]
    edges += [f"a{source} > b{target}" for source in range(100) for target in range(100)]
    machine = Machine()
    machine.begin(flow(layer, *edges))
    assert machine.types()[-1] == "run.completed"
    assert set(machine.statuses().values()) == {NodeStatus.SUCCEEDED}


def test_many_nodes_fail_at_once_without_an_end() -> None:
    nodes = [
        node(f"n{index}", "transform", {"expression": "inputs.missing"}, on_error="skip")
        for index in range(500)
    ]
    machine = Machine()
    machine.begin(flow(nodes), {})
    assert machine.types()[-1] == "run.completed"
    assert not machine.of(NodeFailed)


def test_cancelling_a_thousand_nodes() -> None:
    machine = Machine()
    machine.start(flow([fn(f"n{index}") for index in range(1_000)]))
    machine.settle()
    machine.cancel()
    machine.settle()
    assert machine.types()[-1] == "run.cancelled"
    assert sum(len(word.paths) for word in machine.cancels) == 1_000
