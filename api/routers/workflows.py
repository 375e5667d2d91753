"""Workflows: upload, check, list, tag."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api.auth import Caller
from api.body import decode_body, read_body
from api.models.answers import (
    VersionHash,
    WorkflowPage,
    WorkflowSummary,
    WorkflowValid,
    WorkflowVersion,
    WorkflowView,
)
from api.models.requests import MAX_VERSION, TagBody
from api.openapi import gives, takes, takes_json
from api.problems import Problem, not_found, unavailable
from api.routers.parameters import App, Limit, Name, Reader, TagName, Writer
from api.runs.commanding import new_command_id, raise_refused
from api.services import Services, answer
from engine.commands import TagWorkflow, UploadWorkflow
from engine.errors import Issue, Refusal
from engine.ids import ID_PATTERN
from storage.registry import DEFAULT_TAG

router = APIRouter(prefix="/v1/workflows", tags=["workflows"])

MAX_UPLOAD: Final = 900_000
"""Bytes of a canonical definition: it travels in one Kafka record, whose usual bound is 1 MB."""

_tag_body: Final = msgspec.json.Decoder(TagBody)
_DEFINITION = takes_json("A workflow; see /v1/schemas/workflow.")


class Outcome(msgspec.Struct, frozen=True):
    """What the materializer answers to an upload or a tag."""

    version: int
    hash: str
    seq: int
    created: bool = False


_outcome: Final = msgspec.json.Decoder(Outcome)


@router.put(
    "/{name}",
    openapi_extra=_DEFINITION,
    responses=gives(
        {200: ("It is a version already.", WorkflowVersion), 201: ("A new version.", WorkflowVersion)},
        problems=[400, 403, 413],
    ),
)
async def upload_workflow(
    request: Request,
    services: App,
    caller: Writer,
    name: Name,
    tag: Annotated[str, Query(pattern=f"^{ID_PATTERN}$", description="Moves to this version.")] = DEFAULT_TAG,
) -> Response:
    """Make a new version of a workflow, unless its newest is the same."""
    data = await read_body(request, services.settings.api_body_limit)
    definition = await services.definitions.store(data)
    if definition.workflow.name != name:
        message = f"the workflow calls itself {definition.workflow.name!r}; the path says {name!r}"
        raise Problem(422, "NAME_MISMATCH", message, errors=[Issue("/name", message, "NAME_MISMATCH")])
    if len(definition.text) > MAX_UPLOAD:
        raise Refusal("WORKFLOW_TOO_LARGE", f"an uploaded definition may have {MAX_UPLOAD} bytes at most")
    command = UploadWorkflow(
        command_id=new_command_id(),
        name=name,
        definition=definition.text,
        tag=tag,
        reply_to=services.gateway.reply_to,
    )
    outcome = await _ask(services, caller, command)
    view = WorkflowVersion(name=name, version=outcome.version, hash=outcome.hash, tag=tag)
    return answer(view, 201 if outcome.created else 200)


@router.post(
    "/validate",
    openapi_extra=_DEFINITION,
    responses=gives({200: ("It is valid.", WorkflowValid)}, problems=[400, 413]),
)
async def validate_workflow(request: Request, services: App, _: Reader) -> Response:
    """Check a definition as an upload would, and change nothing."""
    definition = await services.definitions.check(await read_body(request, services.settings.api_body_limit))
    return answer(WorkflowValid(name=definition.workflow.name, hash=definition.digest))


@router.get("", responses=gives({200: ("A page, by name.", WorkflowPage)}))
async def list_workflows(
    services: App,
    caller: Reader,
    after: Annotated[str, Query(max_length=64, description="The last name of the page before.")] = "",
    limit: Limit = 100,
) -> Response:
    """List the workspace's workflows."""
    names = [name for name in services.registry.names(caller.workspace) if name > after]
    known = (services.registry.get(caller.workspace, name) for name in islice(names, limit))
    page = [
        WorkflowSummary(name=w.name, versions=len(w.versions), tags=w.tags) for w in known if w is not None
    ]
    return answer(WorkflowPage(workflows=page, next=names[limit - 1] if len(names) > limit else None))


@router.get("/{name}", responses=gives({200: ("The workflow.", WorkflowView)}, problems=[404]))
async def get_workflow(
    services: App,
    caller: Reader,
    name: Name,
    tag: Annotated[str | None, Query(pattern=f"^{ID_PATTERN}$")] = None,
    version: Annotated[int | None, Query(ge=1, le=MAX_VERSION)] = None,
) -> Response:
    """Show a workflow: its versions and tags, and the definition of `version` or `tag` (else of `main`)."""
    known = services.registry.get(caller.workspace, name)
    try:
        number, digest = services.registry.resolve(caller.workspace, name, tag=tag, version=version)
    except Refusal as refusal:
        raise Problem(404, refusal.code, refusal.message) from refusal
    if known is None:
        raise not_found(f"workflow {name!r}")
    view = WorkflowView(
        name=name,
        version=number,
        hash=digest,
        versions=[VersionHash(index, item) for index, item in enumerate(known.versions, 1)],
        tags=known.tags,
        definition=msgspec.Raw((await services.definitions.load(digest)).text),
    )
    return answer(view)


@router.put(
    "/{name}/tags/{tag}",
    openapi_extra=takes(TagBody),
    responses=gives(
        {200: ("The tag points at the version.", WorkflowVersion)}, problems=[400, 403, 404, 413]
    ),
)
async def tag_workflow(request: Request, services: App, caller: Writer, name: Name, tag: TagName) -> Response:
    """Point a tag at an existing version."""
    body = decode_body(_tag_body, await read_body(request, services.settings.api_body_limit))
    try:
        services.registry.resolve(caller.workspace, name, version=body.version)
    except Refusal as refusal:
        if refusal.code == "WORKFLOW_UNKNOWN":
            raise Problem(404, refusal.code, refusal.message) from refusal
        issues = [Issue("/version", refusal.message, refusal.code)]
        raise Refusal(refusal.code, refusal.message, issues) from refusal
    command = TagWorkflow(
        command_id=new_command_id(),
        name=name,
        tag=tag,
        version=body.version,
        reply_to=services.gateway.reply_to,
    )
    outcome = await _ask(services, caller, command)
    return answer(WorkflowVersion(name=name, version=outcome.version, hash=outcome.hash, tag=tag))


async def _ask(services: Services, caller: Caller, command: UploadWorkflow | TagWorkflow) -> Outcome:
    """The outcome of a command, once this instance's own table shows it; 503 when that takes too long."""
    timeout_s = services.settings.api_reply_timeout_s
    key = f"wf:{caller.workspace}/{command.name}"
    with services.gateway.expect(command.command_id) as expected:
        await services.gateway.send(key, command, services.authorization(caller))
        reply = await expected.reply(timeout_s)
    if reply is None:
        raise unavailable(
            "the materializer has not answered yet; the request may still be carried out: repeat it"
        )
    raise_refused(reply)
    outcome = _outcome.decode(reply.body or b"")
    shown = services.registry.wait_for
    if not await asyncio.to_thread(shown, caller.workspace, command.name, outcome.seq, timeout_s):
        raise unavailable("the new version is not visible here yet: repeat the request")
    return outcome
