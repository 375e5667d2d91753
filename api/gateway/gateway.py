"""`CommandGateway`: what the api needs of Kafka."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, Self

from engine.commands import RunCommand, TagWorkflow, UploadWorkflow, WorkflowCommand

if TYPE_CHECKING:
    from types import TracebackType

    from engine.effects import Reply


class GatewayUnavailableError(Exception):
    """Kafka did not confirm a command. `sent` is False when it certainly never left this process."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Expectation:
    """A place for one reply, from before its command is sent until somebody stops waiting."""

    def __init__(self, waiting: dict[str, asyncio.Future[Reply]], command_id: str) -> None:
        self._waiting = waiting
        self._command_id = command_id
        self._future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def __enter__(self) -> Self:
        self._waiting[self._command_id] = self._future
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.pop(self._command_id, None)
        self._future.cancel()

    async def reply(self, timeout_s: float) -> Reply | None:
        """The reply, or None when it has not come within `timeout_s`."""
        done, _ = await asyncio.wait({self._future}, timeout=timeout_s)
        return self._future.result() if done else None


class CommandGateway(Protocol):
    """Sends commands; hands replies to whoever expects them."""

    @property
    def reply_to(self) -> int:
        """The partition of `command.replies` that this instance reads."""

    async def open(self) -> None:
        """Be ready to send and to hear replies; GatewayUnavailableError when Kafka or a topic is missing."""

    async def close(self) -> None:
        """Send what is still buffered, then let go."""

    async def send(self, key: str, command: RunCommand | WorkflowCommand, authorization: bytes) -> None:
        """Return when the command is durable (acks=all); GatewayUnavailableError otherwise."""

    def expect(self, command_id: str) -> Expectation:
        """Keep the reply to `command_id` from now on (a context manager: enter it before `send`)."""

    async def check(self) -> None:
        """GatewayUnavailableError unless Kafka answers."""


def is_workflow_command(command: RunCommand | WorkflowCommand) -> bool:
    """Whether the command belongs to `patch.created` (the others to `run.commands`)."""
    return isinstance(command, UploadWorkflow | TagWorkflow)
