"""A record that nothing can be done with goes to `dead.letters`, with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quixstreams import message_context

from engine.dead_letter import DeadLetter
from storage.dead_letters import as_record
from storage.kafka.topics import DEAD_LETTERS
from storage.wire import WireError
from streams.runtime.outputs import Output

if TYPE_CHECKING:
    from quixstreams.models import HeadersTuples


def dead_letter(
    processor: str,
    value: bytes | None,
    key: bytes | None,
    timestamp: int,
    headers: HeadersTuples | None,
    *,
    code: str,
    reason: str,
) -> Output:
    """The output that lays aside the record being handled; to be called inside a dataframe's callback.

    `code` is UPPER_SNAKE and stable (`UNREADABLE`, `UNEXPECTED_RECORD`, `BAD_KEY`); `reason` is a sentence.
    """
    context = message_context()
    letter = DeadLetter(
        processor=processor,
        topic=context.topic,
        partition=context.partition,
        offset=context.offset,
        key=key,
        value=value,
        headers={name: _to_bytes(content) for name, content in headers or ()},
        code=code,
        reason=reason,
        at=timestamp,
    )
    return Output(DEAD_LETTERS, *as_record(letter))


def unusable(
    processor: str,
    value: bytes | None,
    key: bytes | None,
    timestamp: int,
    headers: HeadersTuples | None,
    error: ValueError,
) -> Output:
    """As `dead_letter`, for a record that is not what its topic holds; `error` says why.

    An error that came of a WireError means that the bytes could not be read at all.
    """
    code = "UNREADABLE" if isinstance(error.__cause__, WireError) else "UNEXPECTED_RECORD"
    return dead_letter(processor, value, key, timestamp, headers, code=code, reason=str(error))


def _to_bytes(content: str | bytes | None) -> bytes:
    return content.encode() if isinstance(content, str) else content or b""
