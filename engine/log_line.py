"""`LogLine`: what a running job said."""

from __future__ import annotations

import msgspec


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """Line `n` (from 0) of one attempt. `at` is Unix ms, `level` debug, info, warning or error."""

    workspace: str
    run_id: str
    path: str
    attempt: int
    n: int
    at: int
    level: str
    message: str
