"""Composites inside maps and loops."""

from __future__ import annotations

import pytest

from tests.support.machine import JobError, Machine
from tests.unit.engine.build import Json, flow, fn, node


def flaky(failures: int) -> Machine:
    """A machine whose function `flaky` fails at first; then it tells how often it was called."""
    calls: list[object] = []

    def work(given: object) -> int:
        calls.append(given)
        if len(calls) <= failures:
            raise JobError
        return len(calls)

    return Machine({"flaky": work, "f": lambda _: 1}, inline_limit=60)


def body(**fields: object) -> Json:
    """A child run whose inputs a runner works out: they are large."""
    child = {"name": "child", "nodes": [fn("c", "flaky")]}
    config = {"definition": child, "inputs": {"x": "${inputs.x}"}}
    return {"type": "composite", "config": config, "retry": {"max_attempts": 3, "backoff_ms": 1}} | fields


@pytest.mark.parametrize(
    ("kind", "config", "output"),
    [
        ("map", {"items": "[1, 2, 3]", "node": body(), "max_concurrency": 1}, [2, 3, 4]),
        ("loop", {"node": body(), "condition": "iteration < 1", "max_iterations": 5}, 3),
    ],
)
def test_tried_again_it_is_the_same_item_or_iteration(kind: str, config: Json, output: object) -> None:
    machine = flaky(1)
    machine.begin(flow([node("a", kind, config)]), {"x": "x" * 99})
    assert machine.output() == output
