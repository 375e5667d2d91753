"""From a start's body to what will run: names resolved, inputs checked and, when large, stored."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.problems import Problem, of_refusal
from engine.errors import Issue, Refusal
from engine.model import check_inputs
from engine.payload import INLINE_LIMIT, Payload, inline_json

if TYPE_CHECKING:
    import msgspec

    from api.definitions import Definition
    from api.models.requests import StartBody
    from api.runs.start import Asked
    from api.services import Services
    from storage.postgres.api_rows import StartClaim

_POINTERS = {"WORKFLOW_UNKNOWN": "/workflow", "TAG_UNKNOWN": "/tag", "VERSION_UNKNOWN": "/version"}


@dataclass(frozen=True, slots=True)
class Plan:
    """A start that can be accepted."""

    workflow: str
    version: int | None
    digest: str
    inputs: Payload


async def plan_start(services: Services, workspace: str, asked: Asked) -> Plan:
    """Resolve and check a start; Problem with pointers into the request."""
    body, at = asked.body, asked.at
    if body.workflow is None:
        definition = await _inline(services, bytes(body.definition), at)
        workflow, version, digest = definition.workflow.name, None, definition.digest
    else:
        workflow = body.workflow
        version, digest = _resolve(services, workspace, workflow, body, at)
        definition = await services.definitions.load(digest)
    issues = check_inputs(definition.workflow.inputs, asked.value)
    if issues:
        moved = [Issue(f"{at}/inputs{issue.pointer}", issue.message, issue.code) for issue in issues]
        raise Problem(422, "INPUTS_INVALID", "the inputs do not fit the workflow's schema", errors=moved)
    return Plan(workflow, version, digest, await payload_of(services, asked.inputs))


async def plan_again(services: Services, workspace: str, asked: Asked, claim: StartClaim) -> Plan:
    """What the first of equal requests planned, though a tag or the schema of its target may have moved."""
    if claim.workflow is None or claim.definition_hash is None:
        return await plan_start(services, workspace, asked)
    inputs = await payload_of(services, asked.inputs)
    return Plan(claim.workflow, claim.version, claim.definition_hash, inputs)


async def payload_of(services: Services, raw: msgspec.Raw) -> Payload:
    """A payload of JSON bytes: inline, or stored in the CAS when it is large."""
    data = memoryview(raw)
    if len(data) <= INLINE_LIMIT:
        return inline_json(bytes(data))
    return Payload(ref=await asyncio.to_thread(services.cas.put, bytes(data)))


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
