"""Forgets what nobody asks for any more: idempotency keys of long ago, business keys of ended runs."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import structlog

from storage.postgres.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from api.services import Services

EVERY_S: Final = 3600.0
AT_ONCE: Final = 1000
"""Rows a statement: each is quick, and no other instance waits for it."""

_MOST: Final = 1000
"""Statements a round: a round ends, whatever comes in meanwhile."""

log = structlog.get_logger(__name__)


async def tidy_up(services: Services) -> tuple[int, int]:
    """Forget what is old; returns how many idempotency keys and business keys that were. DatabaseUnavailable.

    Any number of instances may do so at once: they share the work.
    """
    now, settings = services.now_ms(), services.settings
    old_starts = now - settings.api_starts_kept_s * 1000
    # A claim that old, whose run nobody has seen, is void: see `Services.accepted_lately`.
    void_claims = now - int(settings.api_accepted_s * 1000)
    starts = await _all(lambda: services.store.forget_starts(old_starts, AT_ONCE))
    keys = await _all(lambda: services.store.forget_run_keys(void_claims, AT_ONCE))
    return starts, keys


async def _all(forget: Callable[[], Awaitable[int]]) -> int:
    forgotten = 0
    for _ in range(_MOST):
        count = await forget()
        forgotten += count
        if count < AT_ONCE:
            break
    return forgotten


@asynccontextmanager
async def housekeeping(services: Services, *, every_s: float = EVERY_S) -> AsyncIterator[None]:
    """Tidy up in the background, about every `every_s` seconds."""
    keeper = asyncio.create_task(_keep(services, every_s))
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.wait({keeper})


async def _keep(services: Services, every_s: float) -> None:
    while True:
        # Spread, so that instances that began together do not all come at once.
        await asyncio.sleep(every_s * random.uniform(0.5, 1.5))  # noqa: S311 (no secret)
        try:
            starts, keys = await tidy_up(services)
        except DatabaseUnavailable as error:
            log.warning("housekeeping.postponed", error=str(error))
        except Exception:
            log.exception("housekeeping.failed")
        else:
            log.info("housekeeping.done", starts=starts, keys=keys)
