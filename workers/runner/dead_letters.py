"""Records in job topics that are no jobs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import structlog

from engine.dead_letter import DeadLetter
from storage.dead_letters import as_record
from storage.kafka.topics import DEAD_LETTERS
from workers.runner.attempt import now_ms

if TYPE_CHECKING:
    from workers.broker import Outlet
    from workers.runner.intake import Waiting

_log = structlog.get_logger(__name__)


def bury(outlet: Outlet, waiting: Waiting, code: str, reason: str) -> None:
    """Put the record into the dead letters; it is finished once that is delivered."""
    ledger, record = waiting
    topic, partition = record.partition
    letter = DeadLetter(
        processor="runner",
        topic=topic,
        partition=partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=record.headers,
        code=code,
        reason=reason,
        at=now_ms(),
    )
    _log.warning(
        "dead_letter", topic=topic, partition=partition, offset=record.offset, code=code, reason=reason
    )
    outlet.send(DEAD_LETTERS, *as_record(letter), partial(ledger.finish, record.offset))
