"""`RunFailed`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.errors import NodeError


class RunFailed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="run.failed"
):
    """The run ended with an error."""

    error: NodeError
