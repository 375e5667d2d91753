"""A wide map: bounded decisions, and items at the end that cost what those at the beginning cost."""

from __future__ import annotations

import pytest

from engine.events import NodeFailed
from engine.payload import NULL
from tests.support.machine import RUN, Machine, Store
from tests.unit.engine.build import flow, inner, node

WIDTH = 10_000


class CountingStore(Store):
    """Counts what is read and written."""

    def __init__(self) -> None:
        super().__init__()
        self.touched = 0
        self.bytes = 0

    def get(self, key: str, default: object = None) -> bytes | None:  # type: ignore[override]  # of bytes alone
        value = super().get(key)
        self.touched += 1
        self.bytes += len(value or b"")
        return value

    def set(self, key: str, value: bytes) -> None:
        super().set(key, value)
        self.touched += 1
        self.bytes += len(value)


@pytest.mark.parametrize("by_reference", [False, True])
def test_the_last_thousand_items_cost_what_the_first_cost(by_reference: bool) -> None:  # noqa: FBT001 (a case)
    store = CountingStore()
    machine = Machine(inline_limit=100 if by_reference else 16 * 1024 * 1024)
    machine.stores[RUN] = store
    workflow = flow([node("m", "map", {"items": "inputs", "node": inner(inputs={"x": "${item}"})})])
    machine.start(workflow, list(range(WIDTH)))
    machine.settle()
    if by_reference:
        machine.finish("m$items")
    costs = []
    for _ in range(10):
        keys, size = store.touched, store.bytes
        for _ in range(1_000):
            machine.tell(machine.succeeded(machine.jobs.popleft(), NULL))
            machine.settle()
            if not machine.jobs:
                break
        costs.append((store.touched - keys, store.bytes - size))
    (first_keys, first_bytes), (last_keys, last_bytes) = costs[1], costs[8]
    assert last_keys <= first_keys * 1.05
    assert last_bytes <= first_bytes * 1.05
    machine.run()
    assert machine.output() == [None] * WIDTH
    assert list(store) == ["h"]
    assert machine.replayed() == store


def test_cancelling_it_is_bounded_too() -> None:
    machine = Machine({"f": lambda _: 1})
    workflow = flow(
        [node("m", "map", {"items": "inputs.xs", "node": inner(inputs={}), "max_concurrency": 1000})]
    )
    machine.start(workflow, {"xs": list(range(3_000))})
    machine.settle()
    for _ in range(1_500):
        machine.finish(machine.jobs[0].path)
    machine.cancel()
    machine.settle()
    assert machine.types()[-1] == "run.cancelled"
    assert sum(len(word.paths) for word in machine.cancels) == 1_000
    assert list(machine.stores[RUN]) == ["h"]
    assert machine.replayed() == machine.stores[RUN]


def test_a_wide_map_of_failing_items_is_bounded_too() -> None:
    machine = Machine()
    body = {"type": "transform", "config": {"expression": "item.missing"}}
    workflow = flow([node("m", "map", {"items": "inputs.xs", "node": body, "on_item_error": "collect"})])
    machine.begin(workflow, {"xs": [{}] * 2_500})
    assert len(machine.of(NodeFailed)) == 2_500
    assert len(machine.output()) == 2_500
