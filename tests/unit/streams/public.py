"""What the tests of the processors that read public records share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quixstreams.context import copy_context, set_message_context
from quixstreams.models import MessageContext

from storage.tokens import HEADER, Tokens
from storage.wire import Record, decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from quixstreams.models import HeadersTuples

    from storage.tokens import Role
    from streams.runtime.outputs import Output

NOW_MS = 1_700_000_000_000
TOKENS = Tokens("s" * 32, clock=lambda: NOW_MS / 1000)


def signed(workspace: str = "acme", role: Role = "member", *, vouched: bool = False) -> HeadersTuples:
    """Headers of somebody of a workspace."""
    return [(HEADER, TOKENS.header(workspace, role, "key:1", vouched=vouched))]


def in_context(topic: str, handle: Callable[[], list[Output]]) -> list[tuple[Output, Record]]:
    """The outputs of a record that stands at offset 7 of partition 3, decoded."""

    def run() -> list[Output]:
        set_message_context(MessageContext(topic, 3, 7, 1))
        return handle()

    return [(output, decode(output.value)) for output in copy_context().run(run)]
