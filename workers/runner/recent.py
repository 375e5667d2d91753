"""What a runner remembers for a while: ids that it finished, and work that is not wanted any more."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.effects import CancelJobs, Job


class RecentIds:
    """The last `size` ids at least, and twice as many at most. Two generations: forgetting costs one move."""

    __slots__ = ("_old", "_size", "_young")

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: set[str] = set()
        self._old: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._young or name in self._old

    def add(self, name: str) -> None:
        """Remember `name`."""
        self._young.add(name)
        if len(self._young) >= self._size:
            self._old = self._young
            self._young = set()


class CancelledJobs:
    """Runs and node instances whose jobs are to be dropped, also those that arrive later; bounded."""

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._runs = RecentIds(size)
        self._paths: OrderedDict[tuple[str, str], int] = OrderedDict()

    def add(self, cancel: CancelJobs) -> None:
        """Remember what `cancel` names: a whole run, or instances up to an attempt."""
        if not cancel.paths:
            self._runs.add(cancel.run_id)
        for path, attempt in zip(cancel.paths, cancel.attempts, strict=False):
            key = (cancel.run_id, path)
            self._paths[key] = max(attempt, self._paths.pop(key, 0))
        while len(self._paths) > self._size:
            self._paths.popitem(last=False)

    def covers(self, job: Job) -> bool:
        """Whether nobody wants the job's result."""
        if job.run_id in self._runs:
            return True
        return bool(self._paths) and self._paths.get((job.run_id, job.path), 0) >= job.attempt
