"""The `Outlet` into Kafka: one idempotent producer, its confirmations served on the loop."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from storage.kafka import clients

if TYPE_CHECKING:
    from collections.abc import Callable

_log = structlog.get_logger(__name__)

POLL_S = 0.005
"""How often confirmations are fetched while some are due. Only commits wait for them."""

IDLE_POLL_S = 0.5


LINGER_MS = 10
BUSY = 8
"""With so many outcomes due or on their way a record waits `LINGER_MS` for company: a request for each would
cost the broker more than anything else. With fewer it leaves at once."""


class KafkaOutlet:
    """Sends at once, or in company when much is on its way; acknowledged by all replicas.

    Results need no order among each other: the coordinator knows each by its attempt. So two producers do.

    A record that cannot be delivered ends the runner. Nothing is lost by that: its job is not committed.
    """

    def __init__(self, bootstrap: str) -> None:
        self._prompt, self._batching = (
            Producer({**clients.producer_config(bootstrap, linger_ms=linger), "error_cb": self._on_error})
            for linger in (0, LINGER_MS)
        )
        self._undelivered = 0
        self._expected = 0
        self._poller: asyncio.TimerHandle | None = None
        self._idle = True
        self._failed: Callable[[Exception], None] = lambda _: None

    @property
    def undelivered(self) -> int:
        """How many records are not confirmed yet."""
        return self._undelivered

    def start(self, failed: Callable[[Exception], None]) -> None:
        """Begin to serve confirmations on the running loop."""
        self._failed = failed
        self._schedule()

    def expect(self, jobs: int) -> None:
        """So many jobs have just come together."""
        self._expected = jobs

    def send(self, topic: str, key: bytes | None, value: bytes, delivered: Callable[[], None]) -> None:
        """Hand the record to a producer."""
        producer = self._prompt if self._undelivered + self._expected < BUSY else self._batching
        self._expected = max(0, self._expected - 1)
        try:
            producer.produce(topic, value, key, on_delivery=partial(self._confirmed, delivered))
        except (BufferError, KafkaException) as error:
            self._failed(error)
            return
        self._undelivered += 1
        if self._idle:
            self._schedule()

    def send_unconfirmed(self, topic: str, key: bytes, value: bytes) -> None:
        """Hand the record to the producer; a full buffer drops it."""
        try:
            # The feed ends with the run: lines should not come after its last event.
            self._prompt.produce(topic, value, key)
        except (BufferError, KafkaException) as error:
            _log.debug("record_dropped", topic=topic, error=str(error))

    async def close(self, timeout_s: float) -> None:
        """Wait for what is undelivered."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while (self._undelivered or len(self._prompt) or len(self._batching)) and loop.time() < deadline:
            self._serve()
            await asyncio.sleep(POLL_S)
        if self._poller is not None:
            self._poller.cancel()

    def _confirmed(self, delivered: Callable[[], None], error: KafkaError | None, _message: Message) -> None:
        self._undelivered -= 1
        if error is None:
            delivered()
        else:
            self._failed(KafkaException(error))

    def _schedule(self) -> None:
        self._idle = self._undelivered == 0
        if self._poller is not None:
            self._poller.cancel()
        delay = IDLE_POLL_S if self._idle else POLL_S
        self._poller = asyncio.get_running_loop().call_later(delay, self._poll)

    def _poll(self) -> None:
        self._serve()
        self._schedule()

    def _serve(self) -> None:
        self._prompt.poll(0)
        self._batching.poll(0)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._failed(KafkaException(error))
        else:
            _log.warning("kafka", error=str(error))
