"""A start as it was asked for, and as it will be sent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from api.body import json_value
from api.problems import Problem
from engine.errors import Issue

if TYPE_CHECKING:
    from api.models.requests import StartBody
    from api.runs.plan import Plan

_EMPTY: Final = msgspec.Raw(b"{}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A start as somebody asked for it, `value` being its decoded inputs. `at` points to it in the body."""

    body: StartBody
    inputs: msgspec.Raw
    value: object
    at: str

    def digest(self) -> str:
        """Equal for requests of equal work, which name the same workflow, tag and version in equal words."""
        body = self.body
        definition = None
        if body.workflow is None:
            definition = json_value(body.definition, at=f"{self.at}/definition")
        return _hash([body.workflow, body.tag, body.version, definition, body.key, body.priority, self.value])


@dataclass(frozen=True, slots=True)
class Start:
    """A start under `run_id`; `known` when that run stands for an earlier one and nothing is to be sent.

    A `repeated` one is sent again, in case it got lost; its run replies to the request that came first.
    `digest` tells requests that claim a business key apart.
    """

    run_id: str
    plan: Plan
    body: StartBody
    digest: str = ""
    known: bool = False
    repeated: bool = False


def ask(body: StartBody, at: str) -> Asked:
    """Check that a start names one thing to run, and decode its inputs; Problem."""
    _check_which(body, at)
    inputs = body.inputs if memoryview(body.inputs) else _EMPTY
    return Asked(body, inputs, json_value(inputs, at=f"{at}/inputs"), at)


def request_hash(asked: Asked) -> str:
    """Equal for requests that may share an idempotency key."""
    return _hash([asked.digest(), asked.body.on_conflict])


def key_hash(asked: Asked, idempotency_key: str | None) -> str:
    """Equal for requests that may share a business key's claim: whatever they want done on a conflict."""
    return _hash([asked.digest(), idempotency_key])


def _hash(parts: list[object]) -> str:
    # The standard library's encoder: it alone takes integers of any size.
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _check_which(body: StartBody, at: str) -> None:
    defined = len(memoryview(body.definition)) > 0
    if defined == (body.workflow is not None):
        message = "name a `workflow` or send a `definition`, one of the two"
        raise _wrong(f"{at}/definition" if defined else f"{at}/workflow", message)
    if defined and (body.tag is not None or body.version is not None):
        message = "a `definition` has neither tag nor version"
        raise _wrong(f"{at}/tag" if body.tag is not None else f"{at}/version", message)
    if body.tag is not None and body.version is not None:
        raise _wrong(f"{at}/version", "name a `tag` or a `version`, not both")


def _wrong(pointer: str, message: str) -> Problem:
    return Problem(422, "BODY_INVALID", message, errors=[Issue(pointer, message)])
