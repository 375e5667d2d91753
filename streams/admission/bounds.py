"""Bounds of public records: beyond them a request is refused, so that what follows from it fits everywhere.

The sizes stand in a ladder (storage/kafka/topics.py); the api refuses the same earlier, with a pointer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from engine.commands import SignalRun, StartRun, TagWorkflow, UploadWorkflow
from engine.errors import Issue, Refusal
from engine.ids import SIGNAL_PATTERN, is_id
from storage.dead_letters import clipped
from storage.kafka.topics import PUBLIC_BYTES, REPLY_PARTITIONS

if TYPE_CHECKING:
    from engine.commands import RunCommand, WorkflowCommand

KEY_CHARS = 256
REASON_CHARS = 1000
PAYLOAD_BYTES = 1024 * 1024
MAX_VERSION = 2**31 - 1
START_MAX_AGE_MS = 24 * 3_600_000
"""An older start is refused: the marker of the run that it may have begun could be gone."""

PRIORITIES: Final = (None, "high", "medium", "low")
_ISSUES = 50
_MESSAGE_CHARS = 1000
_QUOTED_CHARS = 80

_SIGNAL = re.compile(SIGNAL_PATTERN)
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]+")
_TEXT = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*")
"""Text for people may have lines and tabs."""


def quoted(text: str) -> str:
    """What somebody wrote, for a message."""
    return repr(clipped(text, _QUOTED_CHARS))


def check_size(value: bytes | None) -> None:
    """ValueError when a public record is larger than one may be (compressed, it passed the broker)."""
    if value is not None and len(value) > PUBLIC_BYTES:
        raise ValueError(f"the record has {len(value)} bytes: {PUBLIC_BYTES} is the most")


def check_command_id(command: RunCommand | WorkflowCommand) -> None:
    """ValueError unless the command can be told from others, and so be answered."""
    if not is_id(command.command_id):
        raise ValueError(
            f"a command_id has 1 to 64 letters, digits, _ or -: {quoted(command.command_id)} is none"
        )


def reply_partition(reply_to: int | None) -> int | None:
    """Where to reply; None, as if nobody waited, when there is no such partition."""
    return reply_to if reply_to is not None and 0 <= reply_to < REPLY_PARTITIONS else None


def check_run_command(command: RunCommand) -> None:
    """Refusal with a pointer for what is too long, or not of its kind."""
    if isinstance(command, StartRun):
        _require_id(command.workflow, "/workflow")
        _require_id(command.tag, "/tag")
        if command.version is not None and not 1 <= command.version <= MAX_VERSION:
            raise _wrong("/version", "a version is a number from 1")
        if command.priority not in PRIORITIES:
            message = f"the priority is high, medium or low, not {quoted(command.priority or '')}"
            raise _wrong("/priority", message, "PRIORITY_INVALID")
        if command.key is not None and not _fits(_PRINTABLE, command.key, KEY_CHARS):
            raise _wrong("/key", f"a key has 1 to {KEY_CHARS} characters, no control characters among them")
    elif isinstance(command, SignalRun):
        if _SIGNAL.fullmatch(command.name) is None:
            raise _wrong("/name", f"a signal is named like {SIGNAL_PATTERN}, not {quoted(command.name)}")
    elif command.reason is not None and not _fits(_TEXT, command.reason, REASON_CHARS):
        raise _wrong(
            "/reason", f"a reason has at most {REASON_CHARS} characters, no control characters among them"
        )


def check_workflow_command(command: WorkflowCommand) -> None:
    """The same for uploads and tags."""
    _require_id(command.tag, "/tag")
    if isinstance(command, UploadWorkflow):
        return
    if isinstance(command, TagWorkflow) and not 1 <= command.version <= MAX_VERSION:
        raise _wrong("/version", "a version is a number from 1", "VERSION_UNKNOWN")


def asked_at(requested_at: int, at: int) -> int:
    """When a start was asked for, as far as that can be: not later than it was written, nor long before."""
    return min(requested_at, at) if requested_at > at - START_MAX_AGE_MS else at


def bounded(refusal: Refusal) -> Refusal:
    """The refusal, cut to what a fact or a reply may hold."""
    issues = [
        Issue(clipped(issue.pointer, _MESSAGE_CHARS), clipped(issue.message, _MESSAGE_CHARS), issue.code)
        for issue in refusal.issues[:_ISSUES]
    ]
    return Refusal(refusal.code, clipped(refusal.message, _MESSAGE_CHARS), issues)


def _fits(pattern: re.Pattern[str], text: str, most: int) -> bool:
    return len(text) <= most and pattern.fullmatch(text) is not None


def _require_id(text: str | None, where: str) -> None:
    if text is not None and not is_id(text):
        message = f"it has 1 to 64 letters, digits, _ or -: {quoted(text)} is none"
        raise _wrong(where, f"{where[1:]}: {message}")


def _wrong(where: str, message: str, code: str = "COMMAND_INVALID") -> Refusal:
    return Refusal(code, message, [Issue(where, message, code)])
