"""What the benchmarks' workflows call."""

from __future__ import annotations

from aob import function


@function
async def noop(**_inputs: object) -> None:
    """Do nothing."""


@function
async def numbers(count: int) -> list[int]:
    """The numbers below `count`."""
    return list(range(count))
