"""Settings that every processor reads, on top of those that every process reads."""

from __future__ import annotations

from pydantic import Field

from storage.settings import Settings


class StreamSettings(Settings):
    """What a processor needs to know. Times are in the unit that the name ends with."""

    session_timeout_ms: int = Field(
        6000, ge=1000, le=300_000, description="Silence after which an instance loses its partitions."
    )
    outputs_linger_ms: float = Field(
        10,
        ge=0,
        le=100,
        description="How long outputs wait for company while input waits too.",
    )
    delivery_timeout_s: float = Field(
        30, gt=0, le=300, description="How long a commit waits for its outputs before the processor ends."
    )
    ended_run_marker_hours: int = Field(
        216,
        ge=192,
        description="How long the coordinator remembers that a run has ended, at least: as old as a start "
        "may be, and then as long as the run's log is kept.",
    )
    stall_warning_s: float = Field(
        60, gt=0, description="Time after which a partition with lag that does not move is logged."
    )
