"""`RunCompleted`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.payload import Payload


class RunCompleted(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="run.completed"
):
    """The run ended well."""

    output: Payload
