"""The adapter rests on an interface of quixstreams that is not documented: this is what we take from it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from quixstreams.dataframe import DataFrameRegistry

from streams.runtime.ticks import every

if TYPE_CHECKING:
    from quixstreams.dataframe import StreamingDataFrame


class Loop:
    """A dataframe's context, its registry the real one, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.state = SimpleNamespace(recovery_required=False)
        self.registry = DataFrameRegistry()
        context = SimpleNamespace(dataframe_registry=self.registry, state_manager=self.state)
        self.dataframe = cast("StreamingDataFrame", SimpleNamespace(processing_context=context))

    def clock(self) -> float:
        return self.now

    def turn(self, at: float) -> None:
        self.now = at
        self.registry.run_periodic_tasks()


def test_a_task_runs_when_its_time_has_come() -> None:
    loop, ran = Loop(), []
    every(loop.dataframe, 0.5, lambda: ran.append(loop.now), clock=loop.clock)
    for at in (100.0, 100.1, 100.49, 100.5, 100.6, 103.0, 103.4):
        loop.turn(at)
    assert ran == [100.0, 100.5, 103.0]


def test_without_an_interval_it_runs_every_turn() -> None:
    loop, ran = Loop(), []
    every(loop.dataframe, 0, lambda: ran.append(loop.now), clock=loop.clock)
    loop.turn(100.0)
    loop.turn(100.0)
    assert len(ran) == 2


def test_it_waits_until_state_is_recovered() -> None:
    loop, ran = Loop(), []
    every(loop.dataframe, 0, lambda: ran.append(loop.now), clock=loop.clock)
    loop.state.recovery_required = True
    loop.turn(100.0)
    assert ran == []
    loop.state.recovery_required = False
    loop.turn(101.0)
    assert ran == [101.0]


def test_an_error_ends_the_loop() -> None:
    loop = Loop()

    def fail() -> None:
        raise RuntimeError("broken")

    every(loop.dataframe, 0, fail, clock=loop.clock)
    with pytest.raises(RuntimeError, match="broken"):
        loop.turn(100.0)
