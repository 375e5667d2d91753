"""Run a processor as a process: checks, health, the loop, and an exit code that says how it ended."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaError, KafkaException
from quixstreams.state.exceptions import InvalidStoreChangelogOffset

from storage import heap
from storage.health import HealthServer
from streams.runtime import startup
from streams.runtime.local_state import state_dir_of
from streams.runtime.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from quixstreams import Application
    from quixstreams.dataframe import StreamingDataFrame

    from streams.runtime.settings import StreamSettings

logger = logging.getLogger(__name__)

STOPPED = 0
FAILED = 1
MISCONFIGURED = 2
"""Starting again without a change will not help."""

_FENCED = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 (librdkafka's own codes begin with _)
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
        KafkaError.UNKNOWN_MEMBER_ID,
    }
)


class Topology(NamedTuple):
    """An application and the dataframe that its records go through."""

    application: Application
    dataframe: StreamingDataFrame


def run(settings: StreamSettings, processor: str, build: Callable[[], Topology]) -> int:
    """Run until SIGTERM or SIGINT (a last commit, then `STOPPED`) or an error (`FAILED`, nothing committed).

    `build` is called after the start-up checks, when the topics are known to exist.
    """
    try:
        startup.check(settings, processor)
    except startup.StartupError as error:
        logger.error("%s cannot start: %s", processor, error)  # noqa: TRY400 (the sentence says all)
        return MISCONFIGURED
    try:
        with ExitStack() as stack:
            topology = build()
            progress = Progress(topology.dataframe, settings.stall_warning_s)
            if settings.health_port is not None:
                stack.enter_context(HealthServer(settings.health_port, progress.unready))
            heap.settle()
            topology.application.run()
    except InvalidStoreChangelogOffset:
        folder = state_dir_of(settings)
        logger.exception("%s ends: local state is newer than its changelog; remove %s", processor, folder)
        return FAILED
    except Exception as error:
        # Whatever it is: what was not committed is read again by the next start.
        logger.exception("%s ends: %s", processor, _reason(error))  # noqa: TRY401 (the last line)
        return FAILED
    logger.info("%s has stopped", processor)
    return STOPPED


def _reason(error: Exception) -> str:
    """In one line; a fenced owner's error alone does not say what that means."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, KafkaException) and error.args[0].code() in _FENCED:
        return f"another instance has taken over its partitions or its name ({text})"
    return text
