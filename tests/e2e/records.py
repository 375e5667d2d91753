"""Records of the test's own on the topics of the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Message, TopicPartition

from engine.dead_letter import DeadLetter
from engine.effects import Reply
from storage.kafka.clients import producer, tail
from storage.kafka.topics import COMMAND_REPLIES, DEAD_LETTERS
from storage.tokens import HEADER, Role, Tokens
from storage.wire import decode
from tests.e2e.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.e2e.stack import Stack

REPLY_PARTITION = 14
"""Nobody else's."""

_REQUEST_S = 30.0


class Sent(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


class Records:
    """Writes records, and reads what becomes of them."""

    def __init__(self, stack: Stack) -> None:
        self._bootstrap = stack.first.kafka
        self._tokens = Tokens(stack.secret)
        self._producer = producer(self._bootstrap)

    def authorization(self, role: Role = "service", workspace: str = "default") -> list[tuple[str, bytes]]:
        """Headers of somebody who may write on public topics."""
        return [(HEADER, self._tokens.header(workspace, role, "user:e2e"))]

    def send(
        self,
        topic: str,
        records: Iterable[tuple[bytes | None, bytes | None]],
        headers: list[tuple[str, bytes]] | None = None,
    ) -> list[Sent]:
        """Write keys and values; where they stand, in the order of their arrival."""
        sent: list[Sent] = []

        def delivered(error: object, message: Message) -> None:
            assert error is None, error
            sent.append(Sent(message.topic(), message.partition(), message.offset()))

        for key, value in records:
            self._producer.produce(topic, value, key, headers=headers or [], on_delivery=delivered)
        assert self._producer.flush(PATIENCE_S) == 0
        return sent

    def dead_letters(self, of: Iterable[Sent]) -> dict[Sent, DeadLetter]:
        """The letters of these records, when all are there."""
        wanted = set(of)
        found: dict[Sent, DeadLetter] = {}
        consumer = tail(self._bootstrap, "e2e-dead-letters")
        try:
            consumer.assign([TopicPartition(DEAD_LETTERS, 0, 0)])

            def all_found() -> bool:
                for message in consumer.consume(500, timeout=0.2):
                    letter = decode(message.value())
                    assert isinstance(letter, DeadLetter)
                    found[Sent(letter.topic, letter.partition, letter.offset)] = letter
                return wanted <= found.keys()

            until(all_found, f"dead letters of {len(wanted)} records")
        finally:
            consumer.close()
        return {place: found[place] for place in wanted}

    def replies(self, commands: set[str]) -> dict[str, Reply]:
        """The replies to commands that asked for them on REPLY_PARTITION, when all are there."""
        found: dict[str, Reply] = {}
        consumer = tail(self._bootstrap, "e2e-replies")
        try:
            consumer.assign([TopicPartition(COMMAND_REPLIES, REPLY_PARTITION, 0)])

            def all_found() -> bool:
                for message in consumer.consume(500, timeout=0.2):
                    reply = decode(message.value())
                    if isinstance(reply, Reply) and reply.command_id in commands:
                        found[reply.command_id] = reply
                return commands <= found.keys()

            until(all_found, f"replies to {len(commands)} commands")
        finally:
            consumer.close()
        return found
