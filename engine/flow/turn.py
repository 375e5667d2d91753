"""`Turn`: a decision in the making. Events change the state as they are emitted; steps queue what follows."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from engine.appliers import apply, begin
from engine.effects import Effect, Reply
from engine.facts import WorkContinued
from engine.step import Step

if TYPE_CHECKING:
    from engine.errors import Issue, NodeError
    from engine.events import Event
    from engine.payload import Payload
    from engine.state import RunState, RunView

EVENT_LIMIT: Final = 150
"""A decision takes up no further step beyond this; a step emits fewer than 45, so 200 are never exceeded."""

SIZE_LIMIT: Final = 128 * 1024
"""The same for bytes of payloads; a step adds at most 128 KiB, so 256 KiB are never exceeded."""

FIXED_SIZE: Final = 150
"""What an event or an effect costs beside its payload, in bytes."""

STEP_SIZE: Final = 40
"""What a step costs beside its path and value, in bytes: it may have to be kept."""

READ_SIZE: Final = 40
"""What looking at an instance costs, as if it were bytes."""

EDGE_SIZE: Final = 6
"""What the word about one edge (`false,`) costs in an event, in bytes."""


class Turn:
    """A decision on one fact of one run, at `at` (Unix ms), which never runs backwards within a run."""

    __slots__ = (
        "_state",
        "_workspace",
        "at",
        "continuing",
        "effects",
        "events",
        "ignored",
        "size",
        "steps",
    )

    def __init__(self, state: RunState, workspace: str, at: int) -> None:
        self._state = state
        self._workspace = workspace
        self.at = max(state.header.at, at) if state.known else at
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
        if not self.events:
            # A fact that changes nothing leaves the state as it was, the time included.
            begin(self._state, self._workspace, self.at)
        apply(self._state, event)
        self.events.append(event)
        self.size += FIXED_SIZE + size

    def send(self, effect: Effect, size: int = 0) -> None:
        """Send an effect; `size` is that of its payloads in bytes."""
        self.effects.append(effect)
        self.size += FIXED_SIZE + size

    def push(self, kind: str, path: str = "", cursor: int = 0, value: Payload | None = None) -> None:
        """Queue a step."""
        self.steps.append(Step(kind, path, cursor, value))
        self.size += STEP_SIZE + len(path) + inline_size(value)

    def take(self, steps: list[Step]) -> None:
        """Queue steps."""
        self.steps.extend(steps)
        self.size += sum(STEP_SIZE + len(step.path) + inline_size(step.value) for step in steps)

    def weigh(self, reads: int) -> None:
        """Count `reads` instances that were only looked at, so that a decision over many of them ends too."""
        self.size += READ_SIZE * reads

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


def inline_size(payload: Payload | None) -> int:
    """Bytes that a payload adds to what it travels in."""
    return payload.size if payload is not None and payload.ref is None else 0


def error_size(error: NodeError | None) -> int:
    """Bytes that an error adds to what it travels in, about."""
    return 0 if error is None else len(error.code) + len(error.message)
