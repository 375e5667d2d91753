"""`kill -9` in the middle of the work: the process is started again, and nothing is lost or doubled."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e.feed import Frame, frames, numbers
from tests.e2e.loads import Load
from tests.e2e.records import Records
from tests.e2e.waiting import until
from tests.e2e.workflows import row, work
from tests.unit.dev.processes import kill_9

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

pytestmark = [pytest.mark.timeout(300), pytest.mark.chaos]


def kill_and_see_it_back(stack: Stack, name: str) -> int:
    """When it was killed, in Unix ms. Returns when the process that takes its place is ready."""
    before = stack.info.pids[name]
    at_ms = int(time.time() * 1000)
    kill_9(before)
    until(lambda: stack.info.pids.get(name, before) != before, f"{name} is started again")
    until(lambda: is_ready(stack.info.health[name]), f"{name} is ready again")
    return at_ms


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("name", ["coordinator.0", "runner.0", "outbox.0", "fanout.0", "api.0"])
def test_runs_complete_once_though_a_process_is_killed(stack: Stack, name: str) -> None:
    load = Load(stack, f"kill-{name.partition('.')[0]}")
    run_ids = load.start_by_commands(Records(stack)) if name == "coordinator.0" else load.start_by_batch()
    load.wait_for_the_middle()
    at_ms = kill_and_see_it_back(stack, name)

    load.check_completed(run_ids)
    assert load.interrupted(at_ms)
    assert stack.ended(min(run_ids))["status"] == "COMPLETED"


def test_admission_and_timers_are_killed_while_runs_start_and_wait(stack: Stack) -> None:
    waits = row("kill-waits", {"id": "w", "type": "wait", "config": {"duration_ms": 3000}})
    stack.push(waits)
    answer = stack.http.post("/v1/runs/batch", json={"runs": [{"workflow": "kill-waits"}] * 50})
    assert answer.json()["accepted"] == 50
    for name in ("admission.0", "timers.0"):
        kill_9(stack.info.pids[name])

    for result in answer.json()["results"]:
        assert stack.ended(result["run"]["run_id"])["status"] == "COMPLETED"


def test_a_reader_comes_through_a_kill_of_the_feed(stack: Stack) -> None:
    run_id = stack.start(row("kill-feed", *(work(f"n{index}", 0.25) for index in range(24))))
    seen: list[Frame] = []
    breaks: list[str] = []

    def read() -> None:
        while not seen or seen[-1].event != "run.completed":
            try:
                seen.extend(frames(stack, run_id, seen[-1].id if seen else None))
            except httpx.TransportError as error:
                breaks.append(str(error))
                until(lambda: is_ready(stack.first.fanout_url), "the feed is back")

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    until(lambda: len(seen) > 5, "the first events")
    kill_and_see_it_back(stack, "fanout.0")
    reader.join(90)

    assert not reader.is_alive()
    assert breaks
    assert numbers(seen) == list(range(1, stack.ended(run_id)["last_seq"] + 1))


def test_a_command_finds_a_killed_api_and_says_so(stack: Stack) -> None:
    said = stack.aob("run", "list", AOB_API_URL="http://127.0.0.1:9", AOB_API_KEY="k")
    assert (said.code, said.out) == (1, "")
    assert "http://127.0.0.1:9" in said.err
    assert "Traceback" not in said.err
