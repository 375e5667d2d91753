from __future__ import annotations

from typing import Any

import pytest

from engine.events import NodeFailed
from tests.support.machine import Machine
from tests.unit.engine.build import Json, flow, fn, node

LIMITS = pytest.mark.parametrize("inline_limit", [2, 16 * 1024])


def run(config: Json, inputs: object, inline_limit: int) -> Machine:
    machine = Machine(inline_limit=inline_limit)
    machine.begin(flow([node("g", "aggregate", {"items": "inputs.xs", **config})]), inputs)
    return machine


@LIMITS
@pytest.mark.parametrize(
    ("strategy", "by", "items", "result"),
    [
        ("merge", None, [{"a": 1, "b": 1}, {"b": 2}], {"a": 1, "b": 2}),
        ("merge", None, [], {}),
        ("concat", None, [[1], [], [2, 3]], [1, 2, 3]),
        ("sum", None, [1, 2.5], 3.5),
        ("sum", None, [], 0),
        ("sum", "item.n", [{"n": 1}, {"n": 2}], 3),
        ("min", None, [3, 1, 2], 1),
        ("max", None, [3, 1.5], 3),
        ("min", None, [], None),
        ("max", "item.n * 2", [{"n": 1}, {"n": 2}], 4),
        ("count", None, [0, None, []], 3),
        ("count", "item > 1", [1, 2, 3], 2),
        (
            "group",
            "item.k",
            [{"k": "a"}, {"k": 1}, {"k": "a"}],
            {"a": [{"k": "a"}, {"k": "a"}], "1": [{"k": 1}]},
        ),
        ("group", "item > 1", [1, 2, 3], {"false": [1], "true": [2, 3]}),
        ("group", "item", [None, None], {"null": [None, None]}),
        ("group", "index", ["a", "b"], {"0": ["a"], "1": ["b"]}),
    ],
)
def test_strategies(
    strategy: str, by: str | None, items: list[Any], result: object, inline_limit: int
) -> None:
    config = {"strategy": strategy} | ({} if by is None else {"by": by})
    assert run(config, {"xs": items}, inline_limit).output() == result


@LIMITS
@pytest.mark.parametrize(
    ("strategy", "by", "items", "message"),
    [
        ("merge", None, [{}, [1]], "aggregate `merge` needs objects; element 1 is list"),
        ("concat", None, [1], "aggregate `concat` needs lists; element 0 is int"),
        ("sum", None, [1, "2"], "aggregate `sum` needs numbers; element 1 is str"),
        ("min", None, [True], "aggregate `min` needs numbers; element 0 is bool"),
        ("max", "item.n", [{"n": None}], "aggregate `max` needs numbers; element 0 is NoneType"),
        ("sum", None, [1e308, 1e308], "the sum is beyond the largest number that JSON can hold"),
        (
            "group",
            "item",
            [[1]],
            "aggregate `group` needs keys that are strings, numbers, bools or null, not list",
        ),
        ("count", None, {"not": "a list"}, "`items` has to be a list, not dict"),
    ],
)
def test_what_does_not_fit_fails_the_node(
    strategy: str, by: str | None, items: object, message: str, inline_limit: int
) -> None:
    config = {"strategy": strategy} | ({} if by is None else {"by": by})
    (failed,) = run(config, {"xs": items}, inline_limit).of(NodeFailed)
    assert failed.error.message == message


@pytest.mark.parametrize("inline_limit", [2, 16 * 1024])
def test_without_items_it_takes_the_outputs_of_the_nodes_before_it_in_the_order_of_edges(
    inline_limit: int,
) -> None:
    machine = Machine(
        {"f": lambda _: [1, 1], "g": lambda _: [2], "h": lambda _: [3]}, inline_limit=inline_limit
    )
    nodes = [fn("a"), fn("b", "g"), fn("c", "h"), node("t", "aggregate", {"strategy": "concat"})]
    machine.begin(flow(nodes, "c > t", "a > t", "b > t if false"))
    assert machine.output() == [3, 1, 1]


def test_it_may_group_what_the_nodes_before_it_gave() -> None:
    machine = Machine({"f": lambda _: 1, "g": lambda _: 2})
    config = {"strategy": "group", "by": "item > inputs.n"}
    machine.begin(flow([fn("a"), fn("b", "g"), node("t", "aggregate", config)], "a > t", "b > t"), {"n": 1})
    assert machine.output() == {"false": [1], "true": [2]}
