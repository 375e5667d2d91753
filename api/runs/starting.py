"""Accepting starts: claimed under their keys, then durable in `run.commands`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from api.gateway import GatewayUnavailableError
from api.problems import Problem, unavailable
from api.runs.commanding import send_cancel
from api.runs.plan import Plan, plan_start, request_hash
from engine.commands import StartRun
from storage.postgres.statuses import ENDED

if TYPE_CHECKING:
    from api.auth import Caller
    from api.models.requests import StartBody
    from api.services import Services

_CLAIM_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Start:
    """A start under `run_id`; `known` when that run stands for an earlier one and nothing is to be sent.

    A `repeated` one is sent again, in case it got lost; its run replies to the request that came first.
    """

    run_id: str
    plan: Plan
    body: StartBody
    known: bool = False
    repeated: bool = False


async def prepare_start(
    services: Services, caller: Caller, body: StartBody, idempotency_key: str | None, *, at: str = ""
) -> Start:
    """Check a start and claim its keys; Problem, with pointers that begin with `at`."""
    plan = await plan_start(services, caller.workspace, body, at=at)
    start = Start(services.new_run_id(caller.workspace), plan, body)
    if idempotency_key is not None:
        start = await _claim_request(services, caller, start, idempotency_key)
    return await _claim_key(services, caller, start)


async def _claim_request(services: Services, caller: Caller, start: Start, key: str) -> Start:
    """The start under the run that its idempotency key stands for; Problem when that is another request's."""
    digest = request_hash(start.body, start.plan)
    claim = await services.store.claim_start(caller.workspace, key, digest, start.run_id, services.now_ms())
    if claim.run_id == start.run_id:
        return start
    if claim.request_hash != digest:
        detail = f"the idempotency key {key!r} belongs to another request"
        raise Problem(422, "IDEMPOTENCY_KEY_REUSED", detail, run_id=claim.run_id)
    # The first request may have broken off between claim and command: sent again, the first start wins.
    status = await services.reads.run_status(caller.workspace, claim.run_id)
    return replace(start, run_id=claim.run_id, known=status is not None, repeated=True)


async def _claim_key(services: Services, caller: Caller, start: Start) -> Start:
    """The start once the business key is its own, or what `on_conflict` says; Problem RUN_KEY_TAKEN."""
    key, workflow = start.body.key, start.plan.workflow
    if key is None or start.known:
        return start
    claimed = partial(
        services.store.claim_run_key, caller.workspace, workflow, key, start.run_id, services.now_ms()
    )
    holder = await claimed()
    for _ in range(_CLAIM_ATTEMPTS):
        if holder == start.run_id:
            return start
        if await _may_be_live(services, caller.workspace, holder):
            if start.body.on_conflict == "return":
                return replace(start, run_id=holder, known=True)
            if start.body.on_conflict == "fail":
                detail = f"the live run {holder} of workflow {workflow!r} has the key {key!r}"
                raise Problem(409, "RUN_KEY_TAKEN", detail, run_id=holder)
            await send_cancel(services, caller, holder, f"run {start.run_id} takes over its key")
        holder = await claimed(instead_of=holder)
    raise unavailable(f"too many starts compete for the key {key!r}")


async def _may_be_live(services: Services, workspace: str, run_id: str) -> bool:
    """False for a run that has ended, and for a claim of long ago whose run never came to be."""
    status = await services.reads.run_status(workspace, run_id)
    return services.accepted_lately(workspace, run_id) if status is None else status not in ENDED


async def send_start(services: Services, caller: Caller, start: Start, *, reply: bool = False) -> None:
    """Return when the start is durable; with `reply`, its run answers to this instance when it ends.

    A claim whose start certainly was not sent is given back; GatewayUnavailableError in any case.
    """
    plan, body = start.plan, start.body
    command = StartRun(
        # A run has one start: its id serves as the command's, so that a repeated request repeats the command.
        command_id=start.run_id,
        run_id=start.run_id,
        workflow=plan.workflow,
        version=plan.version,
        definition_hash=plan.digest,
        inputs=plan.inputs,
        key=body.key,
        priority=body.priority,
        requested_at=services.now_ms(),
        reply_to=services.gateway.reply_to if reply else None,
    )
    try:
        await services.gateway.send(start.run_id, command, services.authorization(caller))
    except GatewayUnavailableError as error:
        if body.key is not None and not error.sent:
            await services.store.release_run_key(caller.workspace, plan.workflow, body.key, start.run_id)
        raise
