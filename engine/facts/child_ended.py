"""`ChildEnded`: a fact in the log of a run."""

from __future__ import annotations

import msgspec

from engine.errors import NodeError
from engine.payload import NULL, Payload


class ChildEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The child run of a node instance ended; `status` is a run's end status."""

    workspace: str
    run_id: str
    path: str
    attempt: int
    child_run_id: str
    status: str
    output: Payload = NULL
    error: NodeError | None = None
