"""Threads for sync functions: a bounded number, replaced up to a bound when a function does not come back."""

from __future__ import annotations

import asyncio
import queue
import threading
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Outcome = tuple[Any, BaseException | None]


class _State(Enum):
    HELD = auto()
    RUNNING = auto()
    ABANDONED = auto()
    OVER = auto()


class Place:
    """The right to one thread; ends with `Threads.release`."""

    __slots__ = ("function", "outcome", "replaced", "state")

    def __init__(self) -> None:
        self.state = _State.HELD
        self.function: Callable[[], Any] | None = None
        self.outcome: asyncio.Future[Any] | None = None
        self.replaced = False


class Threads:
    """`size` calls at a time. Used on one event loop.

    Nothing can stop a thread. A call that is abandoned (time-out, cancel) gives its place to a new thread,
    for `spare` of them at a time; beyond that it keeps its place until it returns.
    The threads are daemons, so a call that never returns does not keep the process alive.
    """

    def __init__(self, size: int, *, spare: int | None = None) -> None:
        self._size = size
        self._spare = size if spare is None else spare
        self._taken = 0
        self._replaced = 0
        self._threads = 0
        self._calls: queue.SimpleQueue[Place | None] = queue.SimpleQueue()
        self._on_free: Callable[[], None] = lambda: None

    def when_free(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when an abandoned call gives its place back."""
        self._on_free = callback

    @property
    def free(self) -> int:
        """How many places can be reserved."""
        return self._size - self._taken

    @property
    def stuck(self) -> int:
        """How many abandoned calls still run in threads that were replaced."""
        return self._replaced

    def reserve(self) -> Place:
        """Take a place; the caller has seen that one is `free`."""
        self._taken += 1
        return Place()

    def run(self, place: Place, function: Callable[[], Any]) -> asyncio.Future[Any]:
        """Run `function` in a thread, once for a place; the future is that of its result."""
        loop = asyncio.get_running_loop()
        place.state, place.function, place.outcome = _State.RUNNING, function, loop.create_future()
        if self._threads < self._taken + self._replaced:
            self._threads += 1
            threading.Thread(target=self._work, args=(loop,), name="function", daemon=True).start()
        self._calls.put(place)
        return place.outcome

    def release(self, place: Place) -> None:
        """Give a place back; a call that still runs is abandoned."""
        if place.state is _State.HELD:
            place.state = _State.OVER
            self._taken -= 1
        elif place.state is _State.RUNNING:
            place.state = _State.ABANDONED
            if self._replaced < self._spare:
                place.replaced = True
                self._replaced += 1
                self._taken -= 1

    def close(self) -> None:
        """Let idle threads end."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _returned(self, place: Place, result: Any, error: BaseException | None) -> None:  # noqa: ANN401
        abandoned = place.state is _State.ABANDONED
        place.state = _State.OVER
        if place.replaced:
            self._replaced -= 1
            self._threads -= 1
            self._calls.put(None)
        else:
            self._taken -= 1
        outcome = place.outcome
        if outcome is not None and not outcome.done():
            if error is None:
                outcome.set_result(result)
            else:
                outcome.set_exception(error)
        if abandoned:
            self._on_free()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (place := self._calls.get()) is not None:
            result, error = _outcome(place.function)
            try:
                loop.call_soon_threadsafe(self._returned, place, result, error)
            except RuntimeError:  # the loop is closed: the process is leaving
                return


def _outcome(function: Callable[[], Any] | None) -> Outcome:
    try:
        return None if function is None else function(), None
    except StopIteration as error:
        # A future cannot hold it.
        return None, RuntimeError(f"StopIteration: {error}")
    except BaseException as error:  # noqa: BLE001 (SystemExit in a function is a failure of that function)
        return None, error
