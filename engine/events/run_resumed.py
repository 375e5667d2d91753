"""`RunResumed`: an event of a run."""

from __future__ import annotations

import msgspec


class RunResumed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="run.resumed"
):
    """The run goes on."""

    author: str
    reason: str | None = None
