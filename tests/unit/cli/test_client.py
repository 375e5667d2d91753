from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from aob import ApiError, Client, UnreachableError
from aob.client import _verify
from aob.connection import Connection, find_connection
from aob.errors import NotConfiguredError
from aob.feed import FeedReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aob.shapes import Event

HERE = Connection("http://api", "http://fanout", "secret-key")


class Server:
    """Answers in turn, and keeps what it was asked. An exception as an answer breaks the connection."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.asked: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def client_of(server: Callable[[httpx.Request], httpx.Response], attempts: int = 4) -> Client:
    return Client(HERE, transport=httpx.MockTransport(server), attempts=attempts)


def reply(value: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=value)


def frame(seq: int, kind: str = "node.succeeded") -> str:
    return (
        f"id: {seq}\nevent: {kind}\ndata: {json.dumps({'seq': seq, 'type': kind, 'at': 1, 'data': {}})}\n\n"
    )


def log_frame(seq: int, n: int, attempt: int = 1) -> str:
    data = {"seq": seq, "type": "log.line", "node_id": "a", "at": 1, "data": {"attempt": attempt, "n": n}}
    return f"id: {seq}:{n}\nevent: log.line\ndata: {json.dumps(data)}\n\n"


class Breaking(httpx.SyncByteStream):
    def __init__(self, text: str) -> None:
        self._text = text

    def __iter__(self) -> Iterator[bytes]:
        yield self._text.encode()
        raise httpx.ReadError("the connection broke")


def feed(text: str) -> httpx.Response:
    return httpx.Response(200, text=text)


def broken(text: str) -> httpx.Response:
    return httpx.Response(200, stream=Breaking(text))


def test_a_start_sends_what_was_given_and_nothing_else() -> None:
    server = Server(reply({"run_id": "r0_a", "status": "ACCEPTED"}, 202))
    run = client_of(server).start("greet", inputs={"name": "Ann"}, key="k", idempotency_key="once", wait_s=2)
    assert run["run_id"] == "r0_a"
    asked = server.asked[0]
    assert (asked.method, str(asked.url)) == ("POST", "http://api/v1/runs?wait=2")
    assert asked.headers["authorization"] == "Bearer secret-key"
    assert asked.headers["idempotency-key"] == "once"
    assert json.loads(asked.content) == {"workflow": "greet", "inputs": {"name": "Ann"}, "key": "k"}
    assert asked.extensions["timeout"]["read"] == 17


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda c: c.upload_workflow({"name": "w", "nodes": []}, tag="next"), "PUT /v1/workflows/w?tag=next"),
        (lambda c: c.upload_workflow(b"{}", name="w"), "PUT /v1/workflows/w"),
        (lambda c: c.validate_workflow({"name": "w"}), "POST /v1/workflows/validate"),
        (lambda c: c.list_workflows(after="a", limit=5), "GET /v1/workflows?after=a&limit=5"),
        (lambda c: c.get_workflow("w", version=3), "GET /v1/workflows/w?version=3"),
        (lambda c: c.tag_workflow("w", "prod", 3), "PUT /v1/workflows/w/tags/prod"),
        (lambda c: c.start_batch([{"workflow": "w"}]), "POST /v1/runs/batch"),
        (lambda c: c.get_run("r0_a"), "GET /v1/runs/r0_a"),
        (lambda c: c.get_run("../x"), "GET /v1/runs/..%2Fx"),
        (lambda c: c.list_runs(status="FAILED", limit=2), "GET /v1/runs?status=FAILED&limit=2"),
        (lambda c: c.timeline("r0_a", after=7), "GET /v1/runs/r0_a/timeline?after=7"),
        (lambda c: c.cancel("r0_a", reason="no"), "POST /v1/runs/r0_a/cancel"),
        (lambda c: c.pause("r0_a"), "POST /v1/runs/r0_a/pause"),
        (lambda c: c.resume("r0_a"), "POST /v1/runs/r0_a/resume"),
        (lambda c: c.signal("r0_a", "go", {"n": 1}), "POST /v1/runs/r0_a/signals/go"),
    ],
)
def test_each_call_is_one_request(call: Callable[[Client], object], expected: str) -> None:
    server = Server(reply({"ok": True}))
    assert call(client_of(server)) == {"ok": True}
    asked = server.asked[0]
    assert f"{asked.method} {asked.url.raw_path.decode()}" == expected


def test_a_problem_becomes_an_error_with_its_pointers() -> None:
    problem = {
        "status": 422,
        "code": "WORKFLOW_INVALID",
        "detail": "the workflow has 1 fault",
        "errors": [{"pointer": "/nodes/0/type", "message": "unknown type", "code": "TYPE"}],
    }
    with pytest.raises(ApiError) as caught:
        client_of(Server(reply(problem, 422))).validate_workflow({"name": "w"})
    error = caught.value
    assert (error.status, error.code, error.message) == (422, "WORKFLOW_INVALID", "the workflow has 1 fault")
    assert [(e.pointer, e.message, e.code) for e in error.errors] == [
        ("/nodes/0/type", "unknown type", "TYPE")
    ]


def test_a_page_that_is_no_problem_keeps_its_first_line() -> None:
    with pytest.raises(ApiError, match="Bad gateway"):
        client_of(Server(httpx.Response(502, text="Bad gateway\nnginx"))).get_run("r0_a")


@pytest.mark.parametrize(
    "fault", [httpx.ConnectError("refused"), reply({"detail": "later", "code": "UNAVAILABLE"}, 503)]
)
def test_what_may_be_repeated_is_repeated(fault: httpx.Response | Exception) -> None:
    server = Server(fault, reply({"run_id": "r0_a", "status": "RUNNING"}))
    assert client_of(server).get_run("r0_a")["status"] == "RUNNING"
    assert len(server.asked) == 2


def test_a_start_without_idempotency_key_is_not_repeated() -> None:
    server = Server(httpx.ReadError("gone"))
    with pytest.raises(UnreachableError, match="http://api does not answer: gone"):
        client_of(server).start("w")
    assert len(server.asked) == 1


def test_a_start_with_one_is() -> None:
    server = Server(httpx.ReadError("gone"), reply({"run_id": "r0_a", "status": "ACCEPTED"}, 202))
    assert client_of(server).start("w", idempotency_key="once")["run_id"] == "r0_a"


def test_a_stream_goes_on_where_it_broke() -> None:
    server = Server(
        broken(": heartbeat\n\n" + frame(1, "run.started") + frame(2)),
        httpx.ConnectError("restarting"),
        reply({"detail": "later"}, 503),
        feed(frame(3)),
        broken("id: 4\nevent: node.succ"),
        feed(frame(4, "run.completed")),
    )
    seen = [event["seq"] for event in client_of(server).stream("r0_a")]
    assert seen == [1, 2, 3, 4]
    assert [asked.headers["last-event-id"] for asked in server.asked] == ["0", "2", "2", "2", "3", "3"]
    assert str(server.asked[0].url) == "http://fanout/v1/runs/r0_a/events"


def test_log_lines_that_come_again_are_left_out() -> None:
    server = Server(
        broken(frame(1, "run.started") + log_frame(1, 0) + log_frame(1, 1)),
        feed(
            log_frame(1, 0)
            + log_frame(1, 1)
            + log_frame(1, 2)
            + log_frame(1, 0, attempt=2)
            + frame(2, "run.failed")
        ),
    )
    seen = [(event["type"], event["data"].get("n")) for event in client_of(server).stream("r0_a")]
    assert seen == [
        ("run.started", None),
        ("log.line", 0),
        ("log.line", 1),
        ("log.line", 2),
        ("log.line", 0),
        ("run.failed", None),
    ]
    assert server.asked[1].headers["last-event-id"] == "1:1"


def test_a_stream_that_has_nothing_more_ends() -> None:
    assert list(client_of(Server(httpx.Response(204))).stream("r0_a", after=9)) == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.ConnectError("refused"), UnreachableError),
        (reply({"detail": "there is no run r0_a", "code": "NOT_FOUND"}, 404), ApiError),
        (reply({"detail": "full", "code": "UNAVAILABLE"}, 503), ApiError),
    ],
)
def test_a_stream_that_cannot_begin_says_so_at_once(
    answer: httpx.Response | Exception, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        list(client_of(Server(answer)).stream("r0_a"))


def test_a_stream_gives_up_when_its_patience_ends() -> None:
    server = Server(broken(frame(1)), *[httpx.ConnectError("refused")] * 5)
    reader = FeedReader(
        httpx.Client(transport=httpx.MockTransport(server)), "http://fanout/v1/x", patience_s=0
    )
    seen: list[Event] = []
    with pytest.raises(UnreachableError, match="http://fanout does not answer"):
        seen.extend(reader.events(0))


def test_waiting_follows_the_feed_and_then_reads_the_run() -> None:
    server = Server(
        feed(frame(5, "run.completed")),
        reply({"run_id": "r0_a", "status": "RUNNING"}),
        reply({"run_id": "r0_a", "status": "COMPLETED"}),
    )
    assert client_of(server).wait("r0_a")["status"] == "COMPLETED"


class TestConnection:
    def test_the_environment_says_it_all(self) -> None:
        found = find_connection(
            {
                "AOB_API_URL": "http://a/",
                "AOB_API_KEY": "k",
                "AOB_FANOUT_URL": "http://f/",
                "AOB_DATA_DIR": "none",
            }
        )
        assert found == Connection("http://a", "http://f", "k")

    def test_the_feed_is_expected_behind_the_api(self) -> None:
        found = find_connection({"AOB_API_URL": "http://a", "AOB_API_KEY": "k", "AOB_DATA_DIR": "none"})
        assert found.fanout_url == "http://a"

    def test_a_running_dev_is_found(self, tmp_path: Path) -> None:
        dev = {"api_url": "http://d:1", "fanout_url": "http://d:2", "api_key": "dk", "pids": {"api.0": 1}}
        (tmp_path / "dev.json").write_text(json.dumps(dev))
        found = find_connection({"AOB_DATA_DIR": str(tmp_path)})
        assert found == Connection("http://d:1", "http://d:2", "dk", from_dev=True)

    def test_the_key_of_dev_is_not_sent_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / "dev.json").write_text(json.dumps({"api_url": "http://d:1", "api_key": "dk"}))
        with pytest.raises(NotConfiguredError, match="AOB_API_KEY"):
            find_connection({"AOB_DATA_DIR": str(tmp_path), "AOB_API_URL": "http://elsewhere"})

    @pytest.mark.parametrize("content", ["", "[]", "{", '{"api_url": 3}'])
    def test_a_broken_file_is_no_dev(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "dev.json").write_text(content)
        with pytest.raises(NotConfiguredError, match="AOB_API_URL"):
            find_connection({"AOB_DATA_DIR": str(tmp_path)})


def test_root_certificates_are_loaded_for_tls_alone() -> None:
    without = _verify(HERE)
    assert isinstance(without, ssl.SSLContext)
    assert without.verify_mode is ssl.CERT_REQUIRED
    assert without.cert_store_stats()["x509_ca"] == 0
    for tls in (Connection("https://api", "http://fanout", "k"), Connection("http://api", "https://f", "k")):
        assert _verify(tls) is True
