from __future__ import annotations

import pytest

from engine.events import NodeFailed
from tests.support.machine import Machine
from tests.unit.engine.build import Json, flow, node


def workflow(condition: str = "item.n > 1 && index < 3") -> Json:
    return flow([node("k", "filter", {"items": "inputs.xs", "condition": condition})])


def items(*numbers: int) -> Json:
    return {"xs": [{"n": number, "pad": "x" * 20} for number in numbers]}


@pytest.mark.parametrize("inline_limit", [60, 16 * 1024])
def test_items_for_which_the_condition_holds(inline_limit: int) -> None:
    machine = Machine(inline_limit=inline_limit)
    machine.begin(workflow(), items(1, 2, 3, 4))
    assert [item["n"] for item in machine.output()] == [2, 3]
    assert [job.operation for job in machine.done_jobs] == (["filter"] if inline_limit == 60 else [])


@pytest.mark.parametrize("inline_limit", [3, 16 * 1024])
@pytest.mark.parametrize(
    ("inputs", "condition"),
    [({"xs": 3}, "true"), ({"xs": [1]}, "item"), ({"xs": [1]}, "item.n > 1"), ({}, "true")],
)
def test_what_does_not_fit_fails_the_node(inline_limit: int, inputs: Json, condition: str) -> None:
    machine = Machine(inline_limit=inline_limit)
    machine.begin(workflow(condition), inputs)
    (failed,) = machine.of(NodeFailed)
    assert failed.path == "k"
    assert failed.error.code in {"EXPRESSION_TYPE", "EXPRESSION_FAILED"}
