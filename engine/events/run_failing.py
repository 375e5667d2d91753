"""`RunFailing`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.errors import NodeError


class RunFailing(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="run.failing"
):
    """A node failed for good; what is running is told to stop and compensations follow."""

    error: NodeError
