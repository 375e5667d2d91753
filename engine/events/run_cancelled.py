"""`RunCancelled`: an event of a run."""

from __future__ import annotations

import msgspec


class RunCancelled(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="run.cancelled"
):
    """The run ended by a cancellation."""

    reason: str | None = None
