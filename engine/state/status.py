"""Statuses of runs and nodes, as the log and the API name them."""

from __future__ import annotations

from enum import IntEnum

RUNNING = "RUNNING"
PAUSED = "PAUSED"
COMPLETED = "COMPLETED"
FAILED = "FAILED"
CANCELLED = "CANCELLED"
REJECTED = "REJECTED"
ENDED = frozenset({COMPLETED, FAILED, CANCELLED, REJECTED})


class NodeStatus(IntEnum):
    """The status of a node instance; stored as a number, so the order is for ever."""

    PENDING = 0
    QUEUED = 1
    RUNNING = 2
    WAITING = 3
    RETRYING = 4
    SUCCEEDED = 5
    FAILED = 6
    SKIPPED = 7
    CANCELLED = 8

    @property
    def live(self) -> bool:
        """Whether the run waits for this instance."""
        return NodeStatus.QUEUED <= self <= NodeStatus.RETRYING
