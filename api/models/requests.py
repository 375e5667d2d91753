"""What clients send. Unknown fields are refused."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from engine.ids import ID_PATTERN

MAX_BATCH = 1000
MAX_VERSION = 2**31 - 1

# No control characters: Postgres takes no NUL in a text, and nobody can read the others.
_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"

Name = Annotated[str, msgspec.Meta(pattern=f"^{ID_PATTERN}$", description="1 to 64 of A-Z a-z 0-9 _ -.")]
Key = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=256, pattern=_PRINTABLE, description="The caller's own name of the run."
    ),
]
Version = Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]
Reason = Annotated[str, msgspec.Meta(max_length=1000, description="For people; kept with the event.")]
IdempotencyKey = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=r"^[\x20-\x7e]+$")]
AnyJson = Annotated[msgspec.Raw, msgspec.Meta(description="Any JSON value.")]


class StartBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Start a run of a `workflow` (by `tag`, `main` by default, or `version`) or of a `definition`.

    `inputs` is `{}` by default. While a run with the same `key` of the same workflow is live, another start
    is refused (`on_conflict: "fail"`), answered with that run (`"return"`), or cancels it and begins once it
    has ended (`"cancel"`; when that takes more than some seconds the answer is a 409: ask again). An equal
    start with a `key` that was answered with 503 may be repeated: one run comes of both.
    """

    workflow: Name | None = None
    definition: AnyJson = msgspec.field(default_factory=msgspec.Raw)
    tag: Name | None = None
    version: Version | None = None
    inputs: AnyJson = msgspec.field(default_factory=msgspec.Raw)
    key: Key | None = None
    priority: Literal["high", "medium", "low"] | None = None
    on_conflict: Literal["fail", "return", "cancel"] = "fail"


class BatchItem(StartBody, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One start of a batch; `idempotency_key` does for it what the header does for a single start."""

    idempotency_key: IdempotencyKey | None = None


class BatchBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 starts; each is accepted or refused on its own."""

    runs: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]


class BatchDoc(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 starts; each is accepted or refused on its own."""

    runs: Annotated[list[BatchItem], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]


class ReasonBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a run is cancelled, paused or resumed."""

    reason: Reason | None = None


class TagBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version that a tag points at."""

    version: Version
