"""How a runner meets the broker: ports, their adapter for Kafka, and its twin in memory."""

from workers.broker.ports import (
    Assigned,
    CancelFeed,
    JobSource,
    Listener,
    Outlet,
    Partition,
    Position,
    Record,
)

__all__ = ["Assigned", "CancelFeed", "JobSource", "Listener", "Outlet", "Partition", "Position", "Record"]
