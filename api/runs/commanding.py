"""Telling a run what to do: cancel, pause, resume, signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from api.models.answers import CommandAccepted
from api.problems import Problem, not_found, of_refusal
from engine.commands import CancelRun, PauseRun, ResumeRun, SignalRun
from engine.errors import Refusal
from engine.ids import is_run_id
from engine.state.status import ENDED

if TYPE_CHECKING:
    from api.auth import Caller
    from api.services import Services
    from engine.effects import Reply

RunControl = CancelRun | PauseRun | ResumeRun | SignalRun
Told = TypeVar("Told", CancelRun, PauseRun, ResumeRun)


def new_command_id() -> str:
    """An id for a command."""
    return uuid4().hex


async def require_run(services: Services, workspace: str, run_id: str) -> str:
    """The status of a run of the workspace (ACCEPTED when only the api knows it); 404 when there is none."""
    if is_run_id(run_id):
        status = await services.reads.run_status(workspace, run_id)
        if status is not None:
            return status
        if services.accepted_lately(workspace, run_id):
            return "ACCEPTED"
    raise not_found(f"run {run_id!r}")


async def require_live_run(services: Services, workspace: str, run_id: str) -> None:
    """404 when there is no such run; 409 when it has ended."""
    status = await require_run(services, workspace, run_id)
    if status in ENDED:
        raise Problem(409, "RUN_ENDED", f"the run {run_id} has ended: it is {status}", run_id=run_id)


async def ask_to_cancel(
    services: Services, caller: Caller, run_id: str, reason: str, wait_s: float
) -> Reply | None:
    """Ask a run to cancel: its answer, or None when that has not come within `wait_s`."""
    command = CancelRun(
        command_id=new_command_id(), run_id=run_id, reason=reason, reply_to=services.gateway.reply_to
    )
    with services.gateway.expect(command.command_id) as expected:
        await services.gateway.send(run_id, command, services.authorization(caller))
        return await expected.reply(wait_s)


async def tell(
    services: Services, caller: Caller, command: RunControl, wait_s: float
) -> tuple[int, CommandAccepted | bytes]:
    """Send a command: its outcome (200) if that comes within `wait_s`, else 202. Problem if it is refused."""
    accepted = CommandAccepted(run_id=command.run_id, command_id=command.command_id)
    authorization = services.authorization(caller)
    if wait_s <= 0:
        await services.gateway.send(command.run_id, command, authorization)
        return 202, accepted
    with services.gateway.expect(command.command_id) as expected:
        await services.gateway.send(command.run_id, command, authorization)
        reply = await expected.reply(wait_s)
    if reply is None:
        return 202, accepted
    raise_refused(reply)
    return 200, reply.body or b"{}"


def raise_refused(reply: Reply) -> None:
    """The problem of a reply that is a refusal."""
    if not reply.ok:
        raise of_refusal(Refusal(reply.code or "REFUSED", reply.message or "refused", reply.issues))
