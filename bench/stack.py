"""The embedded stack, started for a benchmark in a folder of its own, and what its processes use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0
_MB = 1024 * 1024


@dataclass
class Stack:
    """A running stack. `info` is its dev.json."""

    data_dir: Path
    process: subprocess.Popen[bytes]
    info: dict[str, Any]
    startup_s: float
    peaks: dict[str, float] = field(default_factory=dict)

    def secret(self) -> str:
        """The key that signs tokens: the driver writes on public topics."""
        secret: str = json.loads((self.data_dir / "secrets.json").read_text())["AOB_JWT_SECRET"]
        return secret

    def memory(self) -> dict[str, float]:
        """Resident MB of each process; children (Postgres) with their parents, shared pages counted once."""
        found = {}
        pids = json.loads((self.data_dir / "dev.json").read_text())["pids"]
        for name, pid in {**pids, "supervisor": self.process.pid}.items():
            try:
                process = psutil.Process(pid)
                family = [process] if name == "supervisor" else [process, *process.children(recursive=True)]
                found[name] = round(sum(_resident(member) for member in family) / _MB, 1)
            except psutil.NoSuchProcess:
                continue
        for name, size in found.items():
            self.peaks[name] = max(size, self.peaks.get(name, 0.0))
        return found

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds of each process so far, children included."""
        used = {}
        for name, pid in json.loads((self.data_dir / "dev.json").read_text())["pids"].items():
            try:
                process = psutil.Process(pid)
                times = [member.cpu_times() for member in [process, *process.children(recursive=True)]]
            except psutil.NoSuchProcess:
                continue
            used[name] = sum(time.user + time.system for time in times)
        return used


def _resident(process: psutil.Process) -> int:
    try:
        info = process.memory_full_info()
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return 0
    # Pages that Postgres' processes share would be counted with each of them.
    return int(getattr(info, "pss", info.rss))


@contextmanager
def running(coordinators: int = 1, runners: int = 1) -> Iterator[Stack]:
    """Start the stack, stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="aob-bench-") as folder:
        data_dir = Path(folder) / "data"
        command = [
            sys.executable,
            "-m",
            "aob",
            "dev",
            "--data-dir",
            str(data_dir),
            "--functions",
            "bench.functions",
            "--coordinators",
            str(coordinators),
            "--runners",
            str(runners),
            "--quiet",
        ]
        began = time.monotonic()
        log = Path(folder) / "dev.log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, "AOB_API_KEY": ""})
        try:
            info = _wait(process, data_dir / "dev.json", log, began)
            yield Stack(data_dir, process, info, time.monotonic() - began)
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], dev_json: Path, log: Path, began: float) -> dict[str, Any]:
    while time.monotonic() - began < START_TIMEOUT_S:
        if dev_json.exists():
            info: dict[str, Any] = json.loads(dev_json.read_text())
            return info
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"the stack did not start:\n{log.read_text()[-4000:]}")
