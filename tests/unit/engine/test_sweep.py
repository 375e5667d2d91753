from __future__ import annotations

import pytest

from engine.facts import WorkContinued
from tests.support.machine import RUN, JobError, Machine
from tests.unit.engine.build import Json, flow, fn, inner, node

CHILD = {"name": "child", "nodes": [fn("c")]}
WORKFLOWS = {
    "function": flow([fn("a"), fn("b")], "a > b"),
    "map": flow([node("m", "map", {"items": "inputs.xs", "node": inner()})]),
    "empty map": flow([node("m", "map", {"items": "[]", "node": inner()})]),
    "map of children": flow([node("m", "map", {"items": "inputs.xs", "definition": CHILD})]),
    "loop": flow([node("l", "loop", {"node": inner(), "condition": "iteration < 4", "max_iterations": 9})]),
    "composite": flow([node("a", "composite", {"definition": CHILD})]),
    "wait": flow([node("w", "wait", {"signal": "go"})]),
    "skipped": flow([fn("a"), fn("b"), fn("c")], "a > b if false", "b > c"),
    "compensated": flow([fn("a", compensate="u"), fn("b", "bad"), fn("u")], "a > b"),
    "large": flow([node(f"n{index}", "start") for index in range(700)]),
}


def bad(_: object) -> None:
    raise JobError(retryable=False)


@pytest.mark.parametrize("inline_limit", [10, 16 * 1024])
@pytest.mark.parametrize("name", WORKFLOWS)
def test_an_ended_run_leaves_its_header_alone(name: str, inline_limit: int) -> None:
    machine = Machine(
        {"f": lambda given: {"given": given, "pad": "x" * 40}, "bad": bad}, inline_limit=inline_limit
    )
    machine.start(WORKFLOWS[name], {"xs": list(range(450))})
    machine.signal("other", 1)
    machine.signal("go", 1)
    machine.run()
    for run_id, store in machine.stores.items():
        assert list(store) == ["h"], run_id
        assert machine.replayed(run_id) == store


@pytest.mark.parametrize("name", [name for name in WORKFLOWS if name != "large"])
def test_a_cancelled_run_too(name: str) -> None:
    machine = Machine({"f": lambda given: given, "bad": bad})
    machine.start(WORKFLOWS[name], {"xs": list(range(450))})
    machine.cancel()
    machine.run()
    for run_id, store in machine.stores.items():
        assert list(store) == ["h"], run_id


def test_it_goes_on_in_steps_that_count_once() -> None:
    machine = Machine({"f": lambda _: 1})
    workflow: Json = WORKFLOWS["map"]
    machine.start(workflow, {"xs": list(range(450))})
    while machine.types()[-1] != "run.completed":
        if machine.log:
            machine.tell(machine.log.popleft())
        else:
            machine.tell(machine.do(machine.jobs.popleft()))
    reminders = [fact for fact in machine.log if isinstance(fact, WorkContinued)]
    assert [fact.position for fact in reminders] == [-2]
    keys = len(machine.stores[RUN])
    assert keys > 100
    machine.tell(reminders[0])
    assert machine.tell(reminders[0]).ignored == "the clean-up is past this point"
    machine.run()
    assert list(machine.stores[RUN]) == ["h"]
