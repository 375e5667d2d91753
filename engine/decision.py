"""`Decision`: one fact and the events that followed, as `workflow.events` carries it."""

from __future__ import annotations

import msgspec

from engine.events import Event


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """`events` are numbered from `first_seq` without holes; `at` is their time in Unix ms.

    `cause` is the fact as it stood in the log (encoded), at `partition` and `offset` of `node.results`.
    """

    workspace: str
    run_id: str
    first_seq: int
    at: int
    cause: bytes
    partition: int
    offset: int
    events: list[Event]
