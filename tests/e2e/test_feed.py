"""The live stream of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.feed import Frame, frames, numbers
from tests.e2e.workflows import busy, call, row

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

pytestmark = pytest.mark.timeout(240)


def test_a_live_stream_has_every_event_once_and_ends_with_the_run(stack: Stack) -> None:
    run_id = stack.start(busy("feed-live", 0.05))
    seen = list(frames(stack, run_id))

    run = stack.ended(run_id)
    assert numbers(seen) == list(range(1, run["last_seq"] + 1))
    assert [frame.event for frame in seen][:: len(seen) - 1] == ["run.started", "run.completed"]
    for frame in seen:
        assert frame.data["run_id"] == run_id
        assert frame.data["type"] == frame.event
        assert isinstance(frame.data["at"], int)
    timeline = stack.http.get(f"/v1/runs/{run_id}/timeline?limit=1000").json()["events"]
    assert [(e["seq"], e["type"], e.get("node_id")) for e in timeline] == [
        (f.data["seq"], f.event, f.data.get("node_id")) for f in seen
    ]


def test_a_reader_resumes_exactly_behind_what_it_has(stack: Stack) -> None:
    run_id = stack.start(busy("feed-resumed", 0.1))
    seen: list[Frame] = []
    last: str | None = None
    connections = 0
    while not seen or seen[-1].event != "run.completed":
        connections += 1
        for frame in frames(stack, run_id, last):
            seen.append(frame)
            last = frame.id
            if len(seen) % 7 == 0:
                break

    assert connections > 3
    assert numbers(seen) == list(range(1, stack.ended(run_id)["last_seq"] + 1))
    assert list(frames(stack, run_id, last)) == []
    assert numbers(list(frames(stack, run_id, after="5"))) == numbers(seen)[5:]


def test_log_lines_stand_outside_the_sequence(stack: Stack) -> None:
    retry = {"max_attempts": 3, "backoff_ms": 50}
    run_id = stack.start(row("feed-lines", call("tries", "e2e_flaky", {"failures": 2}, retry=retry)))
    seen = list(frames(stack, run_id))

    lines = [frame for frame in seen if frame.event == "log.line"]
    # The stream ends with the run, so the line of its last moment may come too late for it.
    assert [line.data["data"]["message"] for line in lines] in (
        ["attempt 1", "attempt 2"],
        ["attempt 1", "attempt 2", "attempt 3"],
    )
    assert all(":" in line.id for line in lines)
    assert numbers(seen) == list(range(1, stack.ended(run_id)["last_seq"] + 1))
