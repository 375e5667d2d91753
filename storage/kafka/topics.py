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
    extra: dict[str, str] = field(default_factory=dict)

    def config(self) -> dict[str, str]:
        """Kafka's topic settings."""
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(self.retention_ms),
            "message.timestamp.type": "LogAppendTime" if self.log_append_time else "CreateTime",
            **self.extra,
        }


def job_topic(queue: str, priority: str) -> str:
    """The topic for jobs of a queue and a priority."""
    return f"{NODE_JOBS}.{priority}" if queue == DEFAULT_QUEUE else f"{NODE_JOBS}.{queue}.{priority}"


def all_topics(queues: tuple[str, ...] = (DEFAULT_QUEUE,), reply_partitions: int = 16) -> list[Topic]:
    """Every topic that the product needs, with the job topics of `queues`."""
    jobs = [
        Topic(job_topic(queue, priority), "runs", 7 * _DAY) for queue in queues for priority in PRIORITIES
    ]
    return [
        Topic(RUN_COMMANDS, "runs", 7 * _DAY, log_append_time=True),
        Topic(NODE_RESULTS, "runs", 7 * _DAY, log_append_time=True),
        Topic(TIMERS, "runs", 7 * _DAY, log_append_time=True),
        Topic(WORKFLOW_EVENTS, "runs", 7 * _DAY),
        Topic(NODE_LOGS, "runs", _DAY),
        Topic(PATCH_CREATED, "runs", 7 * _DAY, log_append_time=True),
        Topic(WORKFLOW_REGISTRY, 1, -1, compacted=True),
        Topic(NODE_CANCELS, 1, _HOUR),
        Topic(COMMAND_REPLIES, reply_partitions, _HOUR),
        Topic(DEAD_LETTERS, 1, 30 * _DAY),
        *jobs,
    ]
