"""The processors' groups and changelogs: names as quixstreams derives them, settings as they must be."""

from __future__ import annotations

from typing import NamedTuple

from storage.kafka.topics import NODE_RESULTS, PATCH_CREATED, TIMERS, Topic

_MINUTE = 60_000
_HOUR = 60 * _MINUTE

DEFAULT_STORE = "default"
"""quixstreams' name of the store behind `State`."""

TOMBSTONES_MS = 24 * _HOUR
"""How long a changelog remembers that a key was removed; older local state must not be brought up to date."""


class Changelog(NamedTuple):
    """The state of one processor, by the topic that it reads and the name of its store."""

    processor: str
    source: str
    store: str = DEFAULT_STORE

    @property
    def topic(self) -> str:
        """The changelog's topic, as quixstreams names it."""
        return f"changelog__{group_of(self.processor)}--{self.source}--{self.store}"


CHANGELOGS = (
    Changelog("coordinator", NODE_RESULTS),
    Changelog("materializer", PATCH_CREATED),
    Changelog("timers", TIMERS, "timers"),
)


def group_of(processor: str) -> str:
    """The consumer group of a processor."""
    return f"aob.{processor}"


def changelog_topic(changelog: Changelog, source: Topic) -> Topic:
    """The topic of a changelog: as many partitions as its source, kept small for a quick restore."""
    return Topic(
        changelog.topic,
        source.partitions,
        retention_ms=-1,
        compacted=True,
        extra={
            # Only closed segments are compacted: small ones, closed soon.
            "segment.bytes": str(16 * 1024 * 1024),
            "segment.ms": str(10 * _MINUTE),
            "min.cleanable.dirty.ratio": "0.2",
            # A record is not compacted away by one that the group may still take back.
            "min.compaction.lag.ms": str(_MINUTE),
            "max.compaction.lag.ms": str(_HOUR),
            "delete.retention.ms": str(TOMBSTONES_MS),
        },
    )
