"""The topics: names, partitions, retention. One table, used to create them and to check them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

RUN_COMMANDS = "run.commands"
PATCH_CREATED = "patch.created"
NODE_RESULTS = "node.results"
NODE_JOBS = "node.jobs"
NODE_CANCELS = "node.cancels"
NODE_LOGS = "node.logs"
TIMERS = "timers"
COMMAND_REPLIES = "command.replies"
WORKFLOW_EVENTS = "workflow.events"
WORKFLOW_REGISTRY = "workflow.registry"
DEAD_LETTERS = "dead.letters"

REPLY_PARTITIONS = 16
"""Of `command.replies`: where a `reply_to` may point."""

# The ladder of sizes: what one side may write, the next can carry on.
#
#   16 KiB   a payload inline, after admission (engine/payload.py); above, it is a reference
#  0.9 MB    a definition in canonical form (engine/model/parse.py)
#    1 MiB   a payload inline in a public record (streams/admission/bounds.py); a body at the api
#    2 MiB   a public record
#    4 MiB   the value in a dead letter
#    8 MiB   any record of ours; a decision holds its cause and events
#   10 MiB   a batch on a topic of ours, so that it is the producer that says no, and at once
_MIB = 1024 * 1024
PUBLIC_BYTES = 2 * _MIB
RECORD_BYTES = 8 * _MIB
_OWN_BYTES = 10 * _MIB

PRIORITIES = ("high", "medium", "low")
DEFAULT_QUEUE = "default"

_HOUR = 3_600_000
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it must be. `partitions`: `runs` (the count of run-keyed topics) or a fixed number."""

    name: str
    partitions: Literal["runs"] | int
    retention_ms: int
    compacted: bool = False
    log_append_time: bool = False
    max_bytes: int = _OWN_BYTES
    extra: dict[str, str] = field(default_factory=dict)

    def config(self) -> dict[str, str]:
        """Kafka's topic settings."""
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.max_bytes),
            "message.timestamp.type": "LogAppendTime" if self.log_append_time else "CreateTime",
            **self.extra,
        }


def job_topic(queue: str, priority: str) -> str:
    """The topic for jobs of a queue and a priority."""
    return f"{NODE_JOBS}.{priority}" if queue == DEFAULT_QUEUE else f"{NODE_JOBS}.{queue}.{priority}"


def all_topics(
    queues: tuple[str, ...] = (DEFAULT_QUEUE,), reply_partitions: int = REPLY_PARTITIONS
) -> list[Topic]:
    """Every topic that the product needs, with the job topics of `queues`."""
    jobs = [
        Topic(job_topic(queue, priority), "runs", 7 * _DAY) for queue in queues for priority in PRIORITIES
    ]
    return [
        Topic(RUN_COMMANDS, "runs", 7 * _DAY, log_append_time=True, max_bytes=PUBLIC_BYTES),
        Topic(NODE_RESULTS, "runs", 7 * _DAY, log_append_time=True),
        Topic(TIMERS, "runs", 7 * _DAY, log_append_time=True),
        Topic(WORKFLOW_EVENTS, "runs", 7 * _DAY),
        Topic(NODE_LOGS, "runs", _DAY),
        Topic(PATCH_CREATED, "runs", 7 * _DAY, log_append_time=True, max_bytes=PUBLIC_BYTES),
        Topic(WORKFLOW_REGISTRY, 1, -1, compacted=True),
        Topic(NODE_CANCELS, 1, _HOUR),
        Topic(COMMAND_REPLIES, reply_partitions, _HOUR),
        Topic(DEAD_LETTERS, 1, 30 * _DAY),
        *jobs,
    ]
