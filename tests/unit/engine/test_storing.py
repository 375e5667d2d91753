"""What does not fit into one job is stored first, part by part; `Machine` checks the size of every record."""

from __future__ import annotations

from typing import Any

import pytest

from engine.events import NodeCancelled, NodeFailed, NodeScheduled, RunFailed
from engine.flow import storing
from tests.support.machine import RUN, JobError, Machine
from tests.unit.engine.build import Json, flow, fn, inner, node

BIG = "x" * 12_000
MANY = 100


def sources(count: int = MANY, **fields: Any) -> list[Json]:  # noqa: ANN401
    return [fn(f"n{index}", **fields) for index in range(count)]


def edges(target: str, count: int = MANY) -> list[str]:
    return [f"n{index} > {target}" for index in range(count)]


def reads(count: int = MANY) -> Json:
    """A template that reads every source."""
    return {f"n{index}": f"${{nodes.n{index}.output}}" for index in range(count)}


def sizes(count: int = MANY) -> str:
    return " + ".join(f"size(nodes.n{index}.output)" for index in range(count))


def everything(count: int = MANY) -> Json:
    return {f"n{index}": BIG for index in range(count)}


def machine(**functions: Any) -> Machine:  # noqa: ANN401
    return Machine({"f": lambda _: BIG, "size": len, **functions})


def checked(run: Machine, *, stores: bool = True) -> None:
    """The log tells the whole state, and what was stored was stored in jobs of their own ids."""
    assert run.replayed() == run.stores[RUN]
    ids = [job.id for job in run.done_jobs]
    assert len(ids) == len(set(ids))
    assert stores == any(event.stores for event in run.of(NodeScheduled))


def test_a_join_of_what_no_job_could_carry() -> None:
    run = machine()
    run.begin(flow([*sources(), node("j", "join")], *edges("j")))
    assert run.output() == everything()
    checked(run)


def test_terminal_nodes_whose_outputs_no_job_could_carry() -> None:
    run = machine()
    run.begin(flow(sources()))
    assert run.output() == everything()
    checked(run)


def test_what_fits_is_not_stored() -> None:
    run = machine()
    run.begin(flow([*sources(20), node("j", "join")], *edges("j", 20)))
    assert run.output() == everything(20)
    checked(run, stores=False)


def test_a_function_reads_it_and_an_attempt_after_it_finds_it_stored() -> None:
    attempts = []

    def count(given: Json) -> int:
        attempts.append(given)
        if len(attempts) == 1:
            raise JobError
        return len(given)

    run = machine(count=count)
    after = fn("after", "count", reads(), retry={"max_attempts": 2, "backoff_ms": 1})
    run.begin(flow([*sources(), after], *edges("after")))
    assert run.output() == MANY
    assert attempts == [everything()] * 2
    stores = [job for job in run.done_jobs if job.path == "after$store"]
    last = run.done_jobs.index(stores[-1])
    assert all(job.path != "after" for job in run.done_jobs[:last])
    checked(run)


def test_every_item_of_a_map_reads_it() -> None:
    run = machine()
    each = node("each", "map", {"items": "[1, 2, 3]", "node": inner("size", reads()), "max_concurrency": 2})
    run.begin(flow([*sources(), each], *edges("each")))
    assert run.output() == [MANY] * 3
    checked(run)


def test_a_loop_reads_it_in_its_body_and_in_its_condition() -> None:
    run = machine()
    config = {"condition": f"{sizes(60)} < iteration", "max_iterations": 3, "node": inner("size", reads(60))}
    run.begin(flow([*sources(60), node("poll", "loop", config)], *edges("poll", 60)))
    assert run.output() == 60
    checked(run)


def test_conditions_read_it() -> None:
    run = machine()
    nodes = [*sources(60), node("c", "start"), fn("yes", "size", {}), fn("no", "size", {})]
    run.begin(flow(nodes, *edges("c", 60), f"c > yes if {sizes(60)} == {60 * len(BIG)}", "c > no if else"))
    assert run.output()["yes"] == 0
    assert "node.skipped no" in run.story()
    checked(run)


def test_a_condition_alone_has_it_stored() -> None:
    run = machine()
    nodes = [*sources(60), node("c", "transform", {"expression": "1"}), fn("yes", "size", {})]
    run.begin(flow(nodes, *edges("c", 60), f"c > yes if {sizes(60)} == {60 * len(BIG)}"))
    assert run.output() == 0
    assert any(job.path == "c$store" for job in run.done_jobs)
    checked(run)


@pytest.mark.parametrize(
    ("kind", "config", "output"),
    [
        ("map", {"items": [f"${{nodes.n{i}.output}}" for i in range(60)], "node": inner("size")}, [2] * 60),
        ("composite", {"definition": flow([fn("inside", "size")]), "inputs": reads(60)}, 60),
        ("wait", {"duration_ms": "${" + sizes(60) + "}"}, None),
        ("transform", {"expression": sizes(60)}, 60 * len(BIG)),
        ("aggregate", {"strategy": "count"}, 60),
    ],
)
def test_nodes_of_other_types_read_it(kind: str, config: Json, output: object) -> None:
    run = machine()
    run.begin(flow([*sources(60), node("a", kind, config)], *edges("a", 60)))
    assert run.output() == output
    assert any(job.path == "a$store" for job in run.done_jobs)
    checked(run)


@pytest.mark.parametrize(
    ("kind", "config", "output"),
    [
        ("map", {"items": [BIG] * 20, "node": inner("size", {"a": 1})}, [1] * 20),
        ("composite", {"definition": flow([fn("inside", "size")]), "inputs": {"a": [BIG] * 20}}, 1),
    ],
)
def test_constants_too_large_for_an_event_go_by_way_of_a_runner(
    kind: str, config: Json, output: object
) -> None:
    run = machine()
    run.begin(flow([node("a", kind, config)]))
    assert run.output() == output
    assert [job.operation for job in run.done_jobs if job.kind == "evaluate"] == [
        "items" if kind == "map" else "template"
    ]


def failing(**fields: Any) -> tuple[Machine, Json]:  # noqa: ANN401
    """A node fails when 60 others are done; `undo`, which reads them all, compensates one of them."""

    def fail(_: object) -> None:
        raise JobError("boom", retryable=False)

    run = machine(fail=fail)
    nodes = sources(60)
    nodes[0]["compensate"] = "undo"
    return run, flow(
        [*nodes, fn("undo", "size", reads(60)), fn("bad", "fail", {}, **fields)], *edges("bad", 60)
    )


def test_a_compensation_reads_it() -> None:
    run, workflow = failing()
    run.begin(workflow)
    assert isinstance(run.last(), RunFailed)
    assert run.story().count("node.succeeded undo") == 1
    checked(run)


def test_a_compensation_whose_storing_fails_does_not_hold_up_the_end() -> None:
    run, workflow = failing()
    run.start(workflow)
    run.settle()
    while not any(job.path == "undo$store" for job in run.jobs):
        run.tell(run.do(run.jobs.popleft()))
        run.settle()
    run.tell(run.failed(run.take_job("undo$store"), JobError("gone", code="BLOB", retryable=False)))
    run.run()
    assert isinstance(run.last(), RunFailed)
    assert [event.error.code for event in run.of(NodeFailed) if event.path == "undo"] == ["BLOB"]
    checked(run)


def storing_join(*after: str) -> Machine:
    run = machine()
    run.start(flow([*sources(), node("j", "join"), *(fn(name, "size") for name in after)], *edges("j")))
    run.settle()
    while not any(job.path == "j$store" for job in run.jobs):
        run.tell(run.do(run.jobs.popleft()))
        run.settle()
    return run


def test_a_cancelled_run_does_not_wait_for_it() -> None:
    run = storing_join()
    run.cancel()
    run.settle()
    assert run.types()[-1] == "run.cancelled"
    assert [event.path for event in run.of(NodeCancelled)][:2] == ["j$store", "j"]
    assert run.cancels[0].paths[0] == "j$store"
    assert run.replayed() == run.stores[RUN]


def test_what_cannot_be_stored_fails_the_node() -> None:
    run = storing_join()
    run.tell(run.failed(run.take_job("j$store"), JobError("gone", code="BLOB", retryable=False)))
    run.run()
    assert [(event.path, event.error.code) for event in run.of(NodeFailed)] == [
        ("j$store", "BLOB"),
        ("j", "BLOB"),
    ]
    assert isinstance(run.last(), RunFailed)


def test_a_runner_that_stores_nothing_ends_the_run() -> None:
    run = storing_join()
    run.blobs.limit = 10**9
    run.run()
    assert run.of(NodeFailed)[-1].error.code == "SCOPE_TOO_LARGE"
    assert isinstance(run.last(), RunFailed)


def test_a_condition_whose_storing_fails_fails_its_edges() -> None:
    run = machine()
    nodes = [*sources(60), node("c", "start"), fn("yes", "size", {})]
    nodes[60] = node("c", "transform", {"expression": "1"})
    run.start(flow(nodes, *edges("c", 60), f"c > yes if {sizes(60)} == 0"))
    run.settle()
    while not any(job.path == "c$store" for job in run.jobs):
        run.tell(run.do(run.jobs.popleft()))
        run.settle()
    run.tell(run.failed(run.take_job("c$store"), JobError("gone", code="BLOB", retryable=False)))
    run.run()
    assert isinstance(run.last(), RunFailed)
    assert [event.path for event in run.of(NodeFailed)] == ["c$store", "c$edges"]


@pytest.mark.parametrize("target", ["j", None])
def test_what_takes_too_much_room_even_as_references_is_refused(
    monkeypatch: pytest.MonkeyPatch, target: str | None
) -> None:
    monkeypatch.setattr(storing, "SCOPE_LIMIT", 80_000)
    monkeypatch.setattr(storing, "SCOPE_MAX", 10_000)
    run = machine()
    run.begin(flow([*sources(), node("j", "join")], *edges("j")) if target else flow(sources()))
    last = run.last()
    assert isinstance(last, RunFailed)
    assert (last.error.code, last.error.path) == ("SCOPE_TOO_LARGE", target)


def test_outputs_that_are_references_already_are_not_stored_again() -> None:
    run = Machine({"f": lambda _: BIG}, inline_limit=1000)
    run.begin(flow([*sources(), node("j", "join")], *edges("j")))
    assert run.output() == everything()
    checked(run, stores=False)
