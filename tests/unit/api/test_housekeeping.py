from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from api import housekeeping
from storage.postgres.errors import DatabaseUnavailable
from tests.unit.api.world import World, problem_of, workflow

if TYPE_CHECKING:
    import httpx
    import pytest

START = {"definition": workflow(), "key": "order-1"}
WEEK_MS = 7 * 24 * 3600 * 1000


async def test_old_keys_are_forgotten(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "AT_ONCE", 2)
    runs = []
    for number in range(5):
        body, headers = START | {"key": f"k{number}"}, {"idempotency-key": f"i{number}"}
        runs.append((await client.post("/v1/runs", json=body, headers=headers)).json()["run_id"])
    for run_id in runs[:4]:
        world.project(run_id, status="RUNNING" if run_id == runs[0] else "COMPLETED")
    assert await housekeeping.tidy_up(world.services) == (0, 3)
    problem_of(await client.post("/v1/runs", json=START | {"key": "k0"}), 409, "RUN_KEY_TAKEN")
    problem_of(await client.post("/v1/runs", json=START | {"key": "k4"}), 409, "RUN_KEY_TAKEN")
    world.now_ms += WEEK_MS + 1
    assert await housekeeping.tidy_up(world.services) == (5, 1)
    assert await housekeeping.tidy_up(world.services) == (0, 0)
    problem_of(await client.post("/v1/runs", json=START | {"key": "k0"}), 409, "RUN_KEY_TAKEN")


async def test_it_is_done_again_and_again_whatever_happens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, enough = iter([DatabaseUnavailable("away"), RuntimeError("broken"), None]), asyncio.Event()

    async def forget(before: int, limit: int) -> int:
        fault = next(rounds, None)
        if fault is not None:
            raise fault
        enough.set()
        return 0

    monkeypatch.setattr(world.store, "forget_starts", forget)
    async with housekeeping.housekeeping(world.services, every_s=0.001):
        await asyncio.wait_for(enough.wait(), 10)
