"""What the api answers with, where the read model has no shape of its own for it."""

from __future__ import annotations

import msgspec

from api.problems import ProblemDetails
from engine.payload import Ref


class RunAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A durable start. `status` is ACCEPTED, or what the run has become since an earlier, equal request."""

    run_id: str
    status: str = "ACCEPTED"


class RunFinished(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The end of a run that was waited for; a large output is the artifact `sha256`."""

    run_id: str
    status: str
    output: msgspec.Raw | None = None
    artifact: Ref | None = None
    error: msgspec.Raw | None = None


class BatchResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one start of a batch: a run, or the status and problem it would have had alone."""

    status: int
    run: RunAccepted | None = None
    problem: ProblemDetails | None = None


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One result a start, in the order of the request."""

    accepted: int
    refused: int
    results: list[BatchResult]


class CommandAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A durable command on a run; its outcome is in the run's log."""

    run_id: str
    command_id: str
    status: str = "ACCEPTED"


class WorkflowVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a workflow that exists; `tag` points at it."""

    name: str
    version: int
    hash: str
    tag: str


class WorkflowSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow: versions are numbered from 1 to `versions`; `tags` point at them."""

    name: str
    versions: int
    tags: dict[str, int]


class WorkflowPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Workflows by name; `next` is the `after` of the next page."""

    workflows: list[WorkflowSummary]
    next: str | None = None


class VersionHash(msgspec.Struct, frozen=True):
    """A version and the SHA-256 of its canonical JSON."""

    version: int
    hash: str


class WorkflowView(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow with the definition of one of its versions."""

    name: str
    version: int
    hash: str
    versions: list[VersionHash]
    tags: dict[str, int]
    definition: msgspec.Raw


class WorkflowValid(msgspec.Struct, frozen=True, kw_only=True):
    """The definition could be uploaded as it is."""

    name: str
    hash: str
    valid: bool = True


class RunGraph(msgspec.Struct, frozen=True, kw_only=True):
    """The definition that a run runs with; revision 0 is the one it began with."""

    run_id: str
    hash: str
    definition: msgspec.Raw
    rev: int = 0


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the process can serve; `failures` says what cannot, by name."""

    status: str
    failures: dict[str, str] = {}
