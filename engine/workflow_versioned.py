"""What the materializer says of a workflow: to the read model, and to everybody who resolves names."""

from __future__ import annotations

import msgspec


class WorkflowVersioned(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a workflow exists, or a tag moved; `seq` numbers these in a workflow without holes.

    `version` is None when only a tag moved.
    """

    workspace: str
    name: str
    seq: int
    at: int
    author: str
    tag: str
    tag_version: int
    version: int | None = None
    definition_hash: str
    definition: bytes | None = None


class WorkflowRegistered(msgspec.Struct, frozen=True, kw_only=True):
    """All versions and tags of one workflow: `versions[n - 1]` is the content hash of version n."""

    workspace: str
    name: str
    seq: int
    versions: list[str]
    tags: dict[str, int]
