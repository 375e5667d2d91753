from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MISCONFIGURED = 2
"""How a process ends when starting it again without a change will not help."""

Probe = Callable[[], str | None]
"""Asks once whether a process can serve: None when it can, else the reason why not yet. May block for 2 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """One process to run: how it starts, when it counts as ready, and how it ends.

    Args:
        name: Unique name, shown before its log lines and used for its log file.
        argv: Command and arguments. Secrets belong into `env`, since every user can read arguments.
        env: The whole environment.
        cwd: Working directory; that of this process when None.
        probe: Asked until it answers None; a process without one is ready when it has started.
        depends_on: Names of processes that must be ready, or for a one-shot finished, before this one starts.
        one_shot: Runs once; ready means it ended with exit code 0, and another code fails the start.
        essential: The start fails when it dies before it was ready, instead of trying again.
        on_console: Its output is shown; False keeps it in the log file only.
        stop_signal: Asks it to end.
        stop_after_s: Seconds after `stop_signal` until SIGKILL.
        orphan_signal: Sent by the kernel when the thread that started it ends, kill -9 included (Linux).
        privileges: Further options of setpriv, for a process that must not run as root.
        inherited_fds: File descriptors that the process keeps open.
        health_url: Base of its health endpoints, for the reader of dev.json.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path | None = None
    probe: Probe | None = None
    depends_on: tuple[str, ...] = ()
    one_shot: bool = False
    essential: bool = False
    on_console: bool = True
    stop_signal: signal.Signals = signal.SIGTERM
    stop_after_s: float = 5.0
    orphan_signal: signal.Signals = signal.SIGKILL
    privileges: tuple[str, ...] = ()
    inherited_fds: tuple[int, ...] = ()
    health_url: str | None = None

    def command(self) -> tuple[str, ...]:
        """Return what to execute: `argv`, behind setpriv where the system has it.

        setpriv replaces itself with the command, so the process id stays the same. It sets the parent-death
        signal after the fork; a preexec_fn would run Python code in the forked child of a threaded process.
        """
        setpriv = find_setpriv()
        if setpriv is None:
            return self.argv
        name = self.orphan_signal.name.removeprefix("SIG")
        return (setpriv, "--pdeathsig", name, *self.privileges, "--", *self.argv)

    def popen(self, log: Path) -> subprocess.Popen[bytes]:
        """Start the process in a session of its own, its output appended to `log`."""
        with log.open("ab") as output:
            return subprocess.Popen(
                self.command(),
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.inherited_fds,
            )


@cache
def find_setpriv() -> str | None:
    """Return the path of setpriv when it knows --pdeathsig (util-linux on Linux), else None."""
    path = shutil.which("setpriv")
    if path is None:
        return None
    probe = subprocess.run([path, "--pdeathsig", "TERM", "--", "true"], capture_output=True, check=False)
    return path if probe.returncode == 0 else None


def is_running(pid: int) -> bool:
    """Say whether a process with this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def describe_exit(code: int) -> str:
    """Say how a process ended: its exit code or the signal that ended it."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def tail(log: Path, lines: int = 12, most_bytes: int = 16_384, *, since: int = 0) -> str:
    """Return the last lines of a log file behind byte `since`, "" when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, log.stat().st_size - most_bytes))
            content = file.read()
    except FileNotFoundError:
        return ""
    return "\n".join(content.decode(errors="replace").splitlines()[-lines:])
