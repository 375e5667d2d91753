"""Starting and watching runs over HTTP."""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest

from tests.e2e.waiting import until
from tests.e2e.workflows import call, row, signalled, work

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

pytestmark = pytest.mark.timeout(240)

ECHO = row(
    "http-echo", call("a", "e2e_echo", {"x": "${inputs.x}"}), inputs={"type": "object", "required": ["x"]}
)
WAITING = row("http-waiting", signalled("gate", "go"))
PROBLEM = "application/problem+json"


def other_workspace(stack: Stack) -> httpx.Client:
    """A client of a workspace of its own."""
    workspace, key = f"other-{uuid.uuid4().hex[:8]}", f"aob_{uuid.uuid4().hex}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    with psycopg.connect(stack.first.postgres_dsn) as connection:
        connection.execute("INSERT INTO workspaces VALUES (%s, 0)", (workspace,))
        connection.execute(
            "INSERT INTO api_keys (key_id, digest, workspace, role, name, created_at)"
            " VALUES (%s, %s, %s, 'admin', 'e2e', 0)",
            (workspace, digest, workspace),
        )
    return httpx.Client(base_url=stack.first.api_url, headers={"authorization": f"Bearer {key}"}, timeout=60)


def test_a_run_that_was_just_accepted_is_never_a_404(stack: Stack) -> None:
    for _ in range(20):
        run_id = stack.start(ECHO, inputs={"x": 1})
        for path in ("", "/timeline"):
            assert stack.http.get(f"/v1/runs/{run_id}{path}").status_code == 200
    assert stack.ended(run_id)["status"] == "COMPLETED"


def test_wait_answers_with_the_finished_run(stack: Stack) -> None:
    stack.push(ECHO)
    answer = stack.http.post(
        "/v1/runs?wait=60", json={"workflow": "http-echo", "inputs": {"x": [1, None, "ü"]}}
    )
    assert answer.status_code == 200
    assert answer.json()["status"] == "COMPLETED"
    assert answer.json()["output"] == {"x": [1, None, "ü"]}

    too_short = stack.http.post("/v1/runs?wait=0.2", json={"definition": WAITING})
    assert too_short.status_code == 202
    run_id = too_short.json()["run_id"]
    cancelled = stack.http.post(f"/v1/runs/{run_id}/cancel?wait=30", json={"reason": "enough"})
    assert cancelled.status_code == 200
    assert stack.ended(run_id)["status"] == "CANCELLED"


def test_an_idempotency_key_starts_one_run(stack: Stack) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"definition": ECHO, "inputs": {"x": 1}}
    first = stack.http.post("/v1/runs", json=body, headers=headers)
    second = stack.http.post("/v1/runs?wait=60", json=body, headers=headers)
    other = stack.http.post("/v1/runs", json=body | {"inputs": {"x": 2}}, headers=headers)

    assert first.status_code == 202
    assert second.json()["run_id"] == first.json()["run_id"]
    assert second.json()["status"] == "COMPLETED"
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    starts = stack.rows(
        "SELECT count(*) FROM event_log WHERE run_id = %s AND first_seq = 1", first.json()["run_id"]
    )
    assert starts == [(1,)]


def test_a_business_key_has_one_live_run(stack: Stack) -> None:
    body = {"definition": WAITING, "key": uuid.uuid4().hex}
    first = stack.http.post("/v1/runs", json=body).json()["run_id"]
    refused = stack.http.post("/v1/runs", json=body)
    returned = stack.http.post("/v1/runs", json=body | {"on_conflict": "return"})
    replaced = stack.http.post("/v1/runs", json=body | {"on_conflict": "cancel"})

    assert (refused.status_code, refused.json()["code"]) == (409, "RUN_KEY_TAKEN")
    assert refused.json()["run_id"] == first
    assert returned.json()["run_id"] == first
    assert stack.ended(first)["status"] == "CANCELLED"
    second = replaced.json()["run_id"]
    assert second != first
    assert stack.http.post(f"/v1/runs/{second}/signals/go").status_code == 200
    assert stack.ended(second)["status"] == "COMPLETED"
    third = stack.start(WAITING, key=body["key"])
    assert third not in {first, second}
    stack.http.post(f"/v1/runs/{third}/cancel")


def test_a_batch_starts_a_thousand_runs(stack: Stack) -> None:
    workflow = f"batch-{uuid.uuid4().hex[:8]}"
    stack.push(ECHO | {"name": workflow})
    good = [{"workflow": workflow, "inputs": {"x": index}} for index in range(999)]
    answer = stack.http.post("/v1/runs/batch", json={"runs": [*good, {"workflow": workflow, "inputs": {}}]})

    assert answer.status_code == 207
    assert (answer.json()["accepted"], answer.json()["refused"]) == (999, 1)
    problem = answer.json()["results"][-1]["problem"]
    assert (problem["status"], problem["errors"][0]["pointer"]) == (422, "/runs/999/inputs")
    until(
        lambda: (
            stack.rows("SELECT count(*) FROM runs WHERE workflow = %s AND status = 'COMPLETED'", workflow)
            == [(999,)]
        ),
        "999 runs have completed",
        120,
    )
    page = stack.http.get("/v1/runs", params={"workflow": workflow, "limit": 600}).json()
    rest = stack.http.get(
        "/v1/runs", params={"workflow": workflow, "limit": 600, "after": page["next"]}
    ).json()
    listed = {run["run_id"] for run in page["runs"] + rest["runs"]}
    assert listed == {result["run"]["run_id"] for result in answer.json()["results"][:-1]}

    too_many = stack.http.post("/v1/runs/batch", json={"runs": [good[0]] * 1001})
    assert (too_many.status_code, too_many.json()["errors"][0]["pointer"]) == (422, "/runs")


def test_the_timeline_is_paged_without_hole(stack: Stack) -> None:
    run = stack.completed(row("http-pages", *(call(f"n{i}", "e2e_echo") for i in range(5))))
    seqs: list[int] = []
    after: int | None = 0
    while after is not None:
        page = stack.http.get(
            f"/v1/runs/{run['run_id']}/timeline", params={"after": after, "limit": 3}
        ).json()
        assert len(page["events"]) <= 3
        seqs += [event["seq"] for event in page["events"]]
        after = page.get("next")

    assert seqs == list(range(1, run["last_seq"] + 1))


def test_problems_point_at_what_is_wrong(stack: Stack) -> None:
    broken = row("broken", {"id": "a", "type": "transform", "config": {"expression": "1 +"}})
    answers = {
        "": stack.http.post("/v1/runs", content=b'{"workflow": '),
        "/nodes/0/config/expression": stack.http.put("/v1/workflows/broken", json=broken),
        "/definition/nodes/0/config/expression": stack.http.post("/v1/runs", json={"definition": broken}),
        "/workflow": stack.http.post("/v1/runs", json={"workflow": "no-such-workflow"}),
        "/inputs": stack.http.post("/v1/runs", json={"definition": ECHO}),
        "/priority": stack.http.post("/v1/runs", json={"definition": ECHO, "priority": "urgent"}),
        "/query/wait": stack.http.post("/v1/runs?wait=soon", json={"definition": ECHO}),
    }
    for pointer, answer in answers.items():
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.headers["content-type"] == PROBLEM
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert pointer in [error["pointer"] for error in problem["errors"]], (pointer, problem)


def test_nobody_sees_the_runs_of_another_workspace(stack: Stack) -> None:
    run_id = stack.start(WAITING, key="isolated")
    stack.when_node(run_id, "gate", "WAITING")
    with other_workspace(stack) as other:
        for path in ("", "/timeline", "/graph"):
            assert other.get(f"/v1/runs/{run_id}{path}").status_code == 404
        for path in ("cancel", "pause", "resume", "signals/go"):
            assert other.post(f"/v1/runs/{run_id}/{path}").status_code == 404
        feed = f"{stack.first.fanout_url}/v1/runs/{run_id}/events"
        assert other.get(feed).status_code == 404
        assert other.get("/v1/workflows/http-echo").status_code == 404
        assert other.get("/v1/runs").json()["runs"] == []
        own = other.post("/v1/runs?wait=60", json={"definition": ECHO, "inputs": {"x": 1}})
        assert own.json()["status"] == "COMPLETED"
        assert stack.http.get(f"/v1/runs/{own.json()['run_id']}").status_code == 404
    for headers in ({}, {"authorization": "Bearer wrong"}):
        for url in (f"{stack.first.api_url}/v1/runs/{run_id}", feed):
            assert httpx.get(url, headers=headers).status_code == 401
    assert stack.run(run_id)["status"] == "WAITING"
    stack.http.post(f"/v1/runs/{run_id}/cancel")


def test_a_signal_that_comes_first_is_kept(stack: Stack) -> None:
    run_id = stack.start(row("http-early", work("slow", 0.5), signalled("gate", "go")))
    kept = stack.http.post(f"/v1/runs/{run_id}/signals/go", json={"n": 1})
    assert kept.status_code == 200, kept.text
    run = stack.ended(run_id)
    assert (run["status"], run["output"]) == ("COMPLETED", {"n": 1})
    late = stack.http.post(f"/v1/runs/{run_id}/signals/go")
    assert (late.status_code, late.json()["code"]) == (409, "RUN_ENDED")


def test_the_answer_to_a_wait_is_prompt(stack: Stack) -> None:
    """It comes by reply, not by polling: many of them take no longer than the runs."""
    began = time.monotonic()
    for _ in range(10):
        answer = stack.http.post("/v1/runs?wait=30", json={"definition": ECHO, "inputs": {"x": 1}})
        assert answer.json()["status"] == "COMPLETED"
    assert time.monotonic() - began < 25
