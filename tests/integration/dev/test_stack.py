from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import orjson
import psycopg
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from aob.dev.clusters import kafka_broker, kafka_missing, postgres
from tests.unit.dev.processes import FAKE_AOB, gone, kill_9, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MISSING = kafka_missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

RUN = """
import asyncio, sys
from pathlib import Path
from aob.dev.plan import DevOptions
from aob.dev.stack import run_dev

options = DevOptions(data_dir=Path(sys.argv[1]), command=(sys.executable, sys.argv[2]), functions=("tasks",))
sys.exit(asyncio.run(run_dev(options)))
"""
PROCESSES = {
    *("kafka", "postgres", "admission.0", "materializer.0", "coordinator.0", "timers.0", "outbox.0"),
    *("fanout.0", "api.0", "runner.0"),
}


class DevJson:
    """dev.json of a stack that is ready."""

    def __init__(self, data_dir: Path) -> None:
        content = orjson.loads((data_dir / "dev.json").read_bytes())
        self.kafka: str = content["kafka"]
        self.dsn: str = content["postgres_dsn"]
        self.api_key: str = content["api_key"]
        self.pids: dict[str, int] = content["pids"]
        self.health: dict[str, str] = content["health"]


def start(data_dir: Path, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, data_dir, FAKE_AOB],
        env=os.environ | variables,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def stack(data_dir: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[str], DevJson]]:
    with start(data_dir, **variables) as process:
        try:
            wait_until(lambda: process.poll() is not None or (data_dir / "dev.json").exists(), 60)
            assert process.poll() is None, process.communicate()[1]
            yield process, DevJson(data_dir)
            process.terminate()
            process.communicate(timeout=20)
        finally:
            process.kill()


def test_the_whole_stack_starts_and_restarts_without_losing_anything(tmp_path: Path) -> None:
    with stack(tmp_path) as (process, first):
        assert set(first.pids) == PROCESSES
        assert set(first.health) == PROCESSES - {"kafka", "postgres"}
        admin = AdminClient({"bootstrap.servers": first.kafka})
        admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(10)
        with psycopg.connect(first.dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        kill_9(process.pid)
        wait_until(lambda: all(gone(pid) for pid in first.pids.values()))

    with stack(tmp_path) as (_, second):
        assert (second.kafka, second.dsn, second.api_key) == (first.kafka, first.dsn, first.api_key)
        assert second.health == first.health
        assert "kept" in AdminClient({"bootstrap.servers": second.kafka}).list_topics(timeout=10).topics
        with psycopg.connect(second.dsn) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (1,)


def test_what_is_killed_comes_back_and_ctrl_c_ends_all(tmp_path: Path) -> None:
    with stack(tmp_path) as (process, before):
        for name in ("kafka", "postgres", "outbox.0"):
            kill_9(before.pids[name])
        wait_until(
            lambda: all(
                DevJson(tmp_path).pids.get(name, before.pids[name]) != before.pids[name]
                for name in ("kafka", "postgres", "outbox.0")
            )
        )
        after = DevJson(tmp_path)
        assert after.pids["api.0"] == before.pids["api.0"]

        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)

    assert process.returncode == 130
    assert time.monotonic() - began < 5
    assert all(gone(pid) for pid in after.pids.values())
    assert "kafka died (signal SIGKILL)" in said
    assert after.api_key not in said


def test_processes_get_the_addresses_by_environment(tmp_path: Path) -> None:
    with stack(tmp_path) as (_, dev):
        recorded = {path.stem: orjson.loads(path.read_bytes()) for path in (tmp_path / "env").iterdir()}

    assert recorded["topics"]["argv"] == ["topics", "create"]
    assert recorded["migrate"]["argv"] == ["migrate"]
    assert recorded["api-0"]["env"]["AOB_BOOTSTRAP_API_KEY"] == dev.api_key
    runner = recorded["runner-0"]["env"]
    assert (runner["AOB_KAFKA_BOOTSTRAP"], runner["AOB_POSTGRES_DSN"]) == (dev.kafka, dev.dsn)
    assert runner["AOB_FUNCTIONS"] == "tasks"


def test_a_failed_migration_ends_the_start_with_its_reason(tmp_path: Path) -> None:
    with start(tmp_path, FAKE_EXIT_MIGRATE="3") as process:
        _, said = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "aob dev: migrate failed with exit code 3" in said
    assert not (tmp_path / "dev.json").exists()


def test_a_data_dir_of_another_cluster_is_refused(tmp_path: Path) -> None:
    with kafka_broker(tmp_path / "kafka") as bootstrap, postgres(tmp_path / "postgres") as dsn:
        external = {"AOB_KAFKA_BOOTSTRAP": bootstrap, "AOB_POSTGRES_DSN": dsn}
        with stack(tmp_path / "data", **external) as (_, dev):
            assert (dev.kafka, dev.dsn) == (bootstrap, dsn)
            assert set(dev.pids) == PROCESSES - {"kafka", "postgres"}
        (tmp_path / "data" / "cluster.json").write_text('{"cluster_id": "another"}')
        with start(tmp_path / "data", **external) as process:
            _, said = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "belongs to Kafka cluster another" in said
