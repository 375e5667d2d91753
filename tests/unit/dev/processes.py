"""Little processes to supervise, and waiting for conditions."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import orjson

from aob.dev.process import ProcessSpec, is_running

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 20.0
FAKE_AOB = Path(__file__).with_name("fake_aob.py")
Answer = TypeVar("Answer")


def script(name: str, code: str) -> ProcessSpec:
    """A Python process that runs `code`."""
    return ProcessSpec(name=name, argv=(sys.executable, "-S", "-c", code))


def sleeper(name: str) -> ProcessSpec:
    """A process that runs until it is told to end."""
    return ProcessSpec(name=name, argv=("sleep", "600"))


async def until(condition: Callable[[], Answer | None], within_s: float = WAIT_S) -> Answer:
    """Wait until the condition answers something true; returns the answer."""
    deadline = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, "the condition was not met in time"
        await asyncio.sleep(0.01)
    return answer


def wait_until(condition: Callable[[], Answer | None], within_s: float = WAIT_S) -> Answer:
    """Wait until the condition answers something true, where no event loop runs."""
    return asyncio.run(until(condition, within_s))


def gone(pid: int) -> bool:
    """Say whether the process has ended; one that nobody has collected yet has."""
    try:
        return (
            not is_running(pid) or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        )
    except FileNotFoundError:
        return True


def kill_9(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def read_dev_json(data_dir: Path) -> dict[str, dict[str, int]] | None:
    """The content of dev.json, None while there is none."""
    path = data_dir / "dev.json"
    return orjson.loads(path.read_bytes()) if path.exists() else None
