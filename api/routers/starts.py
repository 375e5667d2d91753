"""Starting runs, one by one or in a batch. The first is the hot path: it validates nothing twice."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.auth import Caller
from api.body import decode_body, read_body
from api.models.answers import BatchAnswer, BatchResult, RunAccepted, RunFinished
from api.models.requests import BatchBody, BatchDoc, BatchItem, StartBody
from api.openapi import gives, takes
from api.problems import Problem, of_fault
from api.runs.starting import prepare_start, send_start
from api.runs.waiting import MAX_WAIT_S, start_and_wait, wait_for_known
from api.services import Services, answer, caller_of, services_of
from engine.errors import Issue

router = APIRouter(prefix="/v1/runs", tags=["runs"])

_start_body: Final = msgspec.json.Decoder(StartBody)
_batch_body: Final = msgspec.json.Decoder(BatchBody)
_batch_item: Final = msgspec.json.Decoder(BatchItem)

_MAX_KEY: Final = 256
_AT_ONCE: Final = 64
_QUERY_WAIT: Final = {
    "name": "wait",
    "in": "query",
    "required": False,
    "description": "Seconds to wait for the end of the run before a 202.",
    "schema": {"type": "number", "minimum": 0, "maximum": MAX_WAIT_S},
}
_HEADER_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Equal requests with an equal key start one run, however often they are sent.",
    "schema": {"type": "string", "minLength": 1, "maxLength": _MAX_KEY, "pattern": "^[!-~]+$"},
}


@router.post(
    "",
    openapi_extra=takes(StartBody) | {"parameters": [_QUERY_WAIT, _HEADER_KEY]},
    responses=gives(
        {
            200: ("The run that was waited for has ended.", RunFinished),
            202: ("Durably accepted.", RunAccepted),
        },
        problems=[400, 403, 409, 413],
    ),
)
async def start_run(request: Request) -> Response:
    """Start a run. The answer comes when the start is durable, or with `wait` when the run has ended."""
    services = services_of(request)
    caller = await caller_of(request, "write")
    wait_s = _wait_of(request)
    key = _key_of(request)
    body = decode_body(_start_body, await read_body(request, services.settings.api_inputs_limit))
    start = await prepare_start(services, caller, body, key)
    first = not (start.known or start.repeated)
    if not start.known and not (first and wait_s > 0):
        await send_start(services, caller, start)
    if wait_s > 0:
        if first:
            finished = await start_and_wait(services, caller, start, wait_s)
        else:
            finished = await wait_for_known(services, caller.workspace, start.run_id, wait_s)
        if finished is not None:
            return Response(finished, media_type="application/json")
    accepted = await _accepted(services, caller, start.run_id, known=start.known)
    return answer(accepted, 202, {"location": f"/v1/runs/{start.run_id}"})


@router.post(
    "/batch",
    openapi_extra=takes(BatchDoc),
    responses=gives(
        {207: ("What became of each start, in the order of the request.", BatchAnswer)},
        problems=[400, 403, 413],
    ),
)
async def start_batch(request: Request) -> Response:
    """Start up to 1,000 runs. Each is accepted or refused on its own."""
    services = services_of(request)
    caller = await caller_of(request, "write")
    body = decode_body(_batch_body, await read_body(request, services.settings.api_inputs_limit))
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(index: int, raw: msgspec.Raw) -> BatchResult:
        async with gate:
            return await _start_item(services, caller, raw, f"/runs/{index}")

    results = await asyncio.gather(*(one(index, raw) for index, raw in enumerate(body.runs)))
    accepted = sum(result.run is not None for result in results)
    return answer(BatchAnswer(accepted=accepted, refused=len(results) - accepted, results=results), 207)


async def _start_item(services: Services, caller: Caller, raw: msgspec.Raw, at: str) -> BatchResult:
    try:
        item = decode_body(_batch_item, bytes(raw), at=at)
        start = await prepare_start(services, caller, item, item.idempotency_key, at=at)
        if not start.known:
            await send_start(services, caller, start)
        run = await _accepted(services, caller, start.run_id, known=start.known)
    except Exception as error:  # noqa: BLE001 (the other starts of the batch were sent, and have their answers)
        problem = of_fault(error)
        return BatchResult(status=problem.details.status, problem=problem.details)
    return BatchResult(status=202, run=run)


async def _accepted(services: Services, caller: Caller, run_id: str, *, known: bool) -> RunAccepted:
    status = await services.reads.run_status(caller.workspace, run_id) if known else None
    return RunAccepted(run_id=run_id, status=status or "ACCEPTED")


def _wait_of(request: Request) -> float:
    """Parsed by hand: FastAPI's way takes a quarter of the whole request."""
    if not request.scope["query_string"]:
        return 0.0
    text = request.query_params.get("wait", "0")
    try:
        wait_s = float(text)
    except ValueError:
        wait_s = -1.0
    if not 0 <= wait_s <= MAX_WAIT_S:
        message = f"`wait` must be a number of seconds from 0 to {MAX_WAIT_S:g}"
        raise Problem(422, "REQUEST_INVALID", message, errors=[Issue("/query/wait", message)])
    return wait_s


def _key_of(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not (0 < len(key) <= _MAX_KEY and key.isascii() and key.isprintable() and " " not in key):
        message = f"`Idempotency-Key` must be 1 to {_MAX_KEY} printable ASCII characters without spaces"
        raise Problem(422, "REQUEST_INVALID", message, errors=[Issue("/header/idempotency-key", message)])
    return key
