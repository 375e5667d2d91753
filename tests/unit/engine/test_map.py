from __future__ import annotations

from typing import Any

import pytest

from engine.events import NodeFailed, NodeStarted
from engine.facts import RunAdmitted
from engine.state import NodeStatus
from tests.support.machine import RUN, JobError, Machine, decode
from tests.unit.engine.build import Json, flow, fn, inner, node

ITEM = {"x": "${item}"}


def map_node(body: Json | None = None, **config: object) -> Json:
    given = {"items": "inputs.xs", "node": body or inner(inputs=ITEM)} | config
    return node("m", "map", given)


def double(given: Json) -> Any:  # noqa: ANN401 (the item's own type)
    return given["x"] * 2


def test_results_stand_in_the_order_of_the_items() -> None:
    machine = Machine({"f": double})
    machine.start(flow([map_node()]), {"xs": [1, 2, 3]})
    machine.jobs.reverse()
    machine.run()
    assert machine.output() == [2, 4, 6]
    assert [job.path for job in machine.done_jobs] == ["m[2]", "m[1]", "m[0]"]


def test_an_item_gets_item_and_index_when_nothing_is_said() -> None:
    machine = Machine({"f": lambda given: given})
    machine.begin(flow([map_node(inner())]), {"xs": ["a"]})
    assert machine.output() == [{"item": "a", "index": 0}]


def test_no_more_than_the_window_are_under_way() -> None:
    machine = Machine({"f": double})
    machine.start(flow([map_node(max_concurrency=2)]), {"xs": list(range(5))})
    assert [job.path for job in machine.jobs] == ["m[0]", "m[1]"]
    machine.finish("m[1]")
    assert [job.path for job in machine.jobs] == ["m[0]", "m[2]"]
    machine.run()
    assert machine.output() == [0, 2, 4, 6, 8]


def test_the_window_is_a_hundred_when_nothing_is_said() -> None:
    machine = Machine({"f": double})
    machine.start(flow([map_node()]), {"xs": list(range(300))})
    machine.settle()
    assert len(machine.jobs) == 100


def test_no_items() -> None:
    machine = Machine()
    machine.begin(flow([map_node()]), {"xs": []})
    assert machine.output() == []
    assert machine.story() == ["run.started", "node.started m", "node.succeeded m", "run.completed"]


@pytest.mark.parametrize("items", [["${inputs.a}", 2], "${[inputs.a, 2]}", "[inputs.a, 2]"])
def test_items_are_a_list_or_an_expression(items: object) -> None:
    machine = Machine({"f": double})
    machine.begin(flow([map_node(items=items)]), {"a": 1})
    assert machine.output() == [2, 4]


@pytest.mark.parametrize("items", ["inputs.n", "inputs.missing"])
@pytest.mark.parametrize("inline_limit", [3, 16 * 1024])
def test_what_is_no_list_fails_the_map(items: str, inline_limit: int) -> None:
    machine = Machine(inline_limit=inline_limit)
    machine.begin(flow([map_node(items=items)]), {"n": 1})
    assert machine.statuses()["m"] is NodeStatus.FAILED
    assert machine.types()[-1] == "run.failed"


def test_the_first_failed_item_fails_the_map_and_cancels_the_others() -> None:
    def fail(given: Json) -> int:
        if given["x"] == 1:
            raise JobError("bad item", retryable=False)
        return 1

    machine = Machine({"f": fail})
    machine.start(flow([map_node(max_concurrency=3)]), {"xs": list(range(5))})
    machine.finish("m[1]")
    failed = machine.of(NodeFailed)
    assert [(event.path, event.error.path) for event in failed] == [("m[1]", None), ("m", "m[1]")]
    assert machine.statuses()["m[0]"] is NodeStatus.CANCELLED
    assert sorted(machine.cancels[0].paths) == ["m[0]", "m[2]"]
    assert machine.types()[-1] == "run.failed"


def test_a_second_failed_item_does_not_fail_the_map_again() -> None:
    machine = Machine({"f": double})
    workflow = flow([map_node(max_concurrency=2) | {"on_error": {"goto": "b"}}, fn("b")])
    machine.start(workflow, {"xs": [1, 2]})
    machine.pause()
    for path in ("m[0]", "m[1]"):
        machine.tell(machine.failed(machine.take_job(path), JobError(retryable=False)))
    machine.resume()
    machine.settle()
    assert machine.story().count("node.failed m") == 1
    assert [job.path for job in machine.jobs] == ["b"]


def test_an_item_is_not_tried_again_after_the_end_of_its_map() -> None:
    body = inner() | {"retry": {"max_attempts": 2, "backoff_ms": 10}}
    machine = Machine({"f": double})
    machine.start(flow([map_node(body, max_concurrency=2) | {"on_error": "skip"}]), {"xs": [1, 2]})
    machine.tell(machine.failed(machine.take_job("m[0]"), JobError()))
    machine.pause()
    machine.fire()
    machine.settle()
    machine.tell(machine.failed(machine.take_job("m[1]"), JobError(retryable=False)))
    machine.resume()
    machine.settle()
    assert not machine.jobs
    assert machine.statuses()["m[0]"] is NodeStatus.CANCELLED
    assert machine.types()[-1] == "run.completed"


def test_collected_errors_stand_in_the_result() -> None:
    def fail(given: Json) -> int:
        if given["x"] == 1:
            raise JobError("bad item", retryable=False)
        return 7

    machine = Machine({"f": fail})
    machine.begin(flow([map_node(on_item_error="collect")]), {"xs": [0, 1, 2]})
    assert machine.output() == [7, {"error": {"code": "FUNCTION_ERROR", "message": "bad item"}}, 7]
    assert machine.of(NodeFailed)[0].handled


def test_collected_errors_that_are_large_together_are_gathered_by_a_runner() -> None:
    def fail(_: Json) -> int:
        raise JobError("x" * 3_000, retryable=False)

    machine = Machine({"f": fail})
    machine.begin(flow([map_node(on_item_error="collect")]), {"xs": list(range(40))})
    assert len(machine.output()) == 40
    assert any(job.kind == "gather" for job in machine.done_jobs)


def test_an_item_is_tried_again() -> None:
    attempts: list[int] = []

    def flaky(given: Json) -> int:
        attempts.append(given["x"])
        if len(attempts) == 1:
            raise JobError
        return 1

    body = inner(inputs=ITEM) | {"retry": {"max_attempts": 2, "backoff_ms": 10}}
    machine = Machine({"f": flaky})
    machine.begin(flow([map_node(body)]), {"xs": [5]})
    assert attempts == [5, 5]
    assert machine.output() == [1]


def test_an_inner_transform_needs_no_job() -> None:
    body = {"type": "transform", "config": {"expression": "item * 2 + index"}}
    machine = Machine()
    machine.begin(flow([map_node(body)]), {"xs": [1, 2, 3]})
    assert not machine.done_jobs
    assert machine.output() == [2, 5, 8]


def test_an_inner_transform_that_fails_is_collected() -> None:
    body = {"type": "transform", "config": {"expression": "item.n"}}
    machine = Machine()
    machine.begin(flow([map_node(body, on_item_error="collect")]), {"xs": [{"n": 1}, {}, {"n": 3}]})
    first, second, third = machine.output()
    assert (first, third) == (1, 3)
    assert second["error"]["code"] == "EXPRESSION_FAILED"


@pytest.mark.parametrize("inline_limit", [8, 16 * 1024])
def test_an_inner_composite_is_a_child_run_an_item(inline_limit: int) -> None:
    child = {"name": "child", "nodes": [fn("c", inputs={"x": "${inputs.v}"})]}
    given = {"items": "inputs.xs", "definition": child, "inputs": {"v": "${item}"}}
    machine = Machine({"f": double}, inline_limit=inline_limit)
    machine.begin(flow([node("m", "map", given)]), {"xs": [1, 2, 3]})
    assert machine.output() == [2, 4, 6]
    assert len(machine.stores) == 4


def test_a_failed_item_cancels_the_other_child_runs() -> None:
    child = {"name": "child", "nodes": [fn("c")]}
    machine = Machine()
    machine.start(flow([node("m", "map", {"items": "inputs.xs", "definition": child})]), {"xs": [1, 2]})
    machine.settle()
    first = machine.jobs.popleft()
    machine.tell(machine.failed(first, JobError(retryable=False)))
    machine.settle()
    ends = {machine.types(run_id)[-1] for run_id in machine.stores if run_id not in {RUN, first.run_id}}
    assert ends == {"run.cancelled"}
    assert machine.types()[-1] == "run.failed"


def test_items_by_reference_stay_there() -> None:
    machine = Machine({"f": double}, inline_limit=100)
    machine.start(flow([map_node()]), {"xs": [f"item {index}" for index in range(40)]})
    (job,) = machine.jobs
    assert (job.path, job.operation) == ("m$items", "items")
    machine.finish("m$items")
    assert machine.of(NodeStarted)[0].total == 40
    scope = machine.jobs[3].scope
    assert [(entry.name, entry.index) for entry in scope] == [("item", 3)]
    machine.run()
    assert machine.output() == [f"item {index}" * 2 for index in range(40)]


def test_a_paused_run_does_not_open_its_map() -> None:
    machine = Machine({"f": double}, inline_limit=3)
    machine.start(flow([map_node()]), {"xs": [1, 2]})
    machine.pause()
    machine.finish("m$items")
    assert not machine.jobs
    machine.resume()
    machine.run()
    assert machine.output() == [2, 4]


def test_results_are_gathered_in_parts_above_64_kib() -> None:
    machine = Machine({"f": lambda given: {"i": given["x"], "pad": "x" * 1_000}})
    machine.begin(flow([map_node()]), {"xs": list(range(200))})
    parts = [job.path for job in machine.done_jobs if job.kind == "gather"]
    assert parts == ["m$gather.0", "m$gather.1", "m$gather.2", "m$gather.3", "m$gather"]
    assert [value["i"] for value in machine.output()] == list(range(200))


def test_parts_may_come_in_any_order() -> None:
    machine = Machine({"f": lambda given: {"i": given["x"], "pad": "x" * 1_000}})
    machine.start(flow([map_node()]), {"xs": list(range(200))})
    while not any(job.kind == "gather" for job in machine.jobs):
        machine.finish(machine.jobs[0].path)
    for path in ("m$gather.2", "m$gather.0", "m$gather.3", "m$gather.1"):
        machine.finish(path)
    machine.run()
    assert [value["i"] for value in machine.output()] == list(range(200))


def test_parts_that_come_during_a_pause_are_put_together_once() -> None:
    machine = Machine({"f": lambda given: {"i": given["x"], "pad": "x" * 1_000}})
    machine.start(flow([map_node()]), {"xs": list(range(200))})
    while not any(job.kind == "gather" for job in machine.jobs):
        machine.finish(machine.jobs[0].path)
    machine.pause()
    for part in range(4):
        machine.finish(f"m$gather.{part}")
    machine.resume()
    machine.run()
    assert [job.path for job in machine.done_jobs].count("m$gather") == 1
    assert [value["i"] for value in machine.output()] == list(range(200))


def test_results_by_reference_are_gathered_too() -> None:
    machine = Machine({"f": lambda given: "x" * 200 if given["x"] % 2 else given["x"]}, inline_limit=100)
    machine.begin(flow([map_node()]), {"xs": list(range(6))})
    assert machine.output() == [0, "x" * 200, 2, "x" * 200, 4, "x" * 200]
    gather = next(job for job in machine.done_jobs if job.kind == "gather")
    assert [entry.name for entry in gather.scope] == ["list", "element"] * 3


def test_a_part_that_cannot_be_gathered_fails_the_map_and_cancels_the_others() -> None:
    machine = Machine({"f": lambda _: "x" * 1_000})
    workflow = flow([map_node() | {"on_error": "skip"}])
    machine.start(workflow, {"xs": list(range(200))})
    while not any(job.kind == "gather" for job in machine.jobs):
        machine.finish(machine.jobs[0].path)
    machine.tell(machine.failed(machine.take_job("m$gather.2"), JobError(retryable=False)))
    assert machine.statuses()["m"] is NodeStatus.SKIPPED
    assert sorted(machine.cancels[-1].paths) == ["m$gather.0", "m$gather.1", "m$gather.3"]
    assert machine.types()[-1] == "run.completed"


def test_too_long_takes_the_map_down() -> None:
    machine = Machine()
    machine.start(flow([map_node() | {"timeout_ms": 50}]), {"xs": [1, 2]})
    machine.fire()
    machine.settle()
    failed = machine.of(NodeFailed)[0]
    assert (failed.path, failed.error.code) == ("m", "TIMEOUT")
    assert machine.statuses()["m[1]"] is NodeStatus.CANCELLED
    assert machine.types()[-1] == "run.failed"


def test_too_many_items_are_refused() -> None:
    machine = Machine(inline_limit=10)
    machine.start(flow([map_node()]), {"xs": [0] * 100_001})
    machine.run()
    assert machine.of(NodeFailed)[0].error.code == "MAP_TOO_LARGE"


def test_a_child_run_gets_what_its_parent_got() -> None:
    child = {"name": "child", "nodes": [node("c", "start")]}
    machine = Machine()
    workflow = flow([node("m", "map", {"items": "inputs.xs", "definition": child})])
    machine.start(workflow, {"xs": ["a"]}, priority="high")
    (start,) = machine.log
    assert isinstance(start, RunAdmitted)
    assert (start.author, start.priority, start.depth) == ("user:t", "high", 1)
    assert decode(start.inputs.raw) == {"item": "a", "index": 0}
