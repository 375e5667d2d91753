"""Values within values, node after node, stay as shallow as what is let in from outside."""

from __future__ import annotations

from itertools import pairwise

from engine.events import NodeFailed, RunCompleted
from engine.json_text import MAX_DEPTH, decode_text
from tests.support.machine import Machine
from tests.unit.engine.build import Json, flow, inner, node


def chain(nodes: list[Json]) -> Machine:
    ids = [made["id"] for made in nodes]
    machine = Machine()
    edges = [f"{source} > {target}" for source, target in pairwise(ids)]
    machine.begin(flow(nodes, *edges), 1)
    return machine


def test_joins_wrap_what_they_pass_on() -> None:
    machine = chain([node(f"j{index}", "join") for index in range(MAX_DEPTH + 1)])
    (done,) = machine.of(RunCompleted)
    decode_text(bytes(done.output.raw))
    machine = chain([node(f"j{index}", "join") for index in range(MAX_DEPTH + 2)])
    assert [(event.path, event.error.code) for event in machine.of(NodeFailed)] == [
        (f"j{MAX_DEPTH + 1}", "VALUE_TOO_DEEP")
    ]


def test_a_template_wraps_what_its_expressions_give() -> None:
    deep: object = "${inputs}"
    given: object = 1
    for _ in range(120):
        deep, given = [deep], [given]
    machine = Machine()
    config = {"url": "http://x", "body": deep}
    machine.start(flow([node("h", "http", config)]), given)
    assert machine.of(NodeFailed)[-1].error.code == "VALUE_TOO_DEEP"


def test_a_map_wraps_what_its_items_gave() -> None:
    value: object = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    config = {"items": "[1]", "node": inner("g", {})}
    machine = Machine({"g": lambda _: value})
    machine.begin(flow([node("m", "map", config)]))
    assert machine.of(NodeFailed)[-1].error.code == "VALUE_TOO_DEEP"
