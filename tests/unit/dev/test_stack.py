from __future__ import annotations

import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.unit.dev.processes import gone, kill_9, read_dev_json, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from aob.dev.plan import DevOptions
from aob.dev.process import ProcessSpec
from aob.dev.stack import run_dev

def sleeper(name, *after):
    return ProcessSpec(name=name, argv=("sleep", "600"), depends_on=after, health_url="http://127.0.0.1:1")

only = (sleeper("coordinator.0"), sleeper("runner.0", "coordinator.0"))
port = int(sys.argv[2]) if sys.argv[2:] else None
sys.exit(asyncio.run(run_dev(DevOptions(data_dir=Path(sys.argv[1]), port=port, only=only))))
"""


def run_stack(data_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, data_dir, *arguments], stderr=subprocess.PIPE, text=True
    )


@contextmanager
def stack(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """A running stack of two processes, and their pids."""
    with run_stack(data_dir) as process:
        try:
            content = wait_until(lambda: read_dev_json(data_dir))
            yield process, content["pids"]
        finally:
            process.kill()


def test_dev_json_tells_how_to_reach_the_stack(tmp_path: Path) -> None:
    with stack(tmp_path) as (_, pids):
        content = read_dev_json(tmp_path)

        assert content
        assert set(content) == {"api_url", "fanout_url", "api_key", "kafka", "postgres_dsn", "pids", "health"}
        assert set(pids) == set(content["health"]) == {"coordinator.0", "runner.0"}
        assert str(content["api_key"]).startswith("aob_")
        assert stat.S_IMODE((tmp_path / "dev.json").stat().st_mode) == 0o600


def test_a_killed_process_comes_back_with_its_new_pid_in_dev_json(tmp_path: Path) -> None:
    def pids_now() -> dict[str, int]:
        return (read_dev_json(tmp_path) or {"pids": {}})["pids"]

    with stack(tmp_path) as (_, pids):
        kill_9(pids["coordinator.0"])

        wait_until(lambda: pids_now().get("coordinator.0", pids["coordinator.0"]) != pids["coordinator.0"])
        assert pids_now()["runner.0"] == pids["runner.0"]


def test_sigterm_stops_everything_and_removes_dev_json(tmp_path: Path) -> None:
    with stack(tmp_path) as (process, pids):
        process.terminate()

        assert process.wait(20) == 0
        assert all(gone(pid) for pid in pids.values())
        assert not (tmp_path / "dev.json").exists()


def test_ctrl_c_stops_everything_quickly_with_130(tmp_path: Path) -> None:
    with stack(tmp_path) as (process, pids):
        began = time.monotonic()
        process.send_signal(signal.SIGINT)

        assert process.wait(20) == 130
        assert time.monotonic() - began < 5
        assert all(gone(pid) for pid in pids.values())


def test_all_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with stack(tmp_path) as (process, pids):
        kill_9(process.pid)

        wait_until(lambda: all(gone(pid) for pid in pids.values()))
        process.wait(20)
    with stack(tmp_path) as (_, later):
        assert set(later) == set(pids)


def test_a_second_stack_on_the_same_data_dir_is_refused(tmp_path: Path) -> None:
    with stack(tmp_path) as (process, pids), run_stack(tmp_path) as second:
        _, said = second.communicate(timeout=20)

        assert second.returncode == 1
        assert f"in use by process {process.pid}" in said
        assert read_dev_json(tmp_path)
        assert not any(gone(pid) for pid in pids.values())


def test_the_banner_tells_where_things_are_and_no_secret(tmp_path: Path) -> None:
    with run_stack(tmp_path) as process:
        content = wait_until(lambda: read_dev_json(tmp_path))
        process.terminate()
        _, said = process.communicate(timeout=20)

    assert "aob is ready after" in said
    assert str(content["api_url"]) in said
    assert str(tmp_path / "dev.json") in said
    assert str(content["api_key"]) not in said


def test_a_taken_port_is_refused_when_it_was_asked_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with run_stack(tmp_path, str(port)) as process:
            _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert (
        said
        == f"aob dev: port {port} is taken by another process. Choose another with --port, or leave it out.\n"
    )
