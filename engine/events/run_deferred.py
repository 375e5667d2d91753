"""`RunDeferred`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.step import Step


class RunDeferred(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="run.deferred"
):
    """A decision left work over (a bound was met, or the run is paused): kept as steps, in order."""

    steps: list[Step]
