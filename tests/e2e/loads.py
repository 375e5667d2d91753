"""Two hundred runs at a time, and what has to be true of them afterwards."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from engine.commands import StartRun
from engine.payload import inline
from storage.wire import encode
from tests.e2e.waiting import until
from tests.e2e.workflows import BUSY_NODES, busy

if TYPE_CHECKING:
    from tests.e2e.records import Records
    from tests.e2e.stack import Stack

RUNS = 200
PATIENCE_S = 150.0
_STEP_S = 0.15


class Load:
    """Runs of `busy`, by their ids."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack = stack
        self.workflow = f"{name}-{uuid.uuid4().hex[:8]}"
        stack.push(busy(self.workflow, _STEP_S))

    def start_by_batch(self) -> set[str]:
        """Start them with one request."""
        answer = self.stack.http.post("/v1/runs/batch", json={"runs": [{"workflow": self.workflow}] * RUNS})
        assert answer.json()["accepted"] == RUNS, answer.text
        return {result["run"]["run_id"] for result in answer.json()["results"]}

    def start_by_commands(self, records: Records) -> set[str]:
        """Start them on the public topic."""
        run_ids = [f"r0_e2e{uuid.uuid4().hex}" for _ in range(RUNS)]
        values = [(run_id.encode(), encode(self._start(run_id))) for run_id in run_ids]
        records.send("run.commands", values, records.authorization())
        return set(run_ids)

    def _start(self, run_id: str) -> StartRun:
        return StartRun(
            command_id=run_id,
            run_id=run_id,
            workflow=self.workflow,
            inputs=inline({}),
            requested_at=int(time.time() * 1000),
        )

    def wait_for_the_middle(self) -> None:
        """Return when the runs are well under way."""
        query = (
            "SELECT count(*) FROM run_nodes JOIN runs USING (run_id)"
            " WHERE workflow = %s AND run_nodes.status = 'SUCCEEDED'"
        )
        until(
            lambda: self.stack.rows(query, self.workflow)[0][0] >= RUNS,
            "a node of each run is done",
            PATIENCE_S,
        )

    def check_completed(self, run_ids: set[str]) -> None:
        """Every run completes, once; its log has no hole and no duplicate; all its nodes have succeeded."""
        rows = self.stack.rows
        until(
            lambda: self._statuses() == {"COMPLETED": RUNS},
            f"{RUNS} runs of {self.workflow} completed",
            PATIENCE_S,
        )
        assert {
            run_id for (run_id,) in rows("SELECT run_id FROM runs WHERE workflow = %s", self.workflow)
        } == run_ids
        broken = rows(_BROKEN_LOGS, self.workflow)
        assert broken == []
        nodes = rows(_NODES, self.workflow)
        assert nodes == [("SUCCEEDED", RUNS * BUSY_NODES)]

    def interrupted(self, at_ms: int) -> bool:
        """Whether a moment (Unix ms) lies in the middle: runs had begun before it, runs ended after it."""
        ((before, after),) = self.stack.rows(
            "SELECT count(*) FILTER (WHERE started_at < %s), count(*) FILTER (WHERE ended_at > %s)"
            " FROM runs WHERE workflow = %s",
            at_ms,
            at_ms,
            self.workflow,
        )
        return bool(before and after)

    def _statuses(self) -> dict[str, int]:
        found: list[tuple[Any, ...]] = self.stack.rows(
            "SELECT status, count(*) FROM runs WHERE workflow = %s GROUP BY status", self.workflow
        )
        return dict(found)


# Rows of the log follow one another from 1 to the run's last number, each holds as many events as its numbers
# say, the first event is the only start and the last one the only end.
_BROKEN_LOGS = """
WITH log AS (
    SELECT run_id, first_seq, event_log.last_seq, runs.last_seq AS run_last_seq, events,
           lag(event_log.last_seq, 1, 0::bigint) OVER (PARTITION BY run_id ORDER BY first_seq) AS before
    FROM event_log JOIN runs USING (run_id) WHERE workflow = %s
)
SELECT run_id FROM log GROUP BY run_id, run_last_seq
HAVING bool_or(first_seq <> before + 1)
    OR bool_or(json_array_length(events) <> last_seq - first_seq + 1)
    OR max(last_seq) <> run_last_seq
    OR sum((SELECT count(*) FROM json_array_elements(events) e WHERE e ->> 'type' = 'run.started')) <> 1
    OR sum((SELECT count(*) FROM json_array_elements(events) e WHERE e ->> 'type' = 'run.completed')) <> 1
    OR (array_agg(events -> -1 ->> 'type' ORDER BY first_seq DESC))[1] <> 'run.completed'
"""
_NODES = """
SELECT run_nodes.status, count(*) FROM run_nodes JOIN runs USING (run_id) WHERE workflow = %s GROUP BY 1
"""
