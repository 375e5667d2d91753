from __future__ import annotations

import asyncio
import os
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from aob.dev.errors import DevError
from aob.dev.process import MISCONFIGURED, ProcessSpec, describe_exit, tail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from aob.dev.console import Console

PROBE_EVERY_S = 0.05
CHUNK = 65_536
LONGEST_RAW_LINE = 1 << 20
# A log of an earlier start that is larger than this is set aside at the next one.
LOG_LIMIT = 20 << 20
# What a grandchild that keeps the pipe open may still write after its parent has ended.
LAST_WORDS_S = 0.5


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a process that died starts again.

    Args:
        first_s: Wait after the first death in a row.
        most_s: The wait doubles up to this.
        loop_deaths: So many deaths in a row are a crash loop.
        loop_s: Wait in a crash loop.
        steady_after_s: A process that was ready for so long did not die in a row.
    """

    first_s: float = 0.1
    most_s: float = 5.0
    loop_deaths: int = 5
    loop_s: float = 15.0
    steady_after_s: float = 2.0

    def wait_s(self, deaths: int) -> float:
        """Return the wait in seconds after so many deaths in a row."""
        if deaths >= self.loop_deaths:
            return self.loop_s
        return min(self.first_s * 2.0 ** (deaths - 1), self.most_s)


class Child:
    """One process that is kept running: started, watched, started again when it dies.

    Args:
        spec: What to run.
        after: What must be ready before it starts.
        log: File that gets all its output.
        console: Shows its output and what happens to it.
        on_spawn: Called when it has got a process id, and again with each new one.
        backoff: Waits between starts.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        after: Sequence[Child],
        *,
        log: Path,
        console: Console,
        on_spawn: Callable[[], None],
        backoff: Backoff,
    ) -> None:
        self.spec = spec
        self.after = tuple(after)
        self.depth: int = 1 + max((child.depth for child in after), default=-1)
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting_for = "its start"
        self._log, self._console, self._on_spawn, self._backoff = log, console, on_spawn, backoff
        self._log_began = 0
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._steady_since: float | None = None
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {spec.name}")

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and running else None

    async def stop(self) -> None:
        """Ask it to end, kill it and its children when it has not in time, and return when it is gone."""
        self._stopping.set()
        if self._process is None:
            self._keeper.cancel()
        elif self.pid is not None:
            self._process.send_signal(self.spec.stop_signal)
        done, _ = await asyncio.wait({self._keeper}, timeout=self.spec.stop_after_s)
        if not done:
            self._console.alarm(f"{self.spec.name} does not stop: killed")
            self.kill()
            await asyncio.wait({self._keeper})
        self.ready.cancel()

    def kill(self) -> None:
        """Kill it and its children at once; it is not started again."""
        self._stopping.set()
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def _keep(self) -> None:
        try:
            # A failed or stopped dependency has said so itself.
            await asyncio.gather(*(asyncio.shield(child.ready) for child in self.after))
        except DevError:
            return
        try:
            await self._keep_running()
        except (DevError, OSError) as error:
            failure = (
                error if isinstance(error, DevError) else DevError(f"{self.spec.name} cannot start: {error}")
            )
            if not self.ready.done():
                self.ready.set_exception(failure)

    async def _keep_running(self) -> None:
        deaths = 0
        while not self._stopping.is_set():
            code = await self._run()
            if self._stopping.is_set() or self._finished(code):
                return
            steady = self._steady_since is not None and (
                time.monotonic() - self._steady_since >= self._backoff.steady_after_s
            )
            deaths = 1 if steady else deaths + 1
            await self._pause(code, deaths)

    def _finished(self, code: int) -> bool:
        if self.spec.one_shot and code == 0:
            self.ready.set_result(None)
            return True
        fatal = self.spec.essential or code == MISCONFIGURED
        if self.spec.one_shot or (fatal and not self.ready.done()):
            raise DevError(f"{self.spec.name} failed with {describe_exit(code)}:\n{self._last_words()}")
        return False

    def _last_words(self) -> str:
        return self._console.last_words(tail(self._log, since=self._log_began))

    async def _pause(self, code: int, deaths: int) -> None:
        wait_s = self._backoff.wait_s(deaths)
        died = f"{self.spec.name} died ({describe_exit(code)})"
        if deaths == self._backoff.loop_deaths:
            self._console.alarm(
                f"{died} {deaths} times in a row. Trying on every {wait_s:g} s. It said last:\n"
                f"{self._last_words()}"
            )
        else:
            self._console.note(f"{died}; starting it again in {wait_s:g} s")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), wait_s)

    async def _run(self) -> int:
        """Run it once, return its exit code."""
        self._steady_since = None
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT:
            self._log.replace(self._log.with_suffix(".log.1"))
        with self._log.open("ab", buffering=0) as log:
            self._log_began = log.tell()
            process = self._process = await self._spawn(log)
            if self._stopping.is_set():
                process.send_signal(self.spec.stop_signal)
            self._on_spawn()
            probing = asyncio.create_task(self._await_ready(), name=f"probe {self.spec.name}")
            showing = asyncio.create_task(self._show(process, log), name=f"show {self.spec.name}")
            try:
                code = await process.wait()
                await asyncio.wait({showing}, timeout=LAST_WORDS_S)
            finally:
                probing.cancel()
                showing.cancel()
                await asyncio.gather(probing, showing, return_exceptions=True)
        return code

    async def _spawn(self, log: BinaryIO) -> Process:
        return await asyncio.create_subprocess_exec(
            *self.spec.command(),
            env=self.spec.env,
            cwd=self.spec.cwd,
            stdin=DEVNULL,
            stdout=PIPE if self.spec.on_console else log,
            stderr=STDOUT,
            # The terminal's Ctrl-C reaches the supervisor alone, which ends the others in order.
            start_new_session=True,
            pass_fds=self.spec.inherited_fds,
        )

    async def _await_ready(self) -> None:
        if self.spec.one_shot:
            self.waiting_for = "its end"
            return
        while (
            self.spec.probe is not None and (reason := await asyncio.to_thread(self.spec.probe)) is not None
        ):
            self.waiting_for = reason
            await asyncio.sleep(PROBE_EVERY_S)
        self._steady_since = time.monotonic()
        if not self.ready.done():
            self.ready.set_result(None)

    async def _show(self, process: Process, log: BinaryIO) -> None:
        if process.stdout is None:
            return
        rest = b""
        while chunk := await process.stdout.read(CHUNK):
            log.write(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._console.line(self.spec.name, line)
            if len(rest) > LONGEST_RAW_LINE:
                self._console.line(self.spec.name, rest)
                rest = b""
        if rest:
            self._console.line(self.spec.name, rest)
