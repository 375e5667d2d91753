"""What is more work than a decision may take is done by a runner, and there it has a bound too."""

from __future__ import annotations

import pytest

from engine.events import NodeFailed
from engine.expressions import ExpressionError, Meter, OverBudgetError, compile_expression, compile_template
from engine.operations import evaluate, operation
from tests.support.machine import Machine
from tests.unit.engine.build import Json, flow, fn, inner, node

NUMBERS = {"xs": list(range(400))}
MUCH = "inputs.xs.exists(a, a == inputs.xs[0] - 1)"
NESTED = "inputs.xs.filter(a, inputs.xs.exists(b, b == a)).size()"


def jobs(machine: Machine) -> list[str | None]:
    return [job.operation for job in machine.done_jobs if job.kind == "evaluate"]


@pytest.mark.parametrize(
    ("made", "output", "operations"),
    [
        (
            node("k", "filter", {"items": "inputs.xs", "condition": "inputs.xs.exists(a, a == item)"}),
            NUMBERS["xs"],
            ["filter"],
        ),
        (
            node(
                "k", "aggregate", {"strategy": "count", "items": "inputs.xs", "by": f"item >= 0 && !{MUCH}"}
            ),
            400,
            ["aggregate"],
        ),
        (node("k", "transform", {"expression": NESTED}), 400, ["template"]),
        (fn("k", "f", {"n": f"${{{NESTED}}}"}), {"n": 400}, []),
        (
            node("k", "map", {"items": f"${{[{NESTED}]}}", "node": inner("f", {"n": "${item}"})}),
            [{"n": 400}],
            ["items"],
        ),
        (node("k", "conditional", {"condition": f"{NESTED} == 400"}), True, ["condition"]),
        (node("k", "filter", {"items": "inputs.xs", "condition": "item < 3"}), [0, 1, 2], []),
        (node("k", "aggregate", {"strategy": "sum", "items": "inputs.xs", "by": "item * 2"}), 159600, []),
        (node("k", "transform", {"expression": "inputs.xs.filter(a, a < 2)"}), [0, 1], []),
    ],
)
def test_what_takes_long_is_left_to_a_runner(made: Json, output: object, operations: list[str]) -> None:
    machine = Machine({"f": lambda given: given})
    machine.begin(flow([made]), NUMBERS)
    assert machine.output() == output
    assert jobs(machine) == operations


def test_conditions_that_take_long_are_left_to_a_runner() -> None:
    machine = Machine({"f": lambda given: given["a"]})
    machine.begin(flow([node("a", "start"), fn("b")], f"a > b if {NESTED} == 400"), NUMBERS)
    assert machine.output() == NUMBERS
    assert jobs(machine) == ["edges"]


def test_a_loop_whose_condition_takes_long() -> None:
    machine = Machine({"f": lambda _: 1})
    config = {"node": inner("f", {}), "condition": f"{NESTED} < 400", "max_iterations": 3}
    machine.begin(flow([node("l", "loop", config)]), NUMBERS)
    assert machine.output() == 1
    assert jobs(machine) == ["condition"]


def test_what_would_keep_a_runner_for_ever_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "MAX_WORK", 300_000)
    with pytest.raises(ExpressionError, match="too much work over so many items") as caught:
        evaluate(
            "filter",
            {"items": "inputs.xs", "condition": "inputs.xs.exists(a, a == item)"},
            {"inputs": NUMBERS},
        )
    assert caught.value.code == "EXPRESSION_TOO_LARGE"
    machine = Machine()
    machine.begin(
        flow([node("k", "filter", {"items": "inputs.xs", "condition": "inputs.xs.exists(a, a == item)"})]),
        NUMBERS,
    )
    assert machine.of(NodeFailed)[-1].error.code == "EXPRESSION_TOO_LARGE"


def test_a_meter_counts_over_all_parts_of_a_template() -> None:
    scope = {"inputs": NUMBERS}
    one = compile_expression(MUCH, roots=("inputs",))
    assert one.evaluate_bool(scope, Meter(2_500)) is False
    with pytest.raises(OverBudgetError):
        compile_template([f"${{{MUCH}}}"] * 3, roots=("inputs",)).render(scope, Meter(2_500))


@pytest.mark.parametrize(
    ("source", "much"),
    [
        ("inputs.xs.exists(a, a == inputs.xs.size())", True),
        ("inputs.xs.exists(a, a == size(inputs.xs))", True),
        ("inputs.xs.exists(a, a == string(a).size())", False),
        ("inputs.xs.filter(a, a > 3).size() == 3", False),
    ],
)
def test_sizes_asked_for_again_and_again_are_counted(source: str, *, much: bool) -> None:
    expression, meter = compile_expression(source, roots=("inputs",)), Meter(5_000)
    if much:
        with pytest.raises(OverBudgetError):
            expression.evaluate({"inputs": NUMBERS}, meter)
    else:
        expression.evaluate({"inputs": NUMBERS}, meter)


@pytest.mark.parametrize("source", ["${inputs.xs}", "n: ${inputs.xs.size()}", {"a": ["${inputs.xs[0] + 1}"]}])
def test_every_kind_of_part_is_counted(source: object) -> None:
    template = compile_template(source, roots=("inputs",))
    with pytest.raises(OverBudgetError):
        template.render({"inputs": NUMBERS}, Meter(0))
    assert template.render({"inputs": NUMBERS}, Meter(1_000)) == template.render({"inputs": NUMBERS})
