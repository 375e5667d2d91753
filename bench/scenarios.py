"""The scenarios: each takes a driver and gives its figures."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec
import psycopg

from bench import workflows
from bench.http import connection
from bench.wide import last_over_first

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.driver import Driver

Figures = dict[str, float]
_MS = 1000


def chain10(driver: Driver) -> Figures:
    driver.upload(workflows.chain(10, "chain10"))
    # A broker that has just begun costs three times as much a request as one that has seen a few thousand.
    driver.run("chain10", 500, 100)
    runs = 1000
    result = driver.run("chain10", runs, 100)
    return {
        "steps_per_s": runs * 10 / result.elapsed,
        "run_ms_p50": result.percentile(0.5) * _MS,
        "run_ms_p99": result.percentile(0.99) * _MS,
    }


def single1(driver: Driver) -> Figures:
    driver.upload(workflows.chain(1, "single1"))
    driver.run("single1", 500, 200)
    runs = 3000
    return {"runs_per_s": runs / driver.run("single1", runs, 200).elapsed}


def single1_http(driver: Driver) -> Figures:
    driver.upload(workflows.chain(1, "single1"))
    return {"runs_per_s": asyncio.run(_over_http(driver, 2000, 200))}


async def _over_http(driver: Driver, runs: int, in_flight: int) -> float:
    """Runs a second from the first POST to the last answer, which is the finished run."""
    info = driver.stack.info
    left = iter(range(runs))

    async def caller() -> None:
        async with connection(info["api_url"], info["api_key"]) as post:
            for _ in left:
                status, body = await post("/v1/runs?wait=30", b'{"workflow": "single1", "inputs": {}}')
                assert status == 200, body
                assert msgspec.json.decode(body)["status"] == "COMPLETED", body

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(in_flight)))
    return runs / (time.perf_counter() - began)


def idle(driver: Driver) -> Figures:
    driver.upload(workflows.chain(10, "chain10"))
    driver.run("chain10", 20, 1)
    result = driver.run("chain10", 100, 1)
    return {
        "ms_per_step_p50": result.percentile(0.5) * _MS / 10,
        "ms_per_step_p99": result.percentile(0.99) * _MS / 10,
    }


def fan100(driver: Driver) -> Figures:
    driver.upload(workflows.fan(100, "fan100"))
    driver.run("fan100", 10, 5)
    runs = 50
    return {"steps_per_s": runs * 100 / driver.run("fan100", runs, 5).elapsed}


def wide(driver: Driver) -> Figures:
    driver.upload(workflows.fan(10_000, "wide"))
    result = driver.run("wide", 1, 1)
    return {
        "steps_per_s": 10_000 / result.elapsed,
        "last_over_first": last_over_first(driver.stack.info["postgres_dsn"], 1000),
    }


def bulk(driver: Driver) -> Figures:
    driver.upload(workflows.chain(1, "single1"))
    runs = 20_000
    result = driver.run("single1", runs, runs)
    driver.stack.memory()
    _drained(driver)
    return {"runs_per_s": runs / result.elapsed, "drained_s": result.elapsed}


def _drained(driver: Driver) -> None:
    """Wait until Postgres shows every run of single1 as ended."""
    with psycopg.connect(driver.stack.info["postgres_dsn"], autocommit=True) as connection:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            row = connection.execute("SELECT count(*) FROM runs WHERE ended_at IS NULL").fetchone()
            if row is not None and row[0] == 0:
                return
            time.sleep(0.1)
    raise RuntimeError("the projection did not drain")


SCENARIOS: dict[str, Callable[[Driver], Figures]] = {
    "chain10": chain10,
    "idle": idle,
    "single1": single1,
    "single1_http": single1_http,
    "fan100": fan100,
    "wide": wide,
    "bulk": bulk,
}
