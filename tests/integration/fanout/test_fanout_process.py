"""The live feed as a process, on a real Kafka and a real Postgres, through the Python client."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from aob.client import Client
from aob.connection import Connection
from aob.errors import ApiError
from api.auth import store_bootstrap_key
from engine.decision import Decision
from engine.log_line import LogLine
from storage.kafka.topics import NODE_LOGS, WORKFLOW_EVENTS
from storage.postgres.api_store import PostgresApiStore
from storage.postgres.pool import Pool
from storage.postgres.projection import Projection
from storage.run_ids import RANDOM_BYTES, issue_run_id, run_id_key
from storage.wire import encode
from storage.wire.peek import RawDecision, decode_events
from tests.support.decisions import WORKSPACE, Run, arrivals
from tests.support.kafka import Installation, free_port, produce, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aob.shapes import Event

KEY = "bootstrap-key"


@dataclass
class Place:
    installation: Installation
    dsn: str
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def fanout(self) -> Iterator[subprocess.Popen[bytes]]:
        env = self.installation.env | {
            "AOB_POSTGRES_DSN": self.dsn,
            "AOB_FANOUT_PORT": str(self.port),
            "AOB_LOG_FORMAT": "pretty",
        }
        process = subprocess.Popen([sys.executable, "-m", "aob", "fanout"], env=env)
        try:
            wait_until(self._ready, "the feed is ready")
            yield process
        finally:
            process.kill()
            process.wait()

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False

    def client(self, key: str = KEY) -> Client:
        return Client(Connection(self.url, self.url, key))

    def new_run(self) -> Run:
        key = run_id_key(self.installation.env["AOB_JWT_SECRET"])
        return Run(issue_run_id(key, WORKSPACE, time.time_ns() // 1_000_000, bytes(RANDOM_BYTES)))

    def publish(self, *decisions: RawDecision) -> None:
        records = [(raw.run_id.encode(), encode(_whole(raw))) for raw in decisions]
        produce(self.installation.bootstrap, WORKFLOW_EVENTS, records)

    def project(self, *decisions: RawDecision) -> None:
        writer = Projection(self.dsn, "outbox")
        writer.write(arrivals(decisions, writer.next_offset(WORKFLOW_EVENTS, 0)))
        writer.close()


def _whole(raw: RawDecision) -> Decision:
    fields = {name: getattr(raw, name) for name in RawDecision.__struct_fields__}
    return Decision(**fields | {"events": decode_events(raw.events)})


@pytest.fixture
def place(installation: Installation, database: str) -> Place:
    asyncio.run(_store_key(database))
    return Place(installation, database, free_port())


async def _store_key(dsn: str) -> None:
    """What the api does at its start."""
    pool = Pool(dsn, name="test")
    await pool.open()
    await store_bootstrap_key(PostgresApiStore(pool), KEY, 1)
    await pool.close()


class Reader(threading.Thread):
    """Reads a run's feed to its end."""

    def __init__(self, place: Place, run_id: str) -> None:
        super().__init__(daemon=True)
        self.seen: list[Event] = []
        self._place, self._run_id = place, run_id

    def run(self) -> None:
        with self._place.client() as client:
            self.seen.extend(client.stream(self._run_id))

    @property
    def numbers(self) -> list[int]:
        return [event["seq"] for event in self.seen if event["type"] != "log.line"]


def test_a_run_is_followed_from_its_acceptance_to_its_end(place: Place) -> None:
    run = place.new_run()
    steps = run.chain(20)
    line = LogLine(
        workspace=WORKSPACE, run_id=run.run_id, path="n0", attempt=1, n=0, at=1, level="info", message="hi"
    )
    with place.fanout() as process:
        reader = Reader(place, run.run_id)
        reader.start()
        produce(place.installation.bootstrap, NODE_LOGS, [(run.run_id.encode(), encode(line))])
        wait_until(lambda: len(reader.seen) == 1, "the log line is there")
        place.publish(*steps[:8])
        wait_until(lambda: reader.numbers == list(range(1, 17)), "what was published is there")
        # A coordinator that crashed sends the same decisions again.
        place.publish(*steps[4:12], *steps[10:])
        reader.join(60)
        assert reader.numbers == list(range(1, run.seq + 1))
        assert reader.seen[0]["type"] == "log.line"
        process.terminate()
        assert process.wait(30) == 0


def test_a_reader_survives_the_death_of_the_process(place: Place) -> None:
    run = place.new_run()
    steps = run.chain(30)
    reader = Reader(place, run.run_id)
    with place.fanout() as process:
        reader.start()
        place.publish(*steps[:5])
        place.project(*steps[:5])
        wait_until(lambda: len(reader.seen) == 10, "what was published is there")
        process.kill()
        process.wait()
        # What happens while nobody tails is in the history alone.
        place.publish(*steps[5:15])
        place.project(*steps[5:15])
    with place.fanout():
        wait_until(lambda: len(reader.seen) == 30, "what was missed is there")
        place.publish(*steps[15:])
        reader.join(60)
    assert reader.numbers == list(range(1, run.seq + 1))


def test_an_ended_run_is_read_from_the_history(place: Place) -> None:
    run = place.new_run()
    place.project(*run.chain(700))
    with place.fanout(), place.client() as client:
        assert [event["seq"] for event in client.stream(run.run_id)] == list(range(1, run.seq + 1))
        assert [event["seq"] for event in client.stream(run.run_id, after=run.seq - 1)] == [run.seq]
        assert list(client.stream(run.run_id, after=run.seq)) == []
        only = list(client.stream(run.run_id, node="n3"))
        assert [event.get("node_id") for event in only] == ["n3", "n3", None]
        with pytest.raises(ApiError, match="there is no run"):
            list(client.stream("r0_unknown"))
        with place.client("wrong-key") as stranger, pytest.raises(ApiError, match="unknown or revoked"):
            list(stranger.stream(run.run_id))
