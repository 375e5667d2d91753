from __future__ import annotations

from typing import Any

import pytest

from engine.events import NodeFailed, NodeSkipped
from engine.state import NodeStatus
from tests.support.machine import JobError, Machine
from tests.unit.engine.build import Json, flow, fn, node

DONE, SKIPPED = NodeStatus.SUCCEEDED, NodeStatus.SKIPPED
SOURCES = ("a", "b", "c")


def started(join: object, *conditions: str, **fields: Any) -> Machine:  # noqa: ANN401
    """Three nodes that a join waits for; conditions stand on their edges."""
    conditions = conditions or ("true",) * 3
    nodes = [*(fn(name) for name in SOURCES), node("j", "join", join=join, **fields), fn("after", "g")]
    edges = [f"{name} > j if {text}" for name, text in zip(SOURCES, conditions, strict=True)]
    machine = Machine({"f": lambda _: 1, "g": lambda given: given["j"]})
    machine.start(flow(nodes, *edges, "j > after"))
    return machine


def test_all_waits_for_the_last() -> None:
    machine = started("all")
    machine.finish("b")
    machine.finish("a")
    assert "j" not in machine.statuses()
    machine.finish("c")
    assert machine.statuses()["j"] is DONE
    machine.run()
    assert machine.output() == {"a": 1, "b": 1, "c": 1}


def test_all_leaves_out_what_was_not_taken() -> None:
    machine = started("all", "true", "false", "true")
    machine.run()
    assert machine.output() == {"a": 1, "c": 1}


def test_any_goes_on_with_the_first_and_ignores_late_arrivals() -> None:
    machine = started("any")
    machine.finish("b")
    assert machine.statuses()["j"] is DONE
    machine.run()
    assert machine.output() == {"b": 1}
    assert machine.story().count("node.succeeded j") == 1


def test_the_run_waits_for_late_arrivals_all_the_same() -> None:
    machine = started("any")
    machine.finish("b")
    machine.finish("after")
    assert machine.types()[-1] == "node.succeeded"
    machine.run()
    assert machine.types()[-1] == "run.completed"


@pytest.mark.parametrize("join", ["any", {"count": 2}])
def test_what_may_still_come_is_waited_for(join: object) -> None:
    machine = started(join, "false", "true", "true")
    machine.finish("a")
    assert "j" not in machine.statuses()
    machine.run()
    assert machine.statuses()["j"] is DONE


def test_count_goes_on_with_as_many() -> None:
    machine = started({"count": 2})
    machine.finish("c")
    assert "j" not in machine.statuses()
    machine.finish("a")
    assert machine.statuses()["j"] is DONE
    machine.run()
    assert machine.output() == {"a": 1, "c": 1}


def test_a_count_that_cannot_be_met_any_more_fails() -> None:
    machine = started({"count": 2}, "true", "false", "false")
    machine.finish("a")
    machine.finish("b")
    assert "j" not in machine.statuses()
    machine.finish("c")
    (failed,) = machine.of(NodeFailed)
    assert (failed.path, failed.error.code) == ("j", "JOIN_UNSATISFIABLE")
    assert failed.error.message == "`j` waits for 2 taken edges, and only 1 are left"
    assert machine.types()[-1] == "run.failed"


def test_a_count_that_cannot_be_met_fails_as_soon_as_that_is_known() -> None:
    machine = started({"count": 3}, "true", "false", "true")
    machine.finish("a")
    machine.finish("b")
    assert machine.statuses()["c"] is NodeStatus.CANCELLED
    assert machine.types()[-1] == "run.failed"


def test_on_error_deals_with_it() -> None:
    machine = started({"count": 2}, "true", "false", "false", on_error="skip")
    machine.run()
    assert machine.statuses() == {"a": DONE, "b": DONE, "c": DONE, "j": SKIPPED, "after": SKIPPED}
    assert machine.types()[-1] == "run.completed"


@pytest.mark.parametrize("join", ["all", "any", {"count": 2}])
def test_a_join_that_nothing_reaches_is_skipped(join: object) -> None:
    machine = started(join, "false", "false", "false")
    machine.run()
    assert [event.path for event in machine.of(NodeSkipped)] == ["j", "after"]
    assert machine.types()[-1] == "run.completed"


def test_other_nodes_join_too() -> None:
    workflow: Json = flow([fn("a"), fn("b", "g"), fn("c", "h", join="any")], "a > c", "b > c")

    def fail(_: object) -> None:
        raise JobError(retryable=False)

    machine = Machine({"f": lambda _: 1, "g": lambda _: 2, "h": lambda given: given})
    machine.begin(workflow)
    assert machine.output() == {"a": 1}
