"""`Turn`: a decision in the making. Events change the state as they are emitted; steps queue what follows."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from engine.appliers import apply
from engine.effects import Effect, Reply
from engine.facts import WorkContinued
from engine.step import Step

if TYPE_CHECKING:
    from engine.errors import Issue
    from engine.events import Event
    from engine.state import RunState, RunView

EVENT_LIMIT: Final = 150
"""A decision takes up no further step beyond this; a step emits fewer than 50, so 200 are never exceeded."""

SIZE_LIMIT: Final = 128 * 1024
"""The same for bytes of payloads; a step adds at most 128 KiB, so 256 KiB are never exceeded."""

FIXED_SIZE: Final = 150
"""What an event or an effect costs beside its payload, in bytes."""


class Turn:
    """A decision on one fact of one run, at `at` (Unix ms)."""

    __slots__ = ("_state", "at", "continuing", "effects", "events", "ignored", "size", "steps")

    def __init__(self, state: RunState, at: int) -> None:
        self._state = state
        self.at = at
        self.events: list[Event] = []
        self.effects: list[Effect] = []
        self.steps: deque[Step] = deque()
        self.size = 0
        self.ignored: str | None = None
        self.continuing = False

    @property
    def run(self) -> RunView:
        """The run, to be read."""
        return self._state

    @property
    def full(self) -> bool:
        """Whether the rest has to wait for the next decision."""
        return len(self.events) >= EVENT_LIMIT or self.size >= SIZE_LIMIT

    def emit(self, event: Event, size: int = 0) -> None:
        """Number an event and make its change; `size` is that of its payloads in bytes."""
        apply(self._state, event)
        self.events.append(event)
        self.size += FIXED_SIZE + size

    def send(self, effect: Effect, size: int = 0) -> None:
        """Send an effect; `size` is that of its payloads in bytes."""
        self.effects.append(effect)
        self.size += FIXED_SIZE + size

    def push(self, kind: str, path: str = "", cursor: int = 0) -> None:
        """Queue a step."""
        self.steps.append(Step(kind, path, cursor))

    def ignore(self, reason: str) -> None:
        """The fact changes nothing: late, repeated or about nothing we know. Counted by the caller."""
        self.ignored = reason

    def remind(self) -> None:
        """Ask for the next decision about deferred steps."""
        header = self.run.header
        self.send(WorkContinued(workspace=header.workspace, run_id=self.run.run_id, position=header.head))

    def answer(
        self,
        command_id: str,
        reply_to: int | None,
        *,
        body: bytes | None = None,
        refused: tuple[str, str] | None = None,
        issues: list[Issue] | None = None,
    ) -> None:
        """Reply to a command if somebody waits for it: ok with a JSON body, or refused, why."""
        if reply_to is None:
            return
        code, message = refused or (None, None)
        self.send(
            Reply(
                command_id=command_id,
                reply_to=reply_to,
                ok=refused is None,
                run_id=self.run.run_id,
                code=code,
                message=message,
                issues=issues or [],
                body=body,
            ),
            len(body or b""),
        )
