"""Accepting starts: claimed under their keys, then durable in `run.commands`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from api.gateway import GatewayUnavailableError
from api.problems import Problem
from api.runs.keys import claim_key, run_key
from api.runs.plan import plan_again, plan_start
from api.runs.start import Asked, Start, ask, key_hash, request_hash
from engine.commands import StartRun
from storage.postgres.api_rows import StartClaim
from storage.postgres.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from api.auth import Caller
    from api.models.requests import StartBody
    from api.services import Services

log = structlog.get_logger(__name__)


async def prepare_start(
    services: Services, caller: Caller, body: StartBody, idempotency_key: str | None, *, at: str = ""
) -> Start:
    """Check a start and claim its keys; Problem, with pointers that begin with `at`."""
    asked = ask(body, at)
    start = await _identify(services, caller.workspace, asked, idempotency_key)
    key = run_key(caller.workspace, start)
    if key is None or start.known:
        return start
    start = replace(start, digest=key_hash(asked, idempotency_key))
    return await claim_key(services, caller, start, key)


async def _identify(services: Services, workspace: str, asked: Asked, key: str | None) -> Start:
    """The start under a new run id, or under the one that its idempotency key stands for."""
    run_id = services.new_run_id(workspace)
    if key is None:
        return Start(run_id, await plan_start(services, workspace, asked), asked.body)
    wanted = request_hash(asked)
    # Looked up before anything is checked: what the first request was let in with may have changed since.
    claim = await services.store.find_start(workspace, key)
    if claim is None:
        plan = await plan_start(services, workspace, asked)
        wish = StartClaim(run_id, wanted, plan.workflow, plan.version, plan.digest)
        claim = await services.store.claim_start(workspace, key, wish, services.now_ms())
        if claim.run_id == run_id:
            return Start(run_id, plan, asked.body)
    if claim.request_hash != wanted:
        detail = f"the idempotency key {key!r} belongs to another request"
        raise Problem(422, "IDEMPOTENCY_KEY_REUSED", detail, run_id=claim.run_id)
    # The first request may have broken off between claim and command: sent again, the first start wins.
    status = await services.reads.run_status(workspace, claim.run_id)
    plan = await plan_again(services, workspace, asked, claim)
    return Start(claim.run_id, plan, asked.body, known=status is not None, repeated=True)


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
        await _not_sent(services, caller, start, maybe=error.sent or start.repeated)
        raise
    await _sent(services, caller, start)


async def _sent(services: Services, caller: Caller, start: Start) -> None:
    key = run_key(caller.workspace, start)
    if key is None:
        return
    try:
        await services.store.trust_run_key(key, start.run_id, None)
    except DatabaseUnavailable as error:
        # The start is durable, which is the answer; that it was confirmed the projection will show as well.
        log.warning("start.key_not_confirmed", run_id=start.run_id, error=str(error))


async def _not_sent(services: Services, caller: Caller, start: Start, *, maybe: bool) -> None:
    key = run_key(caller.workspace, start)
    if key is None:
        return
    if maybe:
        await services.store.trust_run_key(key, start.run_id, services.now_ms())
    else:
        await services.store.release_run_key(key, start.run_id)
