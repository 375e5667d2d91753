from __future__ import annotations

from engine.payload import inline
from tests.support.machine import Machine
from tests.unit.engine.build import flow, node


def test_a_job_holds_the_rendered_request() -> None:
    config = {
        "url": "http://host/${inputs.id}",
        "method": "POST",
        "headers": {"x": "${inputs.token}"},
        "body": {"n": "${inputs.n}"},
        "expect_status": [200],
        "note": "kept, but no part of the request",
    }
    machine = Machine()
    workflow = flow([node("a", "http", config, timeout_ms=100, queue="web")])
    machine.start(workflow, {"id": "7", "token": "t", "n": [1]})
    (job,) = machine.jobs
    assert (job.kind, job.function, job.queue, job.timeout_ms) == ("http", None, "web", 100)
    assert job.inputs == inline(
        {
            "url": "http://host/7",
            "method": "POST",
            "headers": {"x": "t"},
            "body": {"n": [1]},
            "expect_status": [200],
        }
    )


def test_the_response_is_the_output() -> None:
    machine = Machine({"http": lambda request: {"status": 200, "headers": {}, "body": request["url"]}})
    workflow = flow(
        [
            node("a", "http", {"url": "http://h"}),
            node("b", "transform", {"expression": "nodes.a.output.body"}),
        ],
        "a > b",
    )
    machine.begin(workflow)
    assert machine.output() == "http://h"


def test_a_large_body_is_rendered_by_the_runner() -> None:
    machine = Machine({"http": lambda request: request}, inline_limit=100)
    machine.start(flow([node("a", "http", {"url": "http://h", "body": "${inputs}"})]), {"text": "x" * 200})
    assert machine.jobs[0].inputs is None
    machine.run()
    assert machine.output() == {"url": "http://h", "body": {"text": "x" * 200}}
