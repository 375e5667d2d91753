"""`Step`: a piece of work inside a decision, small enough to be kept when a decision has to end early."""

from __future__ import annotations

import msgspec

from engine.payload import Payload


class Step(msgspec.Struct, frozen=True, array_like=True):
    """What to do (`kind`), with which node instance (`path`), from where on (`cursor`), and a `value`."""

    kind: str
    path: str
    cursor: int = 0
    value: Payload | None = None
