"""What the stack costs: start-up, memory, bytes a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from pathlib import Path

    from bench.driver import Driver
    from bench.stack import Stack


def kafka_bytes(data_dir: Path) -> int:
    """Bytes of the logs on disk (allocated, not apparent: indexes are sparse)."""
    return sum(file.stat().st_size for file in (data_dir / "kafka").rglob("*.log"))


def postgres_bytes(dsn: str) -> int:
    """Bytes of the database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return 0 if row is None else int(row[0])


class Bytes:
    """Bytes a step: measured around a scenario whose steps are known."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._before = self._now()

    def _now(self) -> tuple[int, int]:
        return kafka_bytes(self._stack.data_dir), postgres_bytes(self._stack.info["postgres_dsn"])

    def a_step(self, steps: int) -> dict[str, float]:
        """Kafka and Postgres bytes a step since the beginning."""
        kafka, postgres = self._now()
        return {
            "kafka_bytes_per_step": (kafka - self._before[0]) / steps,
            "postgres_bytes_per_step": (postgres - self._before[1]) / steps,
        }


def footprint(driver: Driver) -> dict[str, float]:
    """Start-up seconds and resident MB of each process."""
    memory = driver.stack.memory()
    return {"startup_s": driver.stack.startup_s, **{f"mb_{name}": size for name, size in memory.items()}}
