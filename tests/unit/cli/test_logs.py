from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aob.cli.timeline import TimelineWriter, printable
from tests.unit.cli.server import RUN, event

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Aob

AT = 1_700_000_000_000
BLOB = {"sha256": "a" * 64, "size": 70000}
EVENTS = [
    event(1, "run.started", workflow="greet", version=2),
    event(2, "node.scheduled", "fetch", AT + 5, attempt=1, node_type="http"),
    event(2, "log.line", "fetch", AT + 9, attempt=1, n=0, level="warning", message="slow\nhost \x1b[31m"),
    event(3, "node.retrying", "fetch", AT + 105, attempt=1, error={"code": "HTTP_STATUS", "message": "500"}),
    event(4, "node.scheduled", "fetch", AT + 205, attempt=2, node_type="http"),
    event(
        5,
        "node.succeeded",
        "fetch",
        AT + 1300,
        attempt=2,
        output={"json": {"n": 1}},
        started_at=AT + 210,
        finished_at=AT + 1290,
    ),
    event(6, "node.succeeded", "big", AT + 1300, attempt=1, output={"ref": BLOB}),
    event(7, "node.skipped", "other", AT + 1300, reason="not taken"),
    event(8, "run.completed", None, AT + 61_300, output={"json": "done"}),
]


def test_a_timeline_is_aligned_and_says_how_long_it_took(aob: Aob) -> None:
    aob.server.feed(*EVENTS)
    assert aob("logs", "stream", RUN) == 0
    lines = aob.out.splitlines()
    assert [line[13:] for line in lines] == [
        "     +0ms  run.started                             greet v2",
        "     +5ms  node.scheduled  fetch                   http",
        "     +9ms  log.line        fetch                   slow ⏎ host ·[31m",
        "   +105ms  node.retrying   fetch            100ms  HTTP_STATUS: 500",
        "   +205ms  node.scheduled  fetch                   http (attempt 2)",
        '   +1.30s  node.succeeded  fetch            1.08s  {"n": 1} (attempt 2)',
        "   +1.30s  node.succeeded  big                     artifact aaaaaaaaaaaa (70000 bytes)",
        "   +1.30s  node.skipped    other                   not taken",
        '   +1m01s  run.completed                           "done"',
    ]
    assert "\x1b" not in aob.out


def test_as_json_it_is_one_line_an_event(aob: Aob) -> None:
    aob.server.feed(*EVENTS)
    for output in ("json", "compact"):
        assert aob("logs", "stream", RUN, "-o", output) == 0
        assert [json.loads(line) for line in aob.out.splitlines()] == EVENTS


def test_node_and_position_are_asked_for(aob: Aob) -> None:
    aob.server.feed(EVENTS[-1])
    assert aob("logs", "stream", RUN, "--node", "each[3]", "--after", "7") == 0
    asked = aob.server.asked[0]
    assert asked.path == f"/v1/runs/{RUN}/events?node=each%5B3%5D"
    assert asked.headers["last-event-id"] == "7"


def test_a_stream_that_cannot_begin_is_an_error(aob: Aob) -> None:
    assert aob("logs", "stream", "r0_none") == 1
    assert "[NOT_FOUND]" in aob.err
    aob.monkeypatch.setenv("AOB_FANOUT_URL", "http://127.0.0.1:1")
    assert aob("logs", "stream", RUN) == 1
    assert "Is `aob dev` running?" in aob.err


def test_every_type_of_event_has_a_line() -> None:
    writer = TimelineWriter()
    kinds = [
        event(1, "run.rejected", code="WORKFLOW_UNKNOWN", message="there is none"),
        event(2, "run.failed", error={"code": "BOOM", "message": "it broke"}),
        event(3, "run.cancelling", author="user:ann", reason="enough"),
        event(4, "signal.kept", name="go", payload={"json": 1}),
        event(5, "timer.set", "a", purpose="retry"),
    ]
    lines = [writer.line(kind).plain.rpartition("  ")[2] for kind in kinds]  # type: ignore[arg-type]
    assert lines == ["WORKFLOW_UNKNOWN: there is none", "BOOM: it broke", "enough", "1", "a"]


def test_what_steers_a_terminal_is_not_shown() -> None:
    assert printable("a\tb\nc\x1b]0;x\x07é") == "a b ⏎ c·]0;x·é"
