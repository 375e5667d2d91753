"""`RunRefused`: a fact in the log of a run."""

from __future__ import annotations

import msgspec

from engine.errors import Issue


class RunRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Admission refused a start; the run exists as `REJECTED` so that its caller finds out why."""

    workspace: str
    run_id: str
    command_id: str
    author: str
    code: str
    message: str
    issues: list[Issue] = []
    workflow: str | None = None
    reply_to: int | None = None
