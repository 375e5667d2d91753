"""Errors as data: what a node failed with, and what is wrong with an input."""

from __future__ import annotations

import msgspec


class NodeError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a node or a run failed. `code` is UPPER_SNAKE and stable; `message` is for people."""

    code: str
    message: str
    path: str | None = None


class Issue(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing wrong with an input: a JSON pointer into it, a sentence, a stable code."""

    pointer: str
    message: str
    code: str = "INVALID"


class Refusal(Exception):  # noqa: N818 (a refusal is an answer, not a fault)
    """A request that cannot be accepted: a code, a sentence, and the single issues."""

    def __init__(self, code: str, message: str, issues: list[Issue] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.issues = issues or []
