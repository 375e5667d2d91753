from __future__ import annotations

import threading

import pytest

from tests.unit.workers.waiting import until
from workers.runner.threads import Threads


async def test_calls_run_in_threads_that_are_used_again() -> None:
    threads = Threads(1)
    seen = set()
    for _ in range(3):
        place = threads.reserve()
        assert threads.free == 0
        seen.add(await threads.run(place, threading.get_ident))
        threads.release(place)
        assert threads.free == 1
    assert len(seen) == 1
    assert threading.get_ident() not in seen
    threads.close()


async def test_errors_come_back_whatever_they_are() -> None:
    threads = Threads(1)

    def leave() -> None:
        raise SystemExit(3)

    def stop() -> None:
        raise StopIteration("x")

    place = threads.reserve()
    with pytest.raises(SystemExit):
        await threads.run(place, leave)
    place = threads.reserve()
    with pytest.raises(RuntimeError, match="StopIteration: x"):
        await threads.run(place, stop)
    threads.close()


async def test_a_place_that_was_not_used_is_given_back_once() -> None:
    threads = Threads(2)
    place = threads.reserve()
    threads.release(place)
    threads.release(place)
    assert threads.free == 2


async def test_an_abandoned_call_is_replaced_up_to_a_bound() -> None:
    threads = Threads(1, spare=1)
    freed: list[int] = []
    threads.when_free(lambda: freed.append(threads.free))
    gate = threading.Event()
    first = threads.reserve()
    waiting = threads.run(first, gate.wait)
    threads.release(first)
    waiting.cancel()
    assert (threads.free, threads.stuck) == (1, 1)

    second = threads.reserve()
    threads.run(second, gate.wait).cancel()
    threads.release(second)
    # The spare thread is taken: this one keeps its place until it returns.
    assert (threads.free, threads.stuck) == (0, 1)

    gate.set()
    await until(lambda: (threads.free, threads.stuck) == (1, 0))
    assert freed[-1] == 1
    place = threads.reserve()
    assert await threads.run(place, lambda: 5) == 5
    threads.close()
