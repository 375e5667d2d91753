"""Waiting for the end of a run."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final

import msgspec

from api.models.answers import RunFinished
from api.models.runs import run_view
from api.runs.starting import send_start
from engine.errors import NodeError
from engine.state.status import ENDED, REJECTED

if TYPE_CHECKING:
    from api.auth import Caller
    from api.runs.start import Start
    from api.services import Services
    from engine.effects import Reply

MAX_WAIT_S: Final = 60.0

_FIRST_LOOK_S = 0.05
_LOOK_S = 0.5


async def start_and_wait(services: Services, caller: Caller, start: Start, wait_s: float) -> bytes | None:
    """Send a start; the JSON of its finished run, or None when it goes on after `wait_s` seconds."""
    with services.gateway.expect(start.run_id) as expected:
        await send_start(services, caller, start, reply=True)
        reply = await expected.reply(wait_s)
    return None if reply is None else _finished(start.run_id, reply)


async def wait_for_known(services: Services, workspace: str, run_id: str, wait_s: float) -> bytes | None:
    """As `start_and_wait` for a run of another request, which gets its reply: look in the projection."""
    deadline = monotonic() + wait_s
    pause = _FIRST_LOOK_S
    while True:
        run = await services.reads.get_run(workspace, run_id)
        if run is not None and run.status in ENDED:
            view = run_view(run, [], None)
            return msgspec.json.encode(
                RunFinished(
                    run_id=run_id,
                    status=view.status,
                    output=view.output,
                    artifact=view.artifact,
                    error=view.error,
                )
            )
        left = deadline - monotonic()
        if left <= 0:
            return None
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, _LOOK_S)


def _finished(run_id: str, reply: Reply) -> bytes:
    if reply.ok:
        return reply.body or b"{}"
    cause = NodeError(reply.code or "REJECTED", reply.message or "the start was refused")
    error = msgspec.Raw(msgspec.json.encode(cause))
    return msgspec.json.encode(RunFinished(run_id=run_id, status=REJECTED, error=error))
