"""`RunStarted`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.facts.parent import Parent
from engine.payload import Payload


class RunStarted(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="run.started"
):
    """The run exists and pins what it runs with."""

    graph: str
    inputs: Payload
    decide_version: int
    children: dict[str, str] = {}
    workflow: str | None = None
    version: int | None = None
    graph_rev: int = 0
    key: str | None = None
    priority: str | None = None
    author: str
    command_id: str
    requested_at: int = 0
    parent: Parent | None = None
    depth: int = 0
    reply_to: int | None = None
