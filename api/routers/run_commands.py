"""What can be asked of a run: cancel, pause, resume, signal."""

from __future__ import annotations

from typing import Final

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.auth import Caller
from api.body import decode_body, json_value, read_body
from api.models.answers import CommandAccepted
from api.models.requests import ReasonBody
from api.openapi import gives, takes, takes_json
from api.routers.parameters import App, RunId, SignalName, Wait, Writer
from api.runs.commanding import RunControl, new_command_id, require_live_run, tell
from api.runs.plan import payload_of
from api.services import Services, answer
from engine.commands import CancelRun, PauseRun, ResumeRun, SignalRun
from engine.payload import NULL

router = APIRouter(prefix="/v1/runs/{run_id}", tags=["runs"])

_reason_body: Final = msgspec.json.Decoder(ReasonBody)
_raw: Final = msgspec.json.Decoder(msgspec.Raw)
_EXTRA = takes(ReasonBody, required=False)
_ANSWERS = gives(
    {200: ("The outcome that was waited for.", None), 202: ("Durably accepted.", CommandAccepted)},
    problems=[400, 403, 404, 409, 413],
)


@router.post("/cancel", openapi_extra=_EXTRA, responses=_ANSWERS)
async def cancel_run(
    request: Request, services: App, caller: Writer, run_id: RunId, wait: Wait = None
) -> Response:
    """Cancel a run: queued work is dropped, running work is told, compensations run."""
    return await _control(request, services, caller, run_id, CancelRun, wait or 0)


@router.post("/pause", openapi_extra=_EXTRA, responses=_ANSWERS)
async def pause_run(
    request: Request, services: App, caller: Writer, run_id: RunId, wait: Wait = None
) -> Response:
    """Dispatch nothing more until the run is resumed; work under way goes on."""
    return await _control(request, services, caller, run_id, PauseRun, wait or 0)


@router.post("/resume", openapi_extra=_EXTRA, responses=_ANSWERS)
async def resume_run(
    request: Request, services: App, caller: Writer, run_id: RunId, wait: Wait = None
) -> Response:
    """Go on with a paused run."""
    return await _control(request, services, caller, run_id, ResumeRun, wait or 0)


@router.post(
    "/signals/{name}",
    openapi_extra=takes_json("The signal's payload, null when there is no body.", required=False),
    responses=_ANSWERS,
)
async def signal_run(
    request: Request, services: App, caller: Writer, run_id: RunId, name: SignalName, wait: Wait = None
) -> Response:
    """Deliver a signal; the answer says whether a node got it or it is kept (with `wait=0` it does not)."""
    data = await read_body(request, services.settings.api_inputs_limit)
    payload = NULL
    await require_live_run(services, caller.workspace, run_id)
    if data:
        raw = decode_body(_raw, data)
        json_value(raw, at="")
        payload = await payload_of(services, raw)
    wait_s = services.settings.api_reply_timeout_s if wait is None else wait
    command = SignalRun(
        command_id=new_command_id(),
        run_id=run_id,
        name=name,
        payload=payload,
        reply_to=services.gateway.reply_to if wait_s else None,
    )
    return await _tell(services, caller, command, wait_s)


async def _control(
    request: Request,
    services: Services,
    caller: Caller,
    run_id: str,
    kind: type[CancelRun | PauseRun | ResumeRun],
    wait_s: float,
) -> Response:
    data = await read_body(request, services.settings.api_body_limit)
    reason = decode_body(_reason_body, data).reason if data else None
    await require_live_run(services, caller.workspace, run_id)
    command = kind(
        command_id=new_command_id(),
        run_id=run_id,
        reason=reason,
        reply_to=services.gateway.reply_to if wait_s else None,
    )
    return await _tell(services, caller, command, wait_s)


async def _tell(services: Services, caller: Caller, command: RunControl, wait_s: float) -> Response:
    status, body = await tell(services, caller, command, wait_s)
    if isinstance(body, bytes):
        return Response(body, status, media_type="application/json")
    return answer(body, status)
