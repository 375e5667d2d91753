"""The way of a user through the command line."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.stack import AOB, ROOT
from tests.e2e.workflows import call, row, signalled, work

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.stack import Stack

pytestmark = pytest.mark.timeout(240)

GREET = row(
    "cli-greet",
    call("hello", "e2e_echo", {"to": "${inputs.name}"}),
    call("tries", "e2e_flaky", {"failures": 1}, retry={"max_attempts": 3, "backoff_ms": 10}),
    inputs={"type": "object", "required": ["name"]},
)
WAITING = row(
    "cli-waiting", signalled("gate", "go"), call("after", "e2e_echo", {"got": "${nodes.gate.output}"})
)


@pytest.fixture
def greet(tmp_path: Path) -> str:
    file = tmp_path / "greet.json"
    file.write_text(json.dumps(GREET))
    return str(file)


def test_a_workflow_is_checked_pushed_and_shown(stack: Stack, greet: str) -> None:
    assert "cli-greet is valid" in stack.aob("workflow", "validate", greet).out
    pushed = stack.data("workflow", "push", greet)
    again = stack.aob("workflow", "push", greet)
    listed = stack.data("workflow", "list")
    shown = stack.data("workflow", "show", "cli-greet")

    assert (pushed["name"], pushed["version"], pushed["tag"]) == ("cli-greet", 1, "main")
    assert again.out == "cli-greet v1 (main)\n"
    assert {"name": "cli-greet", "versions": 1, "tags": {"main": 1}} in listed["workflows"]
    assert shown["definition"] == GREET
    assert shown["hash"] == pushed["hash"]


def test_a_file_and_a_name_start_a_run(stack: Stack, greet: str, tmp_path: Path) -> None:
    stack.data("workflow", "push", greet)
    (tmp_path / "inputs.json").write_text('{"name": "ada"}')

    by_file = stack.data("run", "start", greet, "--inputs", '{"name": "ada"}', "--wait")
    by_name = stack.aob(
        "run", "start", "cli-greet", "--inputs", f"@{tmp_path / 'inputs.json'}", "--wait=60", "-o", "compact"
    )

    assert by_file["status"] == by_name.json["status"] == "COMPLETED"
    assert by_file["output"] == by_name.json["output"]
    assert by_name.code == 0
    assert by_name.out.count("\n") == 1
    status = stack.data("run", "status", by_file["run_id"])
    assert [(n["id"], n["status"], n["attempt"]) for n in status["nodes"]] == [
        ("hello", "SUCCEEDED", 1),
        ("tries", "SUCCEEDED", 2),
    ]
    assert status["nodes"][0]["output"] == {"to": "ada"}


def test_data_go_to_stdout_and_chat_to_stderr(stack: Stack, greet: str) -> None:
    started = stack.aob("run", "start", greet, "--inputs", '{"name": "ada"}')
    assert started.code == 0
    run_id = started.out.strip()
    assert run_id.startswith("r0_")
    assert f"aob logs stream {run_id}" in started.err

    streamed = stack.aob("logs", "stream", run_id)
    assert streamed.code == 0
    for word in ("run.started", "node.retrying", "attempt 1", "run.completed"):
        assert word in streamed.out
    assert streamed.err == ""

    pretty = stack.aob("run", "status", run_id)
    assert "COMPLETED" in pretty.out
    assert "\x1b" not in pretty.out


def test_a_stream_of_one_node_tells_of_that_node_alone(stack: Stack, greet: str) -> None:
    run = stack.ended(stack.start(GREET, inputs={"name": "ada"}))
    said = stack.aob("logs", "stream", run["run_id"], "--node", "hello", "--output", "json")

    events = [json.loads(line) for line in said.out.splitlines()]
    assert {event.get("node_id") for event in events[:-1]} == {"hello"}
    assert events[-1]["type"] == "run.completed"


def test_runs_are_listed_by_status_and_workflow(stack: Stack) -> None:
    stack.push(WAITING)
    run_id = stack.start(workflow="cli-waiting")
    stack.when_node(run_id, "gate", "WAITING")

    waits = stack.data("run", "list", "--workflow", "cli-waiting", "--status", "waiting")
    assert [run["run_id"] for run in waits["runs"]] == [run_id]

    signalled_run = stack.aob("run", "signal", run_id, "go", "--payload", '{"by": "ada"}')
    assert (signalled_run.code, signalled_run.out) == (0, "")
    assert f"signal go went to {run_id}" in signalled_run.err
    assert stack.ended(run_id)["output"] == {"got": {"by": "ada"}}
    done = stack.data("run", "list", "--workflow", "cli-waiting", "--status", "completed", "--limit", "1")
    assert [run["run_id"] for run in done["runs"]] == [run_id]


def test_a_run_is_paused_resumed_and_cancelled(stack: Stack) -> None:
    run_id = stack.start(row("cli-pause", signalled("gate", "go"), work("slow", 60)))
    stack.when_node(run_id, "gate", "WAITING")

    assert stack.aob("run", "pause", run_id, "--reason", "lunch").code == 0
    stack.when(run_id, "PAUSED")
    assert stack.aob("run", "signal", run_id, "go").code == 0
    assert stack.aob("run", "resume", run_id).code == 0
    stack.when_node(run_id, "slow", "RUNNING")
    assert stack.aob("run", "cancel", run_id, "--reason", "enough").code == 0

    run = stack.when(run_id, "CANCELLED")
    assert {node["id"]: node["status"] for node in run["nodes"]} == {"gate": "SUCCEEDED", "slow": "CANCELLED"}
    types = [event["type"] for event in stack.data("run", "timeline", run_id)["events"]]
    told = ("run.started", "run.paused", "run.resumed", "run.cancelling", "run.cancelled")
    assert tuple(t for t in types if t in told) == told


def test_exit_codes_tell_errors_from_wrong_usage(stack: Stack, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"name": "broken", "nodes": [}')
    invalid = tmp_path / "invalid.json"
    invalid.write_text(json.dumps(row("invalid", {"id": "a", "type": "transform", "config": {}})))
    fails = tmp_path / "fails.json"
    fails.write_text(json.dumps(row("cli-fails", call("a", "e2e_fatal"))))

    not_json = stack.aob("workflow", "push", str(broken))
    refused = stack.aob("workflow", "validate", str(invalid))
    failed = stack.aob("run", "start", str(fails), "--wait", "--output", "json")
    unknown = stack.aob("run", "start", "no-such-workflow")
    usage = stack.aob("run", "start", "cli-greet", "--inputs", "{")
    no_key = stack.aob("run", "list", AOB_API_KEY="wrong-key")

    assert (not_json.code, not_json.out) == (1, "")
    assert "is not JSON" in not_json.err
    assert (refused.code, refused.out) == (1, "")
    assert "/nodes/0/config" in refused.err
    assert failed.code == 1
    assert failed.json["status"] == "FAILED"
    assert failed.json["error"]["code"] == "HOPELESS"
    assert (unknown.code, unknown.out) == (1, "")
    assert "WORKFLOW_UNKNOWN" in unknown.err
    assert (usage.code, usage.out) == (2, "")
    assert no_key.code == 1
    assert "AOB_API_KEY" in no_key.err


def test_an_interrupted_stream_ends_with_130(stack: Stack) -> None:
    run_id = stack.start(WAITING)
    process = subprocess.Popen(
        [*AOB, "logs", "stream", run_id],
        env=stack.env | {"PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert "run.started" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Traceback" not in err
    stack.http.post(f"/v1/runs/{run_id}/cancel")
