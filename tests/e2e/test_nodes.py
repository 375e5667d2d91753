"""What nodes do, on real runners, timers and blobs."""

from __future__ import annotations

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.waiting import until
from tests.e2e.workflows import call, row, signalled, work

if TYPE_CHECKING:
    from tests.e2e.stack import Stack
    from tests.e2e.web import Web

pytestmark = pytest.mark.timeout(240)


def http(node_id: str, url: str, **config: object) -> dict[str, Any]:
    return {"id": node_id, "type": "http", "config": {"url": url, **config}}


def nodes(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["id"]: node for node in run["nodes"]}


def test_a_large_payload_goes_through_the_content_store(stack: Stack) -> None:
    size = 200_000
    run = stack.completed(
        row(
            "nodes-large",
            call("make", "e2e_large", {"size": "${inputs.size}"}),
            call("measure", "e2e_length", {"text": "${nodes.make.output.text}"}),
            {
                "id": "twice",
                "type": "transform",
                "config": {"expression": "nodes.make.output.text + inputs.more"},
            },
        ),
        inputs={"size": size, "more": "y" * 50_000},
    )

    assert nodes(run)["measure"]["output"] == size
    made, twice = nodes(run)["make"]["artifact"], run["artifact"]
    for artifact, value in ((made, {"text": "x" * size}), (twice, "x" * size + "y" * 50_000)):
        answer = stack.http.get(f"/v1/artifacts/{artifact['sha256']}")
        assert answer.status_code == 200
        assert answer.json() == value
        assert len(answer.content) == artifact["size"]
        assert hashlib.sha256(answer.content).hexdigest() == artifact["sha256"]
    assert stack.http.get(f"/v1/artifacts/{run['inputs_artifact']['sha256']}").json()["size"] == size

    streamed = stack.aob("logs", "stream", run["run_id"])
    assert f"artifact {made['sha256'][:12]}" in streamed.out


def test_a_blob_that_was_changed_is_not_believed(stack: Stack) -> None:
    run = stack.completed(row("nodes-corrupt", call("make", "e2e_large", {"size": 30_001})))
    sha256 = run["artifact"]["sha256"]
    (blob,) = [path for path in (stack.data_dir / "cas").rglob("*") if path.name.endswith(sha256[-40:])]
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes().replace(b"x", b"z", 1))

    lost = stack.http.get(f"/v1/artifacts/{sha256}")
    assert (lost.status_code, lost.json()["code"]) == (410, "ARTIFACT_LOST")


def test_a_time_out_ends_an_attempt(stack: Stack) -> None:
    run = stack.ended(
        stack.start(
            row(
                "nodes-slow",
                work("slow", 60) | {"timeout_ms": 200, "retry": {"max_attempts": 2, "backoff_ms": 10}},
            )
        )
    )
    assert run["status"] == "FAILED"
    assert (run["error"]["code"], run["error"]["path"]) == ("TIMEOUT", "slow")
    assert nodes(run)["slow"]["attempt"] == 2


def test_a_failure_is_retried_as_often_as_allowed(stack: Stack) -> None:
    retry = {"max_attempts": 4, "backoff_ms": 20}
    run = stack.completed(row("nodes-flaky", call("tries", "e2e_flaky", {"failures": 3}, retry=retry)))
    assert (run["output"], nodes(run)["tries"]["attempt"]) == (4, 4)

    once_too_often = row("nodes-flaky", call("tries", "e2e_flaky", {"failures": 4}, retry=retry))
    failed = stack.ended(stack.start(once_too_often))
    assert (failed["status"], failed["error"]["code"]) == ("FAILED", "FLAKY")
    assert nodes(failed)["tries"]["attempt"] == 4


def test_what_cannot_be_mended_is_not_retried(stack: Stack) -> None:
    retry = {"max_attempts": 5, "backoff_ms": 10}
    fatal = stack.ended(stack.start(row("nodes-fatal", call("a", "e2e_fatal", retry=retry))))
    named = stack.ended(
        stack.start(
            row(
                "nodes-named",
                call("a", "e2e_flaky", {"failures": 9}, retry=retry | {"non_retryable": ["FLAKY"]}),
            )
        )
    )
    for run, code in ((fatal, "HOPELESS"), (named, "FLAKY")):
        assert (run["status"], run["error"]["code"], nodes(run)["a"]["attempt"]) == ("FAILED", code, 1)


def test_an_error_can_be_skipped_or_led_elsewhere(stack: Stack) -> None:
    skipped = stack.completed(
        row("nodes-skip", call("a", "e2e_fatal", on_error="skip"), call("b", "e2e_echo"))
    )
    assert (nodes(skipped)["a"]["status"], nodes(skipped)["a"]["error"]["code"]) == ("SKIPPED", "HOPELESS")

    led = stack.completed(
        {
            "name": "nodes-goto",
            "nodes": [
                call("a", "e2e_fatal", on_error={"goto": "rescue"}),
                call("b", "e2e_echo"),
                call("rescue", "e2e_echo", {"saw": "${nodes.a.error.code}"}),
            ],
            "edges": [{"from": "a", "to": "b"}],
        }
    )
    assert nodes(led)["rescue"]["status"] == "SUCCEEDED"
    assert nodes(led)["b"]["status"] == "SKIPPED"


def test_an_http_node_calls_a_server_that_it_may_call(stack: Stack, web: Web) -> None:
    run = stack.completed(row("nodes-http", http("get", f"{web.url}/json")))
    assert (run["output"]["status"], run["output"]["body"]) == (200, {"answer": 42})
    assert f"{run['run_id']}/get" in web.keys


class Secret(BaseHTTPRequestHandler):
    """A server inside that nobody may reach."""

    asked = 0

    def do_GET(self) -> None:
        Secret.asked += 1
        self.send_response(200)
        self.end_headers()


def test_an_http_node_reaches_nothing_inside(stack: Stack, web: Web) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Secret) as server:
        inside = f"127.0.0.1:{server.server_address[1]}"
        urls = [
            f"http://{inside}/",
            f"http://localhost:{server.server_address[1]}/",
            "http://169.254.169.254/latest/meta-data",
            f"http://[::ffff:127.0.0.1]:{server.server_address[1]}/",
            f"{web.url}/away?http://{inside}/",
            "ftp://127.0.0.1/",
        ]
        runs = [
            stack.start(row("nodes-ssrf", http("get", "${inputs.url}")), inputs={"url": url}) for url in urls
        ]
        for url, run_id in zip(urls, runs, strict=True):
            run = stack.ended(run_id)
            assert run["status"] == "FAILED", url
            assert run["error"]["code"] == "SSRF_REFUSED", (url, run["error"])
            assert nodes(run)["get"]["attempt"] == 1
        assert Secret.asked == 0
    assert web.requests["/away"] == 1


def test_a_wait_ends_when_its_timer_fires(stack: Stack) -> None:
    run = stack.completed(row("nodes-wait", {"id": "w", "type": "wait", "config": {"duration_ms": 300}}))
    waited = nodes(run)["w"]["ended_at"] - nodes(run)["w"]["started_at"]
    assert 300 <= waited < 20_000


def test_a_wait_for_a_signal_that_never_comes_times_out(stack: Stack) -> None:
    run = stack.ended(stack.start(row("nodes-alone", signalled("gate", "go") | {"timeout_ms": 200})))
    assert (run["status"], run["error"]["path"]) == ("FAILED", "gate")


def test_a_cancel_reaches_the_children(stack: Stack) -> None:
    child = row("nodes-child", signalled("gate", "never"))
    parent = row("nodes-parent", {"id": "sub", "type": "composite", "config": {"definition": child}})
    run_id = stack.start(parent)
    child_id = until(
        lambda: next((n.get("child_run_id") for n in stack.run(run_id)["nodes"] if n["id"] == "sub"), None),
        "the child run is known",
    )
    until(lambda: stack.http.get(f"/v1/runs/{child_id}").status_code == 200, "the child run is shown")
    stack.when_node(child_id, "gate", "WAITING")
    stack.http.post(f"/v1/runs/{run_id}/cancel")

    assert stack.when(child_id, "CANCELLED")["parent_run_id"] == run_id
    assert nodes(stack.when(run_id, "CANCELLED"))["sub"]["status"] == "CANCELLED"


def test_a_childs_result_and_failure_reach_the_parent(stack: Stack) -> None:
    child = row("nodes-child", call("a", "e2e_flaky", {"failures": "${inputs.failures}"}))
    config = {"definition": child, "inputs": {"failures": "${inputs.failures}"}}
    parent = row("nodes-parent", {"id": "sub", "type": "composite", "config": config})

    assert stack.completed(parent, inputs={"failures": 0})["output"] == 1
    failed = stack.ended(stack.start(parent, inputs={"failures": 1}))
    assert failed["status"] == "FAILED"
    assert "FLAKY" in json.dumps(failed["error"])


def test_a_map_keeps_the_order_of_its_items(stack: Stack) -> None:
    inner = {
        "type": "function",
        "config": {"function": "e2e_work", "inputs": {"seconds": 0, "value": "${item * 2}"}},
    }
    run = stack.completed(
        row(
            "nodes-map",
            call("make", "e2e_numbers", {"count": 300}),
            {
                "id": "each",
                "type": "map",
                "config": {"items": "nodes.make.output", "node": inner, "max_concurrency": 40},
            },
            {"id": "sum", "type": "aggregate", "config": {"strategy": "sum", "items": "nodes.each.output"}},
        )
    )
    assert nodes(run)["each"]["output"] == [2 * n for n in range(300)]
    assert run["output"] == 2 * sum(range(300))
