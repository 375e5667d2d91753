from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.server import RUN, event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Aob

ACCEPTED = {"run_id": RUN, "status": "ACCEPTED"}
COMPLETED = {"run_id": RUN, "status": "COMPLETED", "output": {"n": 3}}


def test_start_writes_the_id_and_says_what_to_do_next(aob: Aob) -> None:
    aob.server.on("POST /v1/runs", ACCEPTED, 202)
    assert aob("run", "start", "greet", "--inputs", '{"name": "Ann"}', "--priority", "high") == 0
    assert aob.out == f"{RUN}\n"
    assert "aob logs stream" in aob.err
    asked = aob.server.asked[0]
    assert asked.headers["authorization"] == "Bearer key"
    assert asked.json() == {"workflow": "greet", "inputs": {"name": "Ann"}, "priority": "high"}


def test_a_file_is_sent_along(aob: Aob, tmp_path: Path) -> None:
    (tmp_path / "flow.json").write_text('{"name": "flow", "nodes": []}')
    (tmp_path / "inputs.json").write_text('{"rows": [1, 2]}')
    aob.server.on("POST /v1/runs", ACCEPTED, 202)
    assert aob("run", "start", "flow.json", "--inputs", "@inputs.json", "-o", "compact") == 0
    assert aob.out == '{"run_id":"r0_abc","status":"ACCEPTED"}\n'
    assert aob.server.asked[0].json() == {
        "definition": {"name": "flow", "nodes": []},
        "inputs": {"rows": [1, 2]},
    }


def test_a_definition_may_come_from_stdin(aob: Aob) -> None:
    aob.server.on("POST /v1/runs", ACCEPTED, 202)
    assert aob("run", "start", "-", stdin='{"name": "flow"}') == 0
    assert aob.server.asked[0].json()["definition"] == {"name": "flow"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("greet", "--inputs", "{"), "--inputs is not JSON"),
        (("greet", "--inputs", "@none.json"), "cannot read none.json: No such file or directory"),
        (("none.json",), "cannot read none.json"),
        (("greet", "--priority", "soon"), "--priority is high, medium or low"),
        (("greet", "--version", "0"), "--version"),
        (("greet", "--wait", "soon"), "unexpected extra argument"),
        (("greet", "--nonsense"), "--nonsense"),
        ((), "Missing argument"),
    ],
)
def test_wrong_usage_is_exit_code_2(aob: Aob, arguments: tuple[str, ...], said: str) -> None:
    assert aob("run", "start", *arguments) == 2
    assert said.lower() in aob.err.lower()
    assert aob.out == ""


def test_wait_writes_the_finished_run_alone(aob: Aob) -> None:
    aob.server.on("POST /v1/runs", COMPLETED)
    assert aob("run", "start", "greet", "--wait", "--output", "json") == 0
    assert json.loads(aob.out) == COMPLETED
    assert aob.err == f"started {RUN}\n"


@pytest.mark.parametrize(
    ("option", "asked"), [(["--wait"], "60.0"), (["--wait=5"], "4."), (["--wait", "5"], "4.")]
)
def test_a_start_is_known_before_it_is_waited_for(aob: Aob, option: list[str], asked: str) -> None:
    aob.server.on("POST /v1/runs", ACCEPTED, 202)
    aob.server.on("POST /v1/runs", COMPLETED)
    assert aob("run", "start", "greet", *option) == 0
    first, second = aob.server.asked
    assert first.path == "/v1/runs"
    assert second.path.startswith(f"/v1/runs?wait={asked}")
    assert aob.err == f"started {RUN}\n"


def test_a_lost_connection_leaves_the_id(aob: Aob) -> None:
    aob.server.on("POST /v1/runs", ACCEPTED, 202)
    aob.server.on("POST /v1/runs", "", 0)
    assert aob("run", "start", "greet", "--wait") == 1
    assert aob.err.startswith(f"started {RUN}\nthe run goes on; `aob run status {RUN}` shows it\nerror: ")


def test_ctrl_c_leaves_the_id(aob: Aob) -> None:
    def interrupted(_: object, **request: object) -> dict[str, str]:
        if "wait_s" in request:
            raise KeyboardInterrupt
        return ACCEPTED

    aob.monkeypatch.setattr("aob.client.Client.start", interrupted)
    assert aob("run", "start", "greet", "--wait") == 130
    assert f"the run goes on; `aob run status {RUN}` shows it" in aob.err


def test_a_start_whose_answer_is_lost_can_be_asked_again(aob: Aob) -> None:
    aob.server.on("POST /v1/runs", "", 0)
    assert aob("run", "start", "greet") == 1
    key = aob.server.asked[0].headers["idempotency-key"]
    assert f"--idempotency-key {key} starts no second run" in aob.err

    aob.monkeypatch.setenv("AOB_API_URL", "http://127.0.0.1:1")
    assert aob("run", "start", "greet") == 1
    assert "--idempotency-key" not in aob.err


def test_wait_asks_again_under_one_key_until_the_run_has_ended(aob: Aob) -> None:
    aob.server.on("POST /v1/runs", ACCEPTED, 202)
    aob.server.on("POST /v1/runs", {"run_id": RUN, "status": "RUNNING"}, 202)
    aob.server.on("POST /v1/runs", COMPLETED)
    assert aob("run", "start", "greet", "--wait") == 0
    assert len({asked.headers["idempotency-key"] for asked in aob.server.asked}) == 1
    assert len(aob.server.asked) == 3
    assert RUN in aob.out
    assert "COMPLETED" in aob.out


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED", "REJECTED"])
def test_wait_fails_with_the_run(aob: Aob, status: str) -> None:
    error = {"code": "HTTP_STATUS", "message": "the answer was 500", "path": "fetch"}
    aob.server.on("POST /v1/runs", {"run_id": RUN, "status": status, "error": error})
    assert aob("run", "start", "greet", "--wait=5") == 1
    assert "HTTP_STATUS: the answer was 500 at fetch" in aob.out


def test_wait_gives_up_after_its_time(aob: Aob) -> None:
    aob.server.on("POST /v1/runs", ACCEPTED, 202)
    assert aob("run", "start", "greet", "--wait=0.1", "-o", "compact") == 1
    assert json.loads(aob.out)["status"] == "ACCEPTED"
    assert "it goes on after 0.1 s" in aob.err


def test_status_shows_the_run_and_its_nodes(aob: Aob) -> None:
    run = {
        "run_id": RUN,
        "status": "FAILED",
        "workflow": "greet",
        "version": 2,
        "started_at": 1_700_000_000_000,
        "ended_at": 1_700_000_001_500,
        "error": {"code": "BOOM", "message": "it broke"},
        "nodes": [
            {"id": "a", "status": "SUCCEEDED", "attempt": 1, "output": {"x": 1}},
            {"id": "b", "status": "SUCCEEDED", "attempt": 1, "artifact": {"sha256": "f" * 64, "size": 99}},
            {
                "id": "c[3]",
                "status": "FAILED",
                "attempt": 2,
                "error": {"code": "BOOM", "message": "it broke"},
            },
        ],
    }
    aob.server.on(f"GET /v1/runs/{RUN}", run)
    assert aob("run", "status", RUN) == 0
    for text in (
        "greet v2",
        "1.50s",
        "BOOM: it broke",
        '{"x": 1}',
        "artifact ffffffffffff (99 bytes)",
        "c[3]",
    ):
        assert text in aob.out
    assert "\x1b" not in aob.out
    assert aob("run", "status", RUN, "-o", "json") == 0
    assert json.loads(aob.out) == run


def test_list_asks_for_a_page_and_says_that_there_are_more(aob: Aob) -> None:
    runs = [{"run_id": RUN, "status": "RUNNING", "workflow": "w" * 64, "created_at": 1_700_000_000_000}]
    aob.server.on("GET /v1/runs", {"runs": runs, "next": "cursor"})
    assert aob("run", "list", "--status", "running", "--workflow", "greet", "--limit", "1") == 0
    assert aob.server.asked[0].path == "/v1/runs?status=RUNNING&workflow=greet&limit=1"
    assert len(aob.out.splitlines()) == 2
    assert "w" * 64 in aob.out
    assert "--after cursor" in aob.err


@pytest.mark.parametrize("what", ["cancel", "pause", "resume"])
def test_a_run_is_told_what_to_do(aob: Aob, what: str) -> None:
    aob.server.on(
        f"POST /v1/runs/{RUN}/{what}", {"run_id": RUN, "command_id": "c", "status": "ACCEPTED"}, 202
    )
    assert aob("run", what, RUN, "--reason", "because") == 0
    assert aob.server.asked[0].json() == {"reason": "because"}
    assert aob.out == ""
    assert RUN in aob.err


def test_a_signal_carries_its_payload(aob: Aob) -> None:
    aob.server.on(f"POST /v1/runs/{RUN}/signals/go", {"run_id": RUN}, 202)
    assert aob("run", "signal", RUN, "go", "--payload", '{"n": 1}', "-o", "compact") == 0
    assert aob.server.asked[0].json() == {"n": 1}
    assert json.loads(aob.out) == {"run_id": RUN}


def test_timeline_reads_every_page(aob: Aob) -> None:
    path = f"GET /v1/runs/{RUN}/timeline"
    aob.server.on(path, {"events": [event(1, "run.started", workflow="greet")], "next": 1})
    aob.server.on(path, {"events": [event(2, "run.completed", output={"json": 5})]})
    assert aob("run", "timeline", RUN, "-o", "json") == 0
    assert [e["seq"] for e in json.loads(aob.out)["events"]] == [1, 2]


class TestErrors:
    def test_a_problem_is_told_with_its_pointers_and_what_to_do(self, aob: Aob) -> None:
        problem = {
            "code": "INPUTS_INVALID",
            "detail": "the inputs do not fit the workflow's schema",
            "errors": [{"pointer": "/inputs/name", "message": "is required"}],
        }
        aob.server.on("POST /v1/runs", problem, 422)
        assert aob("run", "start", "greet") == 1
        assert aob.out == ""
        assert aob.err == (
            "error: the inputs do not fit the workflow's schema [INPUTS_INVALID]\n"
            "  /inputs/name: is required\n"
            "Give inputs that fit: `--inputs JSON` or `--inputs @FILE`.\n"
        )

    def test_a_taken_key_names_the_other_run(self, aob: Aob) -> None:
        problem = {"code": "RUN_KEY_TAKEN", "detail": "taken", "run_id": "r0_other"}
        aob.server.on("POST /v1/runs", problem, 409)
        assert aob("run", "start", "greet", "--key", "k") == 1
        assert "aob run status r0_other" in aob.err

    def test_a_run_that_is_not_there(self, aob: Aob) -> None:
        assert aob("run", "status", "r0_none") == 1
        assert "[NOT_FOUND]" in aob.err
        assert "aob run list" in aob.err

    def test_nobody_answers(self, aob: Aob) -> None:
        aob.monkeypatch.setenv("AOB_API_URL", "http://127.0.0.1:1")
        assert aob("run", "list") == 1
        assert "http://127.0.0.1:1 does not answer" in aob.err
        assert "Is `aob dev` running?" in aob.err

    def test_nothing_is_configured(self, aob: Aob) -> None:
        aob.monkeypatch.delenv("AOB_API_URL")
        assert aob("run", "list") == 1
        assert "Start `aob dev`, or set AOB_API_URL and AOB_API_KEY." in aob.err

    def test_a_running_dev_is_found(self, aob: Aob, tmp_path: Path) -> None:
        aob.monkeypatch.delenv("AOB_API_URL")
        aob.monkeypatch.delenv("AOB_API_KEY")
        (tmp_path / ".aob").mkdir()
        dev = {"api_url": aob.server.url, "fanout_url": aob.server.url, "api_key": "dev-key"}
        (tmp_path / ".aob" / "dev.json").write_text(json.dumps(dev))
        aob.server.on("GET /v1/runs", {"runs": []})
        assert aob("run", "list") == 0
        assert aob.server.asked[0].headers["authorization"] == "Bearer dev-key"
