from __future__ import annotations

import pytest

from engine.state import NodeStatus
from tests.support.machine import Machine
from tests.unit.engine.build import Json, flow, fn, node

DONE, SKIPPED = NodeStatus.SUCCEEDED, NodeStatus.SKIPPED


def run(workflow: Json, inputs: Json) -> Machine:
    machine = Machine({"f": lambda _: 1})
    machine.begin(workflow, inputs)
    return machine


@pytest.mark.parametrize("flag", [True, False])
def test_if_and_else(flag: bool) -> None:  # noqa: FBT001 (a case)
    workflow = flow(
        [node("c", "conditional", {"condition": "inputs.flag"}), fn("yes"), fn("no")],
        "c > yes if if",
        "c > no if else",
    )
    machine = run(workflow, {"flag": flag})
    assert machine.statuses() == {
        "c": DONE,
        "yes": DONE if flag else SKIPPED,
        "no": SKIPPED if flag else DONE,
    }
    assert machine.output() == ({"yes": 1} if flag else {"no": 1})


def test_the_output_is_the_condition() -> None:
    machine = run(flow([node("c", "conditional", {"condition": "inputs.n > 3"})]), {"n": 4})
    assert machine.output() is True


@pytest.mark.parametrize(("n", "taken"), [(1, {"low"}), (5, {"mid", "odd"}), (9, {"rest"}), (7, {"odd"})])
def test_conditions_on_edges_and_else_for_when_none_holds(n: int, taken: set[str]) -> None:
    workflow = flow(
        [node("c", "conditional"), fn("low"), fn("mid"), fn("odd"), fn("rest")],
        "c > low if inputs.n < 3",
        "c > mid if inputs.n >= 3 && inputs.n < 6",
        "c > odd if inputs.n == 5 || inputs.n == 7",
        "c > rest if else",
    )
    machine = run(workflow, {"n": n})
    done = {path for path, status in machine.statuses().items() if status is DONE}
    assert done == {"c"} | taken


def test_an_edge_without_condition_is_taken_beside_conditioned_ones_and_does_not_spoil_else() -> None:
    workflow = flow(
        [fn("a"), fn("always"), fn("never"), fn("rest")],
        "a > always",
        "a > never if false",
        "a > rest if else",
    )
    machine = run(workflow, {})
    assert machine.statuses() == {"a": DONE, "always": DONE, "never": SKIPPED, "rest": DONE}


def test_edges_see_the_output_of_their_source() -> None:
    workflow = flow([fn("a"), fn("b"), fn("c")], "a > b if output == 1", "a > c if output != 1")
    assert run(workflow, {}).statuses() == {"a": DONE, "b": DONE, "c": SKIPPED}


def test_a_condition_that_cannot_be_evaluated_fails_the_run() -> None:
    machine = run(flow([fn("a"), fn("b")], "a > b if inputs.missing"), {})
    assert machine.story()[-4:] == ["node.succeeded a", "node.failed a$edges", "run.failing", "run.failed"]


def test_a_condition_that_gives_no_bool_fails_the_node() -> None:
    machine = run(flow([node("c", "conditional", {"condition": "inputs.n"})]), {"n": 3})
    assert machine.story()[1:] == ["node.failed c", "run.failing", "run.failed"]
