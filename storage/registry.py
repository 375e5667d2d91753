"""Names of workflows: which versions and tags there are, as the materializer published them."""

from __future__ import annotations

import threading
from difflib import get_close_matches
from time import monotonic
from typing import TYPE_CHECKING, Protocol

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from engine.errors import Refusal
from engine.workflow_versioned import WorkflowRegistered
from storage.kafka.clients import consumer_config
from storage.kafka.topics import WORKFLOW_REGISTRY
from storage.wire import WireError, decode

if TYPE_CHECKING:
    from confluent_kafka import Message

DEFAULT_TAG = "main"

_POLL_S = 0.2
_BATCH = 1000
_CLOSE_S = 10.0

log = structlog.get_logger(__name__)


def registry_key(workspace: str, name: str) -> str:
    """The record key of a workflow in `workflow.registry`."""
    return f"{workspace}/{name}"


class WorkflowRegistry(Protocol):
    """What is known of every workflow; reads are lock-free and safe from any thread."""

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Return when the topic is read to its end; Refusal REGISTRY_UNAVAILABLE after `timeout_s`."""

    def is_ready(self) -> bool:
        """Whether the table is whole and its reader alive."""

    def get(self, workspace: str, name: str) -> WorkflowRegistered | None:
        """All versions and tags of one workflow."""

    def names(self, workspace: str) -> list[str]:
        """The workflows of a workspace, sorted."""

    def resolve(
        self, workspace: str, name: str, *, tag: str | None = None, version: int | None = None
    ) -> tuple[int, str]:
        """Version and content hash; `version` comes before `tag`, which is `main` when neither is given.

        Refusal WORKFLOW_UNKNOWN, TAG_UNKNOWN or VERSION_UNKNOWN, with what there is instead.
        """

    def wait_for(self, workspace: str, name: str, seq: int, timeout_s: float) -> bool:
        """Whether the workflow is known up to `seq`, after blocking for at most `timeout_s`."""

    def catch_up(self, timeout_s: float = 5.0) -> None:
        """Return when all is known that was published before the call; Refusal after `timeout_s`."""

    def close(self) -> None:
        """Stop reading."""


class WorkflowTable:
    """The table itself, whoever fills it (`put`, `remove`)."""

    def __init__(self) -> None:
        self._by_key: dict[str, WorkflowRegistered] = {}
        self._changed = threading.Condition()

    def put(self, record: WorkflowRegistered) -> None:
        """Take over a record; an older one than the known is a duplicate."""
        key = registry_key(record.workspace, record.name)
        known = self._by_key.get(key)
        if known is not None and known.seq > record.seq:
            return
        with self._changed:
            self._by_key[key] = record
            self._changed.notify_all()

    def remove(self, key: str) -> None:
        """Forget a workflow (a tombstone)."""
        with self._changed:
            self._by_key.pop(key, None)
            self._changed.notify_all()

    def get(self, workspace: str, name: str) -> WorkflowRegistered | None:
        """All versions and tags of one workflow."""
        return self._by_key.get(registry_key(workspace, name))

    def names(self, workspace: str) -> list[str]:
        """The workflows of a workspace, sorted."""
        return sorted(record.name for record in list(self._by_key.values()) if record.workspace == workspace)

    def resolve(
        self, workspace: str, name: str, *, tag: str | None = None, version: int | None = None
    ) -> tuple[int, str]:
        """Version and content hash; Refusal WORKFLOW_UNKNOWN, TAG_UNKNOWN or VERSION_UNKNOWN."""
        known = self.get(workspace, name)
        if known is None:
            near = _did_you_mean(name, self.names(workspace))
            raise Refusal("WORKFLOW_UNKNOWN", f"there is no workflow {name!r}{near}")
        if version is None:
            tag = tag or DEFAULT_TAG
            version = known.tags.get(tag)
            if version is None:
                near = _did_you_mean(tag, sorted(known.tags))
                raise Refusal("TAG_UNKNOWN", f"workflow {name!r} has no tag {tag!r}{near}")
        if not 1 <= version <= len(known.versions):
            raise Refusal(
                "VERSION_UNKNOWN",
                f"workflow {name!r} has no version {version}: it has 1 to {len(known.versions)}",
            )
        return version, known.versions[version - 1]

    def wait_for(self, workspace: str, name: str, seq: int, timeout_s: float) -> bool:
        """Whether the workflow is known up to `seq`, after waiting at most `timeout_s`."""

        def arrived() -> bool:
            known = self.get(workspace, name)
            return known is not None and known.seq >= seq

        with self._changed:
            return self._changed.wait_for(arrived, timeout_s)


def _did_you_mean(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(repr(item) for item in near)}?"
    return ""


class MemoryWorkflowRegistry(WorkflowTable):
    """The twin without Kafka: `put` is its topic."""

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """It is ready."""

    def is_ready(self) -> bool:
        """Always."""
        return True

    def catch_up(self, timeout_s: float = 5.0) -> None:
        """It always is."""

    def close(self) -> None:
        """Nothing to stop."""


class KafkaWorkflowRegistry(WorkflowTable):
    """Reads `workflow.registry` from its beginning in a thread of its own, while the process lives."""

    def __init__(self, bootstrap: str, *, topic: str = WORKFLOW_REGISTRY) -> None:
        super().__init__()
        self._topic = topic
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._position = 0
        # The end of the partition is an event: compaction leaves gaps, so that no offset says "all is read".
        self._consumer = Consumer(
            {**consumer_config(bootstrap, "aob-registry"), "enable.partition.eof": True}
        )
        self._thread = threading.Thread(target=self._run, name="workflow-registry", daemon=True)
        self._thread.start()

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Return when the topic is read to its end; Refusal REGISTRY_UNAVAILABLE after `timeout_s`."""
        deadline = monotonic() + timeout_s
        while not self._ready.wait(min(_POLL_S, max(0.0, deadline - monotonic()))):
            if monotonic() >= deadline:
                raise self._unavailable(timeout_s)

    def is_ready(self) -> bool:
        """Whether the table is whole and its reader alive."""
        return self._ready.is_set() and self._thread.is_alive()

    def catch_up(self, timeout_s: float = 5.0) -> None:
        """Return when all is known that was published before the call; Refusal after `timeout_s`."""
        partition = TopicPartition(self._topic, 0)
        try:
            end = self._consumer.get_watermark_offsets(partition, timeout=timeout_s)[1]
        except KafkaException as error:
            raise self._unavailable(timeout_s) from error
        with self._changed:
            if not self._changed.wait_for(lambda: self._position >= end, timeout_s):
                raise self._unavailable(timeout_s)

    def _unavailable(self, timeout_s: float) -> Refusal:
        return Refusal(
            "REGISTRY_UNAVAILABLE",
            f"topic {self._topic} could not be read within {timeout_s:g} s: "
            "is Kafka up, and does the topic exist?",
        )

    def close(self) -> None:
        """Stop reading and leave the broker."""
        self._stopping.set()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        try:
            self._consumer.assign([TopicPartition(self._topic, 0, OFFSET_BEGINNING)])
            while not self._stopping.is_set():
                first = self._consumer.poll(_POLL_S)
                if first is None:
                    continue
                # `consume` alone would wait for its time-out to fill the batch.
                for message in (first, *self._consumer.consume(_BATCH, 0)):
                    self._take(message)
                    self._moved(message)
        finally:
            self._consumer.close()

    def _moved(self, message: Message) -> None:
        """Note how far the topic is read; at its end the event itself stands at the next offset."""
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 (as below)
            return
        with self._changed:
            self._position = max(self._position, message.offset() + (error is None))
            self._changed.notify_all()

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 (public constants of confluent-kafka begin so)
                self._ready.set()
            else:
                log.warning("registry.read_failed", topic=self._topic, error=str(error))
            return
        key = (message.key() or b"").decode("utf-8", "replace")
        if message.value() is None:
            self.remove(key)
            return
        try:
            record = decode(message.value())
        except WireError as wrong:
            log.warning("registry.record_skipped", offset=message.offset(), error=str(wrong))
            return
        if isinstance(record, WorkflowRegistered):
            self.put(record)
        else:
            log.warning(
                "registry.record_skipped",
                offset=message.offset(),
                error=f"unexpected {type(record).__name__}",
            )
