"""`RunAdmitted`: a fact in the log of a run."""

from __future__ import annotations

import msgspec

from engine.facts.parent import Parent
from engine.payload import NULL, Payload


class RunAdmitted(msgspec.Struct, frozen=True, kw_only=True):
    """Admission accepted a start: every name is resolved to a content hash, blobs are stored."""

    workspace: str
    run_id: str
    command_id: str
    author: str
    graph: str
    children: dict[str, str] = {}
    workflow: str | None = None
    version: int | None = None
    inputs: Payload = NULL
    key: str | None = None
    priority: str | None = None
    requested_at: int = 0
    parent: Parent | None = None
    depth: int = 0
    reply_to: int | None = None
