from __future__ import annotations

from engine.events import NodeSkipped
from engine.state import NodeStatus
from tests.support.machine import Machine
from tests.unit.engine.build import flow, fn, node

DONE, SKIPPED = NodeStatus.SUCCEEDED, NodeStatus.SKIPPED


def run(*args: object, **kwargs: object) -> Machine:
    machine = Machine({"f": lambda given: given})
    machine.begin(flow(*args, **kwargs))  # type: ignore[arg-type]  # as flow takes them
    return machine


def test_it_runs_through_a_chain() -> None:
    machine = run([fn("a"), fn("b"), fn("c"), fn("d")], "a > b if false", "b > c", "c > d")
    assert machine.statuses() == {"a": DONE, "b": SKIPPED, "c": SKIPPED, "d": SKIPPED}
    assert {event.reason for event in machine.of(NodeSkipped)} == {"not taken"}


def test_it_ends_at_a_join_that_something_else_reaches() -> None:
    nodes = [fn("a"), fn("b"), fn("c"), node("j", "join"), fn("d")]
    machine = run(nodes, "a > b if false", "a > c", "b > j", "c > j", "j > d")
    assert machine.statuses() == {"a": DONE, "b": SKIPPED, "c": DONE, "j": DONE, "d": DONE}
    assert list(machine.output()["j"]) == ["c"]


def test_it_runs_through_joins_that_nothing_else_reaches() -> None:
    nodes = [fn("a"), fn("b"), fn("c"), node("j", "join"), node("k", "join", join="any"), fn("d")]
    machine = run(nodes, "a > b if false", "a > c if false", "b > j", "c > j", "j > k", "c > k", "k > d")
    assert [event.path for event in machine.of(NodeSkipped)] == ["b", "c", "j", "k", "d"]


def test_maps_loops_and_composites_are_skipped_like_others() -> None:
    nodes = [
        fn("a"),
        node("m", "map", {"items": "[1]", "node": {"type": "transform", "config": {"expression": "item"}}}),
        node("w", "wait", {"signal": "never"}),
        fn("z"),
    ]
    machine = run(nodes, "a > m if false", "a > w if false", "m > z", "w > z")
    assert machine.statuses() == {"a": DONE, "m": SKIPPED, "w": SKIPPED, "z": SKIPPED}


def test_skipped_nodes_are_absent_from_expressions() -> None:
    nodes = [fn("a"), fn("b"), node("t", "transform", {"expression": "[has(nodes.a), has(nodes.b)]"})]
    assert run(nodes, "a > b if false", "a > t", "b > t").output() == [True, False]


def test_a_thousand_nodes_in_a_row_are_skipped_in_bounded_decisions() -> None:
    nodes = [fn(f"n{index}") for index in range(1_000)]
    edges = [f"n{index} > n{index + 1}" for index in range(999)]
    machine = run(nodes, "n0 > n1 if false", *edges[1:])
    assert len(machine.of(NodeSkipped)) == 999
    assert machine.types()[-1] == "run.completed"
