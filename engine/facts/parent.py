"""`Parent`: where a child run reports to."""

from __future__ import annotations

import msgspec


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """The run and the node instance that started a child run."""

    run_id: str
    path: str
    attempt: int
