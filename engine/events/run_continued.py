"""`RunContinued`: an event of a run."""

from __future__ import annotations

import msgspec


class RunContinued(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="run.continued"
):
    """Steps that were left over were taken up again."""

    chunk: int
