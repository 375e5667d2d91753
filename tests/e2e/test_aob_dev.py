"""`aob dev` itself: two of a kind share the work; data survive a restart; a data dir has one owner.

These come first, before the stack of the session runs beside theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient

from engine.facts import JobSucceeded
from storage.wire import decode
from tests.e2e.feed import frames, numbers
from tests.e2e.loads import Load
from tests.e2e.stack import Stack, running
from tests.e2e.workflows import call, row, signalled

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.timeout(400), pytest.mark.chaos]

TWO = ("--coordinators", "2", "--runners", "2")
WAITING = row(
    "restart-waiting", signalled("gate", "go"), call("after", "e2e_echo", {"x": "${nodes.gate.output}"})
)
LATE = row("restart-late", {"id": "w", "type": "wait", "config": {"duration_ms": 2000}})


def partitions_of_coordinators(stack: Stack) -> dict[str, set[int]]:
    """Which partitions of the log each coordinator has."""
    group = "aob.coordinator"
    admin = AdminClient({"bootstrap.servers": stack.first.kafka})
    members = admin.describe_consumer_groups([group])[group].result(30).members
    return {
        str(member.group_instance_id): {tp.partition for tp in member.assignment.topic_partitions}
        for member in members
    }


def check_that_two_share(stack: Stack) -> None:
    load = Load(stack, "shared")
    load.check_completed(load.start_by_batch())

    owned = partitions_of_coordinators(stack)
    used = stack.rows(
        "SELECT DISTINCT log_partition FROM event_log JOIN runs USING (run_id) WHERE workflow = %s",
        load.workflow,
    )
    assert len(owned) == 2
    assert all(partitions & {number for (number,) in used} for partitions in owned.values()), (owned, used)
    causes = stack.rows(
        "SELECT cause FROM event_log JOIN runs USING (run_id)"
        " WHERE workflow = %s AND cause_type = 'JobSucceeded'",
        load.workflow,
    )
    workers = {fact.worker for (cause,) in causes if isinstance(fact := decode(cause), JobSucceeded)}
    assert len(workers) == 2, workers


def test_two_of_a_kind_share_the_work_and_a_restart_loses_nothing(
    tmp_path: Path, functions: list[str]
) -> None:
    data_dir = tmp_path / "data"
    with running(data_dir, *functions, *TWO) as stack:
        check_that_two_share(stack)
        done = stack.completed(row("restart-done", call("a", "e2e_large", {"size": 50_000})))
        waiting, late = stack.start(WAITING), stack.start(LATE)
        stack.push(WAITING)
        stack.when_node(waiting, "gate", "WAITING")
        stack.when_node(late, "w", "WAITING")
        assert stack.http.post(f"/v1/runs/{waiting}/pause").status_code == 202
        stack.when(waiting, "PAUSED")

        second = stack.aob("dev", "--data-dir", str(data_dir))
        assert (second.code, second.out) == (1, "")
        assert f"{data_dir} is in use by process {stack.process.pid}" in second.err
        assert stack.run(done["run_id"]) == done
        before = stack.info

    with running(data_dir, *functions, *TWO) as stack:
        assert stack.info.api_key == before.api_key
        assert stack.run(done["run_id"]) == done
        assert stack.http.get(f"/v1/artifacts/{done['artifact']['sha256']}").status_code == 200
        assert stack.data("workflow", "show", "restart-waiting")["definition"] == WAITING
        assert stack.ended(late)["status"] == "COMPLETED"

        assert stack.run(waiting)["status"] == "PAUSED"
        stack.http.post(f"/v1/runs/{waiting}/signals/go", json=7)
        stack.http.post(f"/v1/runs/{waiting}/resume")
        run = stack.ended(waiting)
        assert (run["status"], run["output"]) == ("COMPLETED", {"x": 7})
        assert numbers(list(frames(stack, waiting))) == list(range(1, run["last_seq"] + 1))
        assert {r["run_id"] for r in stack.data("run", "list")["runs"]} >= {done["run_id"], waiting, late}
