from __future__ import annotations

from engine.events import NodeFailed, NodeSkipped
from engine.state import NodeStatus
from tests.support.machine import JobError, Machine
from tests.unit.engine.build import Json, flow, fn, node

DONE, FAILED, SKIPPED = NodeStatus.SUCCEEDED, NodeStatus.FAILED, NodeStatus.SKIPPED


def run(workflow: Json) -> Machine:
    def bad(_: object) -> None:
        raise JobError("no", code="BROKEN", retryable=False)

    machine = Machine({"bad": bad, "f": lambda given: given})
    machine.begin(workflow)
    return machine


def test_fail_is_what_happens_when_nothing_is_said() -> None:
    machine = run(flow([fn("a", "bad"), fn("b")], "a > b"))
    assert machine.story()[2:] == ["node.failed a", "run.failing", "run.failed"]
    assert not machine.of(NodeFailed)[0].handled


def test_skip_leaves_the_ways_behind_it_dead() -> None:
    machine = run(
        flow([fn("a", "bad", on_error="skip"), fn("b"), fn("c"), fn("d")], "a > b", "b > d", "c > d")
    )
    assert machine.statuses() == {"a": SKIPPED, "b": SKIPPED, "c": DONE, "d": DONE}
    first = machine.of(NodeSkipped)[0]
    assert (first.reason, first.error.code if first.error else None) == ("error", "BROKEN")
    assert machine.types()[-1] == "run.completed"


def test_goto_goes_on_elsewhere() -> None:
    nodes = [
        fn("a", "bad", on_error={"goto": "rescue"}),
        fn("b"),
        fn("rescue"),
        node("j", "join", join="any"),
    ]
    machine = run(flow(nodes, "a > b", "b > j", "rescue > j"))
    assert machine.statuses() == {"a": FAILED, "b": SKIPPED, "rescue": DONE, "j": DONE}
    assert machine.of(NodeFailed)[0].handled


def test_a_goto_target_is_skipped_when_all_goes_well() -> None:
    machine = run(flow([fn("a", on_error={"goto": "rescue"}), fn("rescue")]))
    assert machine.statuses() == {"a": DONE, "rescue": SKIPPED}
    assert machine.output() == {"a": None}


def test_the_error_can_be_read_behind_it() -> None:
    rescue = node("rescue", "transform", {"expression": "nodes.a.error.code + '/' + nodes.a.error.message"})
    machine = run(flow([fn("a", "bad", on_error={"goto": "rescue"}), rescue]))
    assert machine.output() == {"rescue": "BROKEN/no"}


def test_a_node_may_be_reached_by_its_error_and_by_an_edge() -> None:
    machine = run(flow([fn("a", "bad", on_error={"goto": "b"}), fn("b")], "a > b"))
    assert machine.statuses() == {"a": FAILED, "b": DONE}


def test_maps_and_waits_have_it_too() -> None:
    nodes = [
        node(
            "m",
            "map",
            {"items": "inputs.missing", "node": {"type": "http", "config": {"url": "u"}}},
            on_error="skip",
        ),
        node("w", "wait", {"until": "never"}, on_error={"goto": "b"}),
        fn("b"),
    ]
    machine = run(flow(nodes))
    assert machine.statuses() == {"m": SKIPPED, "w": FAILED, "b": DONE}
    assert machine.types()[-1] == "run.completed"
