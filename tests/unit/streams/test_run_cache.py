"""Runs that are remembered between decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from engine.payload import inline
from engine.state import RunHeader, RunState
from streams.state import run_cache
from streams.state.run_cache import RunCache
from tests.unit.streams.keys import Keys

if TYPE_CHECKING:
    import pytest
    from quixstreams.state import State

    from engine.state import GraphSource

PARTITION = 3


class Store(Keys):
    """Remembers what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    def get_bytes(self, key: str) -> bytes | None:
        self.reads.append(key)
        return super().get_bytes(key)


class World:
    """A cache over stores of runs by id."""

    def __init__(self) -> None:
        self.stores: dict[str, Store] = {}
        self.partition: object = object()
        self.cache = RunCache(cast("GraphSource", None), lambda _: self.partition)

    def take(self, run_id: str = "r0_a") -> RunState:
        store = self.stores.setdefault(run_id, Store())
        return self.cache.take(PARTITION, run_id, cast("State[str, bytes]", store))

    def begin(self, run_id: str = "r0_a") -> RunState:
        run = self.take(run_id)
        assert not run.known
        run.create(RunHeader("acme"))
        return run

    def keep(self, run: RunState) -> None:
        run.flush()
        self.cache.keep(PARTITION, run)


def reads(world: World, run_id: str = "r0_a") -> list[str]:
    store = world.stores[run_id]
    read, store.reads = store.reads, []
    return read


def test_a_run_that_began_here_is_read_no_more() -> None:
    world = World()
    world.keep(world.begin())
    assert reads(world) == ["h"]
    again = world.take()
    assert again.known
    again.node("a")
    assert reads(world) == []


def test_another_store_of_the_partition_forgets_its_runs() -> None:
    world = World()
    world.keep(world.begin())
    world.partition = object()
    reads(world)
    assert world.take().known
    assert reads(world) == ["h"]


def test_a_run_that_was_not_kept_is_read_anew() -> None:
    world = World()
    world.keep(world.begin())
    world.take().edit_header().seq = 7
    assert world.take().header.seq == 0


def test_of_a_wide_run_the_items_are_forgotten_first() -> None:
    world = World()
    run = world.begin()
    run.edit_node("m").attempt = 1
    for index in range(run_cache.KEYS_OF_RUN):
        run.edit_node(f"m[{index}]").attempt = index
    world.keep(run)
    reads(world)
    again = world.take()
    assert again.node("m").attempt == 1
    assert reads(world) == []
    assert [again.node(f"m[{index}]").attempt for index in range(run_cache.KEYS_OF_RUN)] == list(
        range(run_cache.KEYS_OF_RUN)
    )
    assert 0 < len(reads(world)) < run_cache.KEYS_OF_RUN


def test_a_part_that_was_forgotten_can_be_dropped() -> None:
    world = World()
    run = world.begin()
    for index in range(2 * run_cache.KEYS_OF_RUN):
        run.edit_node(f"m[{index}]").attempt = index
    world.keep(run)
    again = world.take()
    for index in range(2 * run_cache.KEYS_OF_RUN):
        again.drop_node(f"m[{index}]")
    world.keep(again)
    assert set(world.stores["r0_a"]) == {"h"}


def test_heavy_runs_are_remembered_in_part_and_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_cache, "BYTES_OF_RUN", 4000)
    monkeypatch.setattr(run_cache, "BYTES", 5000)
    world = World()
    for name in ("r0_a", "r0_b"):
        run = world.begin(name)
        for node in range(20):
            run.edit_node(f"n{node}").output = inline("x" * 300)
        world.keep(run)
        assert run.weight <= 2000
        assert run.weight == sum(len(world.stores[name][key]) for key in _held(run))
        reads(world, name)
    third = world.begin("r0_c")
    third.edit_node("n").output = inline("y" * 3000)
    world.keep(third)
    # The one kept longest ago made room.
    world.take("r0_a").header  # noqa: B018 (a read)
    world.take("r0_b").header  # noqa: B018 (a read)
    assert (reads(world, "r0_a"), reads(world, "r0_b")) == (["h"], [])


def _held(run: RunState) -> list[str]:
    sizes: dict[str, int] = run._sizes
    return list(sizes)


def test_a_run_that_has_ended_is_not_remembered() -> None:
    world = World()
    run = world.begin()
    run.edit_header().status = "COMPLETED"
    world.keep(run)
    reads(world)
    assert world.take().header.status == "COMPLETED"
    assert reads(world) == ["h"]
    assert msgspec.json.decode(world.stores["r0_a"]["h"])
