"""The driver: starts runs on `run.commands` and hears of their ends on `command.replies`."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from engine.commands import StartRun
from engine.effects import Reply
from engine.payload import Payload, inline
from storage.kafka.clients import consumer_config, producer_config
from storage.kafka.topics import COMMAND_REPLIES, RUN_COMMANDS
from storage.tokens import HEADER, Tokens
from storage.wire import decode, encode

if TYPE_CHECKING:
    from bench.stack import Stack

REPLY_PARTITION = 15
"""Not the api's."""

STALL_S = 60.0


@dataclass
class Result:
    """`elapsed` seconds from the first start to the last end; `latencies` seconds of each run."""

    elapsed: float
    latencies: list[float]

    def percentile(self, share: float) -> float:
        """A latency in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Driver:
    """Starts runs of uploaded workflows."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        bootstrap = stack.info["kafka"]
        self._producer = Producer(producer_config(bootstrap, linger_ms=0))
        # Fetched replies wake the driver at once.
        self._consumer = Consumer(consumer_config(bootstrap, f"bench-{uuid.uuid4().hex}"))
        replies = TopicPartition(COMMAND_REPLIES, REPLY_PARTITION)
        # The end as it is now: OFFSET_END would be looked up later, behind the first replies.
        replies.offset = self._consumer.get_watermark_offsets(replies, timeout=10)[1]
        self._consumer.assign([replies])
        self._headers = [(HEADER, Tokens(stack.secret()).header("default", "service", "user:bench"))]
        self.http = httpx.Client(
            base_url=stack.info["api_url"],
            headers={"Authorization": f"Bearer {stack.info['api_key']}"},
            timeout=60.0,
        )

    def upload(self, workflow: dict[str, Any]) -> None:
        """Upload a workflow."""
        response = self.http.put(f"/v1/workflows/{workflow['name']}", json=workflow)
        assert response.status_code in {200, 201}, response.text

    def _start(self, workflow: str, inputs: Payload) -> str:
        run_id = f"r0_b{uuid.uuid4().hex}"
        command = StartRun(
            command_id=run_id,
            run_id=run_id,
            workflow=workflow,
            inputs=inputs,
            reply_to=REPLY_PARTITION,
            requested_at=int(time.time() * 1000),
        )
        self._producer.produce(RUN_COMMANDS, encode(command), run_id.encode(), headers=self._headers)
        self._producer.poll(0)
        return run_id

    def run(self, workflow: str, runs: int, in_flight: int, inputs: object = None) -> Result:
        """Run a workflow `runs` times, `in_flight` at a time; every run has to complete."""
        payload = inline({} if inputs is None else inputs)
        waiting: dict[str, float] = {}
        latencies: list[float] = []
        started = 0
        began = heard = time.perf_counter()
        while len(latencies) < runs:
            while started < runs and len(waiting) < in_flight:
                waiting[self._start(workflow, payload)] = time.perf_counter()
                started += 1
            for message in self._replies():
                if message.error() is not None:
                    continue
                reply = decode(message.value())
                assert isinstance(reply, Reply)
                now = time.perf_counter()
                since = waiting.pop(reply.command_id, None)
                if since is None:
                    continue
                body = msgspec.json.decode(reply.body or b"{}")
                assert reply.ok, reply
                assert body["status"] == "COMPLETED", body
                latencies.append(now - since)
                heard = now
            if time.perf_counter() - heard > STALL_S:
                raise RuntimeError(
                    f"{len(waiting)} of {runs} runs of {workflow} did not end: {list(waiting)[:3]}"
                )
        return Result(time.perf_counter() - began, latencies)

    def _replies(self) -> list[Any]:
        """What has come, at least one if any comes: `consume` alone would wait to fill its batch."""
        first = self._consumer.poll(1.0)
        return [] if first is None else [first, *self._consumer.consume(500, 0)]

    def close(self) -> None:
        """Leave."""
        self._producer.flush(10)
        self._consumer.close()
        self.http.close()
