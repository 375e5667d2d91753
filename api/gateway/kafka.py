"""The gateway on Kafka: one producer and one reader of replies, both served by the event loop itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from api.gateway.gateway import Expectation, GatewayUnavailableError, is_workflow_command
from engine.effects import Reply
from storage.kafka.clients import consumer_config, producer_config
from storage.kafka.topics import COMMAND_REPLIES, PATCH_CREATED, RUN_COMMANDS
from storage.tokens import HEADER
from storage.wire import WireError, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from engine.commands import RunCommand, WorkflowCommand

_BUSY_S = 0.001
_IDLE_S = 0.5
_META_S = 10.0
_CHECK_S = 2.0
_REPLIES_A_TICK = 500

log = structlog.get_logger(__name__)


class KafkaGateway:
    """Delivery reports and replies are fetched by a tick of the event loop: every ms while one is waited for.

    librdkafka does its network work in threads of its own, without Python; a tick only empties its queues. So
    no message hops between Python threads, which would cost more than the rest of a request.
    """

    def __init__(self, bootstrap: str, reply_to: int, *, delivery_timeout_ms: int = 5000) -> None:
        self._reply_to = reply_to
        self._bootstrap = bootstrap
        self._producer_config = producer_config(bootstrap) | {"message.timeout.ms": delivery_timeout_ms}
        self._producer = Producer(self._producer_config)
        self._retired: list[Producer] = []
        self._consumer = Consumer(consumer_config(bootstrap, "aob-api-replies"))
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._in_flight = 0
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def reply_to(self) -> int:
        """The partition of `command.replies` that this instance reads."""
        return self._reply_to

    async def open(self) -> None:
        """Find the end of the reply partition and begin to tick."""
        partition = TopicPartition(COMMAND_REPLIES, self._reply_to)
        try:
            # The end is pinned here: a reply that comes before the first poll must not be missed.
            watermarks = await asyncio.to_thread(self._consumer.get_watermark_offsets, partition, _META_S)
        except KafkaException as error:
            msg = f"cannot read partition {self._reply_to} of {COMMAND_REPLIES} at {self._bootstrap}: {error}"
            raise GatewayUnavailableError(msg, sent=False) from error
        self._consumer.assign([TopicPartition(COMMAND_REPLIES, self._reply_to, watermarks[1])])
        self._schedule(_IDLE_S)

    async def close(self) -> None:
        """Send what is still buffered, then let go."""
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.to_thread(self._producer.flush, _META_S)
        await asyncio.to_thread(self._consumer.close)

    async def send(self, key: str, command: RunCommand | WorkflowCommand, authorization: bytes) -> None:
        """Return when the command is durable (acks=all); GatewayUnavailableError otherwise."""
        delivered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        topic = PATCH_CREATED if is_workflow_command(command) else RUN_COMMANDS
        try:
            self._producer.produce(
                topic,
                encode(command),
                key.encode(),
                headers=[(HEADER, authorization)],
                on_delivery=self._report(delivered),
            )
        except (BufferError, KafkaException) as error:
            raise GatewayUnavailableError(f"the command could not be queued: {error}", sent=False) from error
        self._in_flight += 1
        self._wake()
        await delivered

    def expect(self, command_id: str) -> Expectation:
        """Keep the reply to `command_id` from now on."""
        self._wake()
        return Expectation(self._waiting, command_id)

    async def check(self) -> None:
        """GatewayUnavailableError unless Kafka answers."""
        try:
            await asyncio.to_thread(self._producer.list_topics, RUN_COMMANDS, _CHECK_S)
        except KafkaException as error:
            raise GatewayUnavailableError(f"Kafka at {self._bootstrap}: {error}", sent=False) from error

    def _report(self, delivered: asyncio.Future[None]) -> Callable[[KafkaError | None, Message], None]:
        def report(error: KafkaError | None, _: Message) -> None:
            self._in_flight -= 1
            if error is not None and error.fatal():
                self._replace_producer()
            if delivered.done():  # its request was given up
                return
            if error is None:
                delivered.set_result(None)
            else:
                delivered.set_exception(GatewayUnavailableError(f"Kafka did not confirm: {error}", sent=True))

        return report

    def _replace_producer(self) -> None:
        """Take another when an idempotent one lost its sequence; what the old one holds fails on its own."""
        log.error("gateway.producer_replaced")
        self._retired.append(self._producer)
        self._producer = Producer(self._producer_config)

    def _wake(self) -> None:
        if not self._busy:
            self._busy = True
            self._schedule(_BUSY_S)

    def _schedule(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        try:
            self._poll()
        except KafkaException as error:
            log.warning("gateway.poll_failed", error=str(error))
        finally:
            self._busy = self._in_flight > 0 or bool(self._waiting)
            self._schedule(_BUSY_S if self._busy else _IDLE_S)

    def _poll(self) -> None:
        for retired in self._retired:
            retired.poll(0)
        self._producer.poll(0)
        for message in self._consumer.consume(_REPLIES_A_TICK, 0):
            self._take(message)

    def _take(self, message: Message) -> None:
        if message.error() is not None:
            log.warning("replies.read_failed", error=str(message.error()))
            return
        try:
            reply = decode(message.value())
        except WireError as error:
            log.warning("replies.record_skipped", offset=message.offset(), error=str(error))
            return
        future = self._waiting.get(reply.command_id) if isinstance(reply, Reply) else None
        if future is not None and not future.done() and isinstance(reply, Reply):
            future.set_result(reply)
