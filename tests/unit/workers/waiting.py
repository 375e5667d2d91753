"""Waiting for conditions on the test's own loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 20.0


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as `condition` holds; the loop goes on meanwhile."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (what is waited for tells nobody)
            await asyncio.sleep(0.001)
