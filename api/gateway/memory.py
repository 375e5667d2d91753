"""The twin of the gateway without Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from api.gateway.gateway import Expectation, GatewayUnavailableError
from engine.commands import RunCommand, WorkflowCommand
from engine.effects import Reply


@dataclass(frozen=True, slots=True)
class Sent:
    """A command as it would stand in its topic."""

    key: str
    command: RunCommand | WorkflowCommand
    authorization: bytes


class MemoryGateway:
    """Keeps what is sent; `respond` plays the processors that answer, `answer` speaks for them later."""

    def __init__(self, respond: Callable[[Sent], Reply | None] | None = None) -> None:
        self.sent: list[Sent] = []
        self.failure: GatewayUnavailableError | None = None
        self.respond = respond
        self._waiting: dict[str, asyncio.Future[Reply]] = {}

    @property
    def reply_to(self) -> int:
        """Partition 0."""
        return 0

    async def open(self) -> None:
        """It is open."""

    async def close(self) -> None:
        """Nothing is buffered."""

    async def send(self, key: str, command: RunCommand | WorkflowCommand, authorization: bytes) -> None:
        """Keep the command, or fail as `failure` says."""
        if self.failure is not None:
            raise self.failure
        sent = Sent(key, command, authorization)
        self.sent.append(sent)
        reply = self.respond(sent) if self.respond is not None else None
        if reply is not None:
            self.answer(reply)

    def answer(self, reply: Reply) -> None:
        """Hand a reply to whoever expects it."""
        future = self._waiting.get(reply.command_id)
        if future is not None and not future.done():
            future.set_result(reply)

    def expect(self, command_id: str) -> Expectation:
        """Keep the reply to `command_id` from now on."""
        return Expectation(self._waiting, command_id)

    async def check(self) -> None:
        """Fail as `failure` says."""
        if self.failure is not None:
            raise self.failure
