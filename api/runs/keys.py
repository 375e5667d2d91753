"""Business keys: one live run a key and workflow.

A claim is young while its start is under way to Kafka, sure when it is there (or the projection shows its
run), and doubtful when neither came to pass in time: the start may be there or not, but will not come later.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Final, Literal

from api.problems import Problem, unavailable
from api.runs.commanding import ask_to_cancel
from storage.postgres.api_rows import KeyHolder, RunKey
from storage.postgres.statuses import ENDED

if TYPE_CHECKING:
    from api.auth import Caller
    from api.runs.start import Start
    from api.services import Services

Claim = Literal["over", "young", "sure", "doubtful"]

_MARGIN_MS: Final = 5000
"""For clocks that differ, and for what lies between a claim and its command."""

_FIRST_LOOK_S: Final = 0.01
_LOOK_S: Final = 0.25
_OVER: Final = frozenset({"RUN_UNKNOWN", "RUN_ENDED"})


def run_key(workspace: str, start: Start) -> RunKey | None:
    """The business key of a start."""
    return None if start.body.key is None else RunKey(workspace, start.plan.workflow, start.body.key)


async def claim_key(services: Services, caller: Caller, start: Start, key: RunKey) -> Start:
    """The start once `key` is its own, or what `on_conflict` says; Problem RUN_KEY_TAKEN or UNAVAILABLE.

    A repeat of a request whose start is in doubt goes on under its run id, so that one run comes of both.
    """
    contest = _Contest(services, caller, key)
    holder = await contest.claim(start)
    while holder.run_id != start.run_id:
        claim = await contest.look_at(holder)
        instead_of = holder if claim == "over" else None
        if claim == "doubtful" and holder.request_hash == start.digest:
            start = replace(start, run_id=holder.run_id, repeated=True)
        elif claim != "over" and start.body.on_conflict == "fail":
            raise Problem(409, "RUN_KEY_TAKEN", f"{contest.named(holder)} and is live", run_id=holder.run_id)
        elif claim == "doubtful" and start.body.on_conflict == "return":
            raise unavailable(f"{contest.named(holder)}, but its start was not confirmed: ask again")
        elif claim == "sure" and start.body.on_conflict == "return":
            return replace(start, run_id=holder.run_id, known=True)
        elif claim == "young":
            await contest.pause(holder)
        elif claim != "over" and await contest.cancel(holder, start):
            instead_of = holder
        holder = await contest.claim(start, instead_of)
    return start


class _Contest:
    """What a start can do about the run that has its key, within a time."""

    def __init__(self, services: Services, caller: Caller, key: RunKey) -> None:
        self._services = services
        self._caller = caller
        self._key = key
        self._deadline = monotonic() + services.settings.api_takeover_s
        self._look_s = _FIRST_LOOK_S
        self._asked: set[str] = set()

    async def claim(self, start: Start, instead_of: KeyHolder | None = None) -> KeyHolder:
        """Who has the key now."""
        now = self._services.now_ms()
        until = now + self._services.settings.api_delivery_timeout_ms + _MARGIN_MS
        wish = KeyHolder(start.run_id, start.digest, until)
        return await self._services.store.claim_run_key(self._key, wish, now, instead_of=instead_of)

    async def look_at(self, holder: KeyHolder) -> Claim:
        """How far the holder's claim may be trusted."""
        workspace = self._key.workspace
        status = await self._services.reads.run_status(workspace, holder.run_id)
        if status is not None:
            return "over" if status in ENDED else "sure"
        if not self._services.accepted_lately(workspace, holder.run_id):
            return "over"
        if holder.trusted_until is None:
            return "sure"
        return "young" if holder.trusted_until > self._services.now_ms() else "doubtful"

    async def cancel(self, holder: KeyHolder, start: Start) -> bool:
        """Whether the holder is certainly no live run, for which it is cancelled and given some time."""
        if holder.run_id in self._asked:
            await self.pause(holder)
            return False
        self._asked.add(holder.run_id)
        reason = f"run {start.run_id} takes over its key"
        left = max(0.0, self._deadline - monotonic())
        reply = await ask_to_cancel(self._services, self._caller, holder.run_id, reason, left)
        # The holder's start stands before this in the same log or nowhere: an unknown run will never be.
        return reply is not None and reply.code in _OVER

    async def pause(self, holder: KeyHolder) -> None:
        """Let some time go by; Problem RUN_KEY_TAKEN when there is none left."""
        left = self._deadline - monotonic()
        if left <= 0:
            state = "was asked to end and has not yet" if self._asked else "is just being started"
            detail = f"{self.named(holder)} and {state}: ask again"
            raise Problem(409, "RUN_KEY_TAKEN", detail, run_id=holder.run_id)
        await asyncio.sleep(min(self._look_s, left))
        self._look_s = min(2 * self._look_s, _LOOK_S)

    def named(self, holder: KeyHolder) -> str:
        """The holder, for people."""
        return f"run {holder.run_id} of workflow {self._key.workflow!r} has the key {self._key.key!r}"
