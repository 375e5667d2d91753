"""`RunPaused`: an event of a run."""

from __future__ import annotations

import msgspec


class RunPaused(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="run.paused"
):
    """Nothing is dispatched until the run is resumed."""

    author: str
    reason: str | None = None
