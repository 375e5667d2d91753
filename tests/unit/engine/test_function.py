from __future__ import annotations

from engine.events import NodeScheduled, NodeStarted, NodeSucceeded
from engine.facts import JobStarted
from engine.payload import inline
from tests.support.machine import RUN, Machine
from tests.unit.engine.build import flow, fn, node


def test_a_job_holds_all_that_a_runner_needs() -> None:
    machine = Machine()
    machine.start(flow([fn("a", "load", {"n": "${inputs.n + 1}"}, timeout_ms=500)]), {"n": 1})
    (job,) = machine.jobs
    assert (job.id, job.kind, job.function) == (f"{RUN}/a/1", "function", "load")
    assert (job.timeout_ms, job.priority, job.queue, job.created_at) == (500, "medium", "default", 1_000)
    assert job.inputs == inline({"n": 2})
    assert job.scope == []
    assert job.template is None


def test_the_output_goes_to_the_next_node_and_out_of_the_run() -> None:
    machine = Machine({"load": lambda given: given["n"] * 2, "show": lambda given: {"got": given["a"]}})
    machine.begin(flow([fn("a", "load"), fn("b", "show")], "a > b"), {"n": 4})
    assert machine.output() == {"got": 8}
    assert machine.story() == [
        "run.started",
        "node.scheduled a",
        "node.succeeded a",
        "node.scheduled b",
        "node.succeeded b",
        "run.completed",
    ]


def test_task_action_and_function_name_are_other_words_for_it() -> None:
    nodes = [
        node("a", "task", {"action": "f"}),
        node("b", "function", {"function_name": "f"}),
    ]
    machine = Machine({"f": lambda _: 1})
    machine.begin(flow(nodes))
    assert [job.function for job in machine.done_jobs] == ["f", "f"]
    assert machine.output() == {"a": 1, "b": 1}
    assert machine.of(NodeScheduled)[0].node_type == "function"


def test_a_long_job_reports_that_it_began() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn("a")]))
    started = JobStarted(workspace="w", run_id=RUN, path="a", attempt=1, started_at=990, worker="r1")
    machine.tell(started)
    (event,) = machine.of(NodeStarted)
    assert (event.node_type, event.started_at, event.worker) == ("function", 990, "r1")
    assert machine.tell(started).events == []
    machine.run()
    assert machine.output() == 1


def test_times_of_the_work_are_those_of_the_runner() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn("a")]))
    machine.now = 1_500
    machine.run()
    (done,) = machine.of(NodeSucceeded)
    assert (done.started_at, done.finished_at) == (1_500, 1_500)


def test_large_inputs_are_left_to_the_runner() -> None:
    machine = Machine({"f": lambda given: given["size"]}, inline_limit=100)
    machine.start(flow([fn("a", inputs={"size": "${size(inputs.text)}"})]), {"text": "x" * 200})
    (job,) = machine.jobs
    assert job.inputs is None
    assert job.template == b'{"size":"${size(inputs.text)}"}'
    assert [entry.name for entry in job.scope] == ["inputs"]
    machine.run()
    assert machine.output() == 200


def test_a_bad_expression_fails_the_node() -> None:
    machine = Machine()
    machine.begin(flow([fn("a", inputs={"n": "${inputs.missing}"})]), {})
    assert machine.story() == ["run.started", "node.failed a", "run.failing", "run.failed"]
