"""From a start's body to what will run: names resolved, inputs checked and, when large, stored."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import orjson

from api.body import json_value
from api.problems import Problem, of_refusal
from engine.errors import Issue, Refusal
from engine.model import check_inputs
from engine.payload import INLINE_LIMIT, Payload, inline_json

if TYPE_CHECKING:
    from api.definitions import Definition
    from api.models.requests import StartBody
    from api.services import Services

_EMPTY: Final = msgspec.Raw(b"{}")
_POINTERS = {"WORKFLOW_UNKNOWN": "/workflow", "TAG_UNKNOWN": "/tag", "VERSION_UNKNOWN": "/version"}


@dataclass(frozen=True, slots=True)
class Plan:
    """A start that can be accepted; `value` is the decoded inputs."""

    workflow: str
    version: int | None
    digest: str
    inputs: Payload
    value: object


async def plan_start(services: Services, workspace: str, body: StartBody, *, at: str = "") -> Plan:
    """Resolve and check a start; Problem with pointers that begin with `at`."""
    _check_which(body, at)
    if body.workflow is None:
        definition = await _inline(services, bytes(body.definition), at)
        workflow, version, digest = definition.workflow.name, None, definition.digest
    else:
        workflow = body.workflow
        version, digest = _resolve(services, workspace, workflow, body, at)
        definition = await services.definitions.load(digest)
    raw = body.inputs if memoryview(body.inputs) else _EMPTY
    value = json_value(raw, at=f"{at}/inputs")
    issues = check_inputs(definition.workflow.inputs, value)
    if issues:
        moved = [Issue(f"{at}/inputs{issue.pointer}", issue.message, issue.code) for issue in issues]
        raise Problem(422, "INPUTS_INVALID", "the inputs do not fit the workflow's schema", errors=moved)
    return Plan(workflow, version, digest, await payload_of(services, raw), value)


async def payload_of(services: Services, raw: msgspec.Raw) -> Payload:
    """A payload of JSON bytes: inline, or stored in the CAS when it is large."""
    data = memoryview(raw)
    if len(data) <= INLINE_LIMIT:
        return inline_json(bytes(data))
    return Payload(ref=await asyncio.to_thread(services.cas.put, bytes(data)))


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


async def _inline(services: Services, data: bytes, at: str) -> Definition:
    try:
        return await services.definitions.store(data)
    except Refusal as refusal:
        issues = [Issue(f"{at}/definition{i.pointer}", i.message, i.code) for i in refusal.issues]
        raise of_refusal(Refusal(refusal.code, refusal.message, issues)) from refusal


def _resolve(services: Services, workspace: str, name: str, body: StartBody, at: str) -> tuple[int, str]:
    try:
        return services.registry.resolve(workspace, name, tag=body.tag, version=body.version)
    except Refusal as refusal:
        raise of_refusal(refusal, pointer=at + _POINTERS.get(refusal.code, "")) from refusal


def request_hash(body: StartBody, plan: Plan) -> str:
    """Equal for equal requests. A tag may have moved in between: it counts as it was written."""
    which = [body.workflow, body.tag, body.version] if body.workflow is not None else [plan.digest]
    parts = [which, body.key, body.priority, body.on_conflict, plan.value]
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()
