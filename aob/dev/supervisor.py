from __future__ import annotations

import asyncio
from itertools import groupby
from typing import TYPE_CHECKING, Self

from aob.dev.child import Backoff, Child
from aob.dev.errors import DevError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from aob.dev.console import Console
    from aob.dev.process import ProcessSpec


class Supervisor:
    """Runs processes in the order of their dependencies, restarts what dies, stops all in reverse order.

    Use it in the main thread: the kernel ends the children with the thread that started them.

    Args:
        console: Shows output and events.
        logs: Folder for one log file a process, NAME.log.
        on_spawn: Called when a process has got a process id, and again with each new one.
        backoff: Waits between starts of a process that dies.
    """

    def __init__(
        self,
        console: Console,
        logs: Path,
        *,
        on_spawn: Callable[[], None] = lambda: None,
        backoff: Backoff | None = None,
    ) -> None:
        self._console, self._logs, self._on_spawn = console, logs, on_spawn
        self._backoff = backoff or Backoff()
        self._children: dict[str, Child] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what runs now, by name."""
        return {name: child.pid for name, child in self._children.items() if child.pid is not None}

    @property
    def specs(self) -> list[ProcessSpec]:
        """What it was told to run."""
        return [child.spec for child in self._children.values()]

    async def start(self, specs: Iterable[ProcessSpec], timeout_s: float) -> None:
        """Start processes and return when all are ready.

        Args:
            specs: In an order in which dependencies come first; those of an earlier call count as well.
            timeout_s: Seconds for all together.

        Raises:
            DevError: A one-shot or essential one failed, or some are not ready in time.
        """
        added = [self._add(spec) for spec in specs]
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(asyncio.shield(child.ready) for child in added))
        except TimeoutError:
            late = [child for child in added if not child.ready.done()]
            reasons = "".join(f"\n  {child.spec.name}: waiting for {child.waiting_for}" for child in late)
            raise DevError(f"not ready after {timeout_s:g} s, see {self._logs}:{reasons}") from None

    async def stop(self) -> None:
        """Stop everything, what depends on others first."""
        by_depth = sorted(self._children.values(), key=lambda child: -child.depth)
        for _, level in groupby(by_depth, key=lambda child: child.depth):
            await asyncio.gather(*(child.stop() for child in level))

    def kill(self) -> None:
        """Kill everything at once."""
        for child in self._children.values():
            child.kill()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _add(self, spec: ProcessSpec) -> Child:
        if spec.name in self._children:
            raise ValueError(f"two processes are named {spec.name}")
        after = [self._children[name] for name in spec.depends_on]
        if spec.on_console:
            self._console.introduce(spec.name)
        child = self._children[spec.name] = Child(
            spec,
            after,
            log=self._logs / f"{spec.name}.log",
            console=self._console,
            on_spawn=self._on_spawn,
            backoff=self._backoff,
        )
        return child
