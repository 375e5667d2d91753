"""`Limits`: how much a runner does at a time, and how long it takes to leave."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`in_flight` jobs run at a time; `backlog` records of a priority wait, of `backlog_bytes` together."""

    in_flight: int = 200
    drain_s: float = 10.0
    backlog: int = 16_000
    backlog_bytes: int = 32 * 1024 * 1024
