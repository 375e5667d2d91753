"""`RunCancelling`: an event of a run."""

from __future__ import annotations

import msgspec


class RunCancelling(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="run.cancelling"
):
    """The run is being cancelled; compensations follow."""

    author: str
    reason: str | None = None
