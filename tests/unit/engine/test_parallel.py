from __future__ import annotations

from engine.state import NodeStatus
from tests.support.machine import Machine
from tests.unit.engine.build import flow, fn, node


def test_all_ways_are_taken_at_once() -> None:
    machine = Machine({"f": lambda given: given})
    machine.start(flow([node("p", "parallel"), fn("a"), fn("b")], "p > a", "p > b"), {"n": 1})
    assert [job.path for job in machine.jobs] == ["a", "b"]
    machine.run()
    assert machine.output() == {"a": {"p": {"n": 1}}, "b": {"p": {"n": 1}}}


def test_a_parallel_node_costs_one_event() -> None:
    machine = Machine()
    machine.start(flow([node("p", "parallel"), fn("a")], "p > a"))
    assert machine.story() == ["run.started", "node.succeeded p", "node.scheduled a"]


def test_three_thousand_edges_in_bounded_decisions() -> None:
    width = 3_000
    nodes = [node("p", "parallel"), *(fn(f"n{index}") for index in range(width)), node("j", "join")]
    edges = [f"p > n{index}" for index in range(width)] + [f"n{index} > j" for index in range(width)]
    machine = Machine({"f": lambda _: 1})
    machine.begin(flow(nodes, *edges))
    assert machine.types()[-1] == "run.completed"
    statuses = machine.statuses()
    assert len(statuses) >= width + 2
    assert set(statuses.values()) == {NodeStatus.SUCCEEDED}
    assert machine.replayed() == machine.stores["r0_test"]
