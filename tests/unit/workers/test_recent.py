from __future__ import annotations

from engine.effects import CancelJobs, Job
from workers.runner.recent import CancelledJobs, RecentIds


def _job(run_id: str, path: str = "a", attempt: int = 1) -> Job:
    return Job(workspace="w", run_id=run_id, path=path, attempt=attempt, kind="function", created_at=0)


def _cancel(run_id: str, paths: list[str] | None = None, attempts: list[int] | None = None) -> CancelJobs:
    return CancelJobs(workspace="w", run_id=run_id, paths=paths or [], attempts=attempts or [], reason="test")


def test_ids_are_remembered_for_a_while() -> None:
    recent = RecentIds(10)
    for number in range(100):
        recent.add(str(number))
    assert all(str(number) in recent for number in range(90, 100))
    assert "70" not in recent


def test_a_whole_run_is_cancelled() -> None:
    cancelled = CancelledJobs()
    cancelled.add(_cancel("r0_a"))
    assert cancelled.covers(_job("r0_a", "any[3]", 7))
    assert not cancelled.covers(_job("r0_b"))


def test_a_later_attempt_of_a_cancelled_path_goes_on() -> None:
    cancelled = CancelledJobs()
    cancelled.add(_cancel("r0_a", ["x", "y"], [2, 1]))
    cancelled.add(_cancel("r0_a", ["x"], [1]))
    assert cancelled.covers(_job("r0_a", "x", 1))
    assert cancelled.covers(_job("r0_a", "x", 2))
    assert not cancelled.covers(_job("r0_a", "x", 3))
    assert not cancelled.covers(_job("r0_a", "z"))


def test_what_is_remembered_is_bounded() -> None:
    cancelled = CancelledJobs(size=10)
    for number in range(100):
        cancelled.add(_cancel("r0_a", [f"p{number}"], [1]))
    assert not cancelled.covers(_job("r0_a", "p50"))
    assert cancelled.covers(_job("r0_a", "p95"))
