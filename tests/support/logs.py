"""Logging as it was, after a test that configured it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGERS = (
    *(None, "quixstreams", "uvicorn", "uvicorn.error", "uvicorn.access"),
    *("httpx", "httpcore", "urllib3", "psycopg.pool", "asyncio"),
)


@contextmanager
def logging_kept() -> Iterator[None]:
    """Put back handlers and levels, also of the libraries' loggers."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    try:
        yield
    finally:
        for logger, handlers, level, propagate in before:
            logger.handlers[:] = handlers
            logger.setLevel(level)
            logger.propagate = propagate
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
