"""`RunRejected`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.errors import Issue


class RunRejected(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="run.rejected"
):
    """The run was refused before it began."""

    code: str
    message: str
    issues: list[Issue] = []
    workflow: str | None = None
    author: str
    command_id: str
