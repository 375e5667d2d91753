from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from workers.runner.backlog import WEIGHTS, Backlog

HIGH, MEDIUM, LOW = range(3)


def _popped(backlog: Backlog[str], count: int) -> list[str]:
    taken = [backlog.pop() for _ in range(count)]
    return [entry[1] for entry in taken if entry is not None]


def test_high_goes_before_medium_before_low() -> None:
    backlog: Backlog[str] = Backlog()
    for priority, name in ((LOW, "low"), (MEDIUM, "medium"), (HIGH, "high")):
        backlog.push(priority, name)
    assert _popped(backlog, 3) == ["high", "medium", "low"]
    assert backlog.pop() is None


def test_turns_follow_the_weights_and_low_does_not_starve() -> None:
    backlog: Backlog[str] = Backlog()
    for _ in range(1000):
        for priority in range(3):
            backlog.push(priority, str(priority))
    rounds = 20
    counts = Counter(_popped(backlog, sum(WEIGHTS) * rounds))
    assert [counts[str(priority)] for priority in range(3)] == [weight * rounds for weight in WEIGHTS]


def test_whoever_waits_alone_gets_every_turn_and_gives_way_at_once() -> None:
    backlog: Backlog[str] = Backlog()
    for _ in range(100):
        backlog.push(LOW, "low")
    assert _popped(backlog, 50) == ["low"] * 50
    backlog.push(HIGH, "high")
    assert "high" in _popped(backlog, 2)


@given(st.lists(st.integers(0, 2)))
def test_each_priority_is_first_in_first_out(priorities: list[int]) -> None:
    backlog: Backlog[int] = Backlog()
    for number, priority in enumerate(priorities):
        backlog.push(priority, number)
    assert len(backlog) == len(priorities)
    out: list[tuple[int, int]] = []
    while (entry := backlog.pop()) is not None:
        out.append(entry)
    assert sorted(number for _, number in out) == list(range(len(priorities)))
    for priority in range(3):
        of_it = [number for rank, number in out if rank == priority]
        assert of_it == sorted(of_it)


def test_full_by_count_or_by_bytes_and_drained_well_below() -> None:
    backlog: Backlog[str] = Backlog(high_water=3, high_bytes=100)
    backlog.push(HIGH, "large", 100)
    assert backlog.is_full(HIGH)
    assert not backlog.is_full(LOW)
    for _ in range(3):
        backlog.push(LOW, "small", 1)
    assert backlog.is_full(LOW)
    assert not backlog.is_drained(LOW)
    _popped(backlog, 3)
    assert backlog.is_drained(LOW)
    assert backlog.is_drained(HIGH)


def test_discard_takes_out_what_is_unwanted() -> None:
    backlog: Backlog[int] = Backlog(high_bytes=100)
    for number in range(10):
        backlog.push(number % 3, number, 30)
    assert sorted(backlog.discard(lambda number: number >= 4)) == [4, 5, 6, 7, 8, 9]
    assert sorted(backlog) == [0, 1, 2, 3]
    assert len(backlog) == 4
    assert not backlog.is_full(MEDIUM)
