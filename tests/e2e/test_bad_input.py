"""Whatever comes in: it gets its error or becomes a dead letter, and the work goes on."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest

from engine.commands import CancelRun, SignalRun, StartRun, UploadWorkflow
from engine.effects import ArmTimer, CancelJobs, Job
from engine.errors import NodeError
from engine.facts import JobFailed, JobSucceeded, TimerFired
from engine.payload import inline, inline_json
from storage.wire import Record, decode, encode
from tests.e2e.records import REPLY_PARTITION, Records
from tests.e2e.workflows import call, row
from tests.support.kafka import read_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

    from tests.e2e.stack import Stack

pytestmark = pytest.mark.timeout(240)

ECHO = row("bad-echo", call("a", "e2e_echo", {"x": 1}))
STRANGER = "r0_stranger"
WRONG_KINDS: dict[str, Record] = {
    "run.commands": ArmTimer(
        workspace="default", run_id=STRANGER, path="a", attempt=1, purpose="wait", due_at=1
    ),
    "patch.created": CancelRun(command_id="c", run_id=STRANGER),
    "node.results": CancelRun(command_id="c", run_id=STRANGER),
    "timers": CancelRun(command_id="c", run_id=STRANGER),
    "node.jobs.high": CancelRun(command_id="c", run_id=STRANGER),
    "node.jobs.medium": CancelRun(command_id="c", run_id=STRANGER),
    "node.jobs.low": CancelRun(command_id="c", run_id=STRANGER),
    "workflow.events": CancelRun(command_id="c", run_id=STRANGER),
}


@pytest.fixture(scope="module")
def records(stack: Stack) -> Records:
    return Records(stack)


@pytest.fixture(autouse=True)
def work_goes_on(stack: Stack) -> Iterator[None]:
    """No process may have died, and a run that is started afterwards completes."""
    before = stack.info.pids
    yield
    stack.push(ECHO)
    answer = stack.http.post("/v1/runs?wait=60", json={"workflow": "bad-echo"})
    assert answer.json()["status"] == "COMPLETED"
    assert stack.ended(answer.json()["run_id"])["output"] == {"x": 1}
    assert stack.info.pids == before


def new_run_id() -> str:
    return f"r0_e2e{uuid.uuid4().hex}"


def start(run_id: str, **more: object) -> StartRun:
    fields: dict[str, object] = {
        "command_id": run_id,
        "inputs": inline({}),
        "requested_at": int(time.time() * 1000),
    }
    return StartRun(run_id=run_id, **(fields | more))  # type: ignore[arg-type]  # checked when it is encoded


def test_a_function_that_nobody_has(stack: Stack) -> None:
    run = stack.ended(stack.start(row("bad-function", call("a", "e2e_ecko"))))
    assert run["status"] == "FAILED"
    assert (run["error"]["code"], run["error"]["path"]) == ("FUNCTION_UNKNOWN", "a")
    assert "e2e_echo" in run["error"]["message"]


def test_arguments_that_do_not_fit_the_function(stack: Stack) -> None:
    run = stack.ended(stack.start(row("bad-arguments", call("a", "e2e_length", {"texts": "x"}))))
    assert (run["status"], run["error"]["code"]) == ("FAILED", "FUNCTION_ARGUMENTS")
    assert "text" in run["error"]["message"]


def test_a_wrong_type_in_an_expression_is_found_at_the_upload(stack: Stack) -> None:
    wrong = row("bad-type", {"id": "a", "type": "transform", "config": {"expression": "1 + 'a'"}})
    answer = stack.http.put("/v1/workflows/bad-type", json=wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/nodes/0/config/expression"


@pytest.mark.parametrize(
    ("expression", "inputs"), [("inputs.n + 1", {"n": "one"}), ("inputs.missing.deeper", {"n": 1})]
)
def test_what_an_expression_meets_only_in_a_run_fails_that_run(
    stack: Stack, expression: str, inputs: dict[str, object]
) -> None:
    workflow = row("bad-value", {"id": "a", "type": "transform", "config": {"expression": expression}})
    run = stack.ended(stack.start(workflow, inputs=inputs))
    assert (run["status"], run["error"]["path"]) == ("FAILED", "a")
    assert run["error"]["code"].isupper()
    assert run["error"]["message"]


def test_a_start_that_comes_twice_is_one_run(stack: Stack, records: Records) -> None:
    run_id = new_run_id()
    stack.push(ECHO)
    command = start(run_id, workflow="bad-echo", reply_to=REPLY_PARTITION)
    another = start(run_id, command_id=f"{run_id}-again", workflow="bad-echo", reply_to=REPLY_PARTITION)
    values = [(run_id.encode(), encode(record)) for record in (command, command, another, command)]
    records.send("run.commands", values, records.authorization())

    replies = records.replies({run_id, f"{run_id}-again"})
    assert replies[run_id].ok
    assert replies[f"{run_id}-again"].code == "RUN_EXISTS"
    assert stack.ended(run_id)["status"] == "COMPLETED"
    assert stack.rows("SELECT count(*) FROM event_log WHERE run_id = %s AND first_seq = 1", run_id) == [(1,)]


def test_a_start_that_cannot_be_is_a_rejected_run(stack: Stack, records: Records) -> None:
    run_id = new_run_id()
    command = start(run_id, workflow="bad-nobody-knows-it", reply_to=REPLY_PARTITION)
    records.send("run.commands", [(run_id.encode(), encode(command))], records.authorization())

    assert records.replies({run_id})[run_id].code == "WORKFLOW_UNKNOWN"
    run = stack.ended(run_id)
    assert (run["status"], run["error"]["code"]) == ("REJECTED", "WORKFLOW_UNKNOWN")


def test_facts_about_a_run_that_does_not_exist_change_nothing(stack: Stack, records: Records) -> None:
    done = stack.completed(ECHO)
    run_ids = [new_run_id(), done["run_id"]]
    for run_id in run_ids:
        who = {"workspace": "default", "run_id": run_id, "path": "a", "attempt": 1}
        when = {"started_at": 1, "finished_at": 2, "worker": "nobody"}
        facts: list[Record] = [
            JobSucceeded(**who, output=inline("forged"), **when),  # type: ignore[arg-type]
            JobFailed(**who, error=NodeError("X", "forged"), retryable=False, **when),  # type: ignore[arg-type]
            TimerFired(**who, purpose="retry", due_at=1),
        ]
        records.send("node.results", [(run_id.encode(), encode(fact)) for fact in facts])
    # Everything behind these facts in the same log has been decided on once a command is answered.
    for run_id in run_ids:
        ask = CancelRun(command_id=uuid.uuid4().hex, run_id=run_id, reply_to=REPLY_PARTITION)
        records.send("run.commands", [(run_id.encode(), encode(ask))], records.authorization())
        code = "RUN_ENDED" if run_id == done["run_id"] else "RUN_UNKNOWN"
        assert records.replies({ask.command_id})[ask.command_id].code == code

    assert stack.http.get(f"/v1/runs/{run_ids[0]}").status_code == 404
    assert stack.run(done["run_id"]) == done


@pytest.mark.parametrize("topic", WRONG_KINDS)
def test_garbage_becomes_dead_letters(records: Records, topic: str) -> None:
    wrong = WRONG_KINDS[topic]
    values = [b"", b"garbage \x00\xff", b'{"json": true}', b"\xc3\x01" + b"12345678" + b"rest", None]
    cut_off = encode(wrong)[:-1]
    for headers in (None, records.authorization()):
        sent = records.send(
            topic,
            [
                *(
                    (STRANGER.encode(), value)
                    for value in (*values, cut_off, encode(wrong), encode(wrong) + b"x")
                ),
                (None, b"garbage without a key"),
                (b"\xff\xfe", b"garbage with a bad key"),
            ],
            headers,
        )
        letters = records.dead_letters(sent)
        assert {letter.code for letter in letters.values()} == {"UNREADABLE", "UNEXPECTED_RECORD"}
        assert all(letter.reason for letter in letters.values())
        laid_aside = {letter.value for letter in letters.values()}
        assert {*values, cut_off, encode(wrong)} <= laid_aside


def test_a_request_needs_a_good_token(stack: Stack, records: Records) -> None:
    run_id = new_run_id()
    value = (run_id.encode(), encode(start(run_id, workflow="bad-echo")))
    headers = {
        "TOKEN_MISSING": [],
        "TOKEN_INVALID": [("authorization", b"Bearer not-a-token")],
        "FORBIDDEN": records.authorization(role="reader"),
    }
    for code, header in headers.items():
        letters = records.dead_letters(records.send("run.commands", [value], header))
        assert [letter.code for letter in letters.values()] == [code]
    upload = UploadWorkflow(command_id="u", name="bad-echo", definition=b"{}", tag="main")
    refused = records.send("patch.created", [(b"wf:default/bad-echo", encode(upload))], [])
    assert [letter.code for letter in records.dead_letters(refused).values()] == ["TOKEN_MISSING"]
    assert stack.http.get(f"/v1/runs/{run_id}").status_code == 404


def test_keys_that_name_another_run_become_dead_letters(records: Records) -> None:
    one, other = new_run_id().encode(), new_run_id()
    who = {"workspace": "default", "run_id": other, "path": "a", "attempt": 1}
    timer = ArmTimer(**who, purpose="wait", due_at=1)  # type: ignore[arg-type]
    fact = TimerFired(**who, purpose="wait", due_at=1)  # type: ignore[arg-type]
    upload = UploadWorkflow(command_id="u", name="bad-echo", definition=b"{}", tag="main")
    misplaced: dict[str, Record] = {
        "run.commands": start(other, workflow="bad-echo"),
        "node.results": fact,
        "timers": timer,
        "patch.created": upload,
    }
    for topic, record in misplaced.items():
        keys = (one, None, b"", b"\xff", b"r0_" + b"x" * 100)
        sent = records.send(topic, [(key, encode(record)) for key in keys], records.authorization())
        codes = {letter.code for letter in records.dead_letters(sent).values()}
        assert codes <= {"UNEXPECTED_RECORD", "BAD_KEY"}
    for bad_id in ("", "no-generation", "r0_" + "x" * 62, "r0_ä", "r0_a|b", "r0_a/b"):
        sent = records.send(
            "run.commands",
            [(bad_id.encode(), encode(start(bad_id, workflow="bad-echo")))],
            records.authorization(),
        )
        assert [letter.code for letter in records.dead_letters(sent).values()] == ["UNEXPECTED_RECORD"]


def test_what_is_too_long_or_leads_nowhere_stops_nobody(stack: Stack, records: Records) -> None:
    run_id, long = new_run_id(), "x" * 600_000
    waiting = row("bad-wait", {"id": "w", "type": "wait", "config": {"signal": "go"}})
    live = stack.start(waiting)
    key, live_key = run_id.encode(), live.encode()
    garbage = inline_json(b"{nope")
    values: list[tuple[bytes | None, bytes]] = [
        (long.encode(), b"garbage with a long key"),
        (key, b"\xc3" * 1_500_000),
        (key, encode(start(run_id, workflow="bad-echo", command_id=long))),
        (live_key, encode(CancelRun(command_id="c1", run_id=live, reason=long, reply_to=9999))),
        (live_key, encode(SignalRun(command_id="c2", run_id=live, name="go", payload=garbage, reply_to=-2))),
    ]
    letters = records.dead_letters(records.send("run.commands", values, records.authorization()))
    assert len(letters) == len(values)
    assert all(letter.headers == {} and len(letter.reason) < 2000 for letter in letters.values())
    for reply_to in (9999, -2, 2**40):
        upload = UploadWorkflow(command_id="u", name="x", definition=b"{}", reply_to=reply_to)
        sent = records.send("patch.created", [(b"wf:default/x", encode(upload))], [])
        assert [letter.code for letter in records.dead_letters(sent).values()] == ["TOKEN_MISSING"]

    ask = SignalRun(
        command_id=new_run_id(), run_id=live, name="go", payload=inline(long), reply_to=REPLY_PARTITION
    )
    records.send("run.commands", [(live_key, encode(ask))], records.authorization())
    assert records.replies({ask.command_id})[ask.command_id].ok
    assert stack.ended(live)["status"] == "COMPLETED"


def test_garbage_on_the_topics_between_our_processes_stops_nobody(records: Records) -> None:
    for topic in ("node.cancels", "node.logs", "command.replies"):
        records.send(
            topic, [(b"x", b"garbage \x00\xff"), (None, b""), (b"\xff", encode(WRONG_KINDS["timers"]))]
        )
    # A compacted topic takes no record without a key.
    records.send("workflow.registry", [(b"x", b"garbage \x00\xff"), (b"\xff", None), (b"default/x", b"")])
    gone = CancelJobs(workspace="default", run_id=STRANGER, paths=["a"], attempts=[1], reason="test")
    records.send("node.cancels", [(STRANGER.encode(), encode(gone))])


@pytest.mark.parametrize(("kind", "outcome"), [("function", JobSucceeded), ("no-such-kind", JobFailed)])
def test_a_job_of_a_run_that_does_not_exist_is_done_and_its_result_ignored(
    stack: Stack, records: Records, kind: str, outcome: type[Record]
) -> None:
    run_id = new_run_id()
    job = Job(
        workspace="default", run_id=run_id, path="a", attempt=1, kind=kind, created_at=1, function="e2e_echo"
    )
    records.send("node.jobs.medium", [(job.id.encode(), encode(job))])

    def told(messages: list[Message]) -> bool:
        facts = [decode(message.value()) for message in messages if message.key() == run_id.encode()]
        return any(isinstance(fact, outcome) for fact in facts)

    read_until(stack.first.kafka, "node.results", told)
    assert stack.http.get(f"/v1/runs/{run_id}").status_code == 404
