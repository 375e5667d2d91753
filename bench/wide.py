"""Whether the last items of a wide map cost what the first ones cost."""

from __future__ import annotations

import json
import time

import psycopg

SQL = """
SELECT at, events FROM event_log
WHERE run_id = (SELECT run_id FROM runs WHERE workflow = 'wide' ORDER BY started_at DESC LIMIT 1)
ORDER BY first_seq
"""


def last_over_first(dsn: str, count: int) -> float:
    """Time of the last `count` item completions over that of the first `count`."""
    times = _completions(dsn)
    first = times[count - 1] - times[0]
    last = times[-1] - times[-count]
    return last / max(1, first)


def _completions(dsn: str) -> list[int]:
    """Unix ms of every item's success, once Postgres has the whole run."""
    deadline = time.monotonic() + 60
    with psycopg.connect(dsn, autocommit=True) as connection:
        while time.monotonic() < deadline:
            rows = connection.execute(SQL).fetchall()
            decoded = [(at, json.loads(events) if isinstance(events, str) else events) for at, events in rows]
            if decoded and decoded[-1][1][-1]["type"] == "run.completed":
                return [
                    at
                    for at, events in decoded
                    for event in events
                    if event["type"] == "node.succeeded" and event["path"].endswith("]")
                ]
            time.sleep(0.1)
    raise RuntimeError("the wide run did not reach Postgres")
