"""`Context`: what a function may know of the job that called it."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LINES = 10_000
"""Lines of one attempt that reach the run's log feed; a loop that logs must not flood it."""

MAX_LINE = 8 * 1024
"""Characters of one line that are kept."""


class JobLogger:
    """Writes lines into the run's log feed; from any thread. Best effort: a line may be lost in a crash.

    `write` is given number (from 0), level and message. Messages take `%` arguments as in `logging`.
    """

    def __init__(self, write: Callable[[int, str, str], None]) -> None:
        self._write = write
        self._numbers = itertools.count()

    def debug(self, message: str, *args: object) -> None:
        """Say what only helps to find a fault."""
        self._log("debug", message, args)

    def info(self, message: str, *args: object) -> None:
        """Say what happens."""
        self._log("info", message, args)

    def warning(self, message: str, *args: object) -> None:
        """Say what looks wrong, though the job goes on."""
        self._log("warning", message, args)

    def error(self, message: str, *args: object) -> None:
        """Say what went wrong."""
        self._log("error", message, args)

    def _log(self, level: str, message: str, args: tuple[object, ...]) -> None:
        n = next(self._numbers)
        if n > MAX_LINES:
            return
        if n == MAX_LINES:
            level, message, args = "warning", f"more than {MAX_LINES} lines: the rest is dropped", ()
        text = message % args if args else message
        self._write(n, level, text[:MAX_LINE])


@dataclass(frozen=True, slots=True)
class Context:
    """One attempt of one node instance. `idempotency_key` is `RUN/PATH`, the same for all its attempts.

    `attempt` counts from 1; `deadline` is Unix ms, or None when the node has no time-out. `cancelled` is set
    when the result is not wanted any more (a cancel or a time-out): an async function is cancelled as well, a
    sync one has to look. Called again with one key (in another attempt, or after a crash), a function
    should have the effect of one call: the earlier one may have got further than anybody heard of.
    """

    workspace: str
    run_id: str
    path: str
    attempt: int
    idempotency_key: str
    deadline: int | None
    logger: JobLogger
    cancelled: threading.Event = field(default_factory=threading.Event)
