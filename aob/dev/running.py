from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from aob.dev.errors import DevError
from aob.dev.process import ProcessSpec, describe_exit, tail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL_S = 0.03


@contextmanager
def running(spec: ProcessSpec, log: Path, timeout_s: float = 60.0) -> Iterator[subprocess.Popen[bytes]]:
    """Run one process for the time of the `with` block, which begins when the process is ready.

    The process ends with the thread that entered the block, however that ends.

    Args:
        spec: What to run.
        log: File to which its output is appended.
        timeout_s: Seconds that it has to become ready.

    Raises:
        DevError: It ended, or was not ready in time.
    """
    process = spec.popen(log)
    try:
        _wait_ready(spec, process, log, time.monotonic() + timeout_s)
        yield process
    finally:
        stop(spec, process)


def stop(spec: ProcessSpec, process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, and kill it and its children when it has not after `spec.stop_after_s`."""
    if process.poll() is not None:
        return
    process.send_signal(spec.stop_signal)
    try:
        process.wait(spec.stop_after_s)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_ready(spec: ProcessSpec, process: subprocess.Popen[bytes], log: Path, deadline: float) -> None:
    while spec.probe is not None and (reason := spec.probe()) is not None:
        code = process.poll()
        if code is not None:
            raise DevError(f"{spec.name} ended with {describe_exit(code)} before it was ready:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise DevError(f"{spec.name} is not ready in time ({reason}):\n{tail(log)}")
        time.sleep(POLL_S)
