"""What jobs do, by their kind."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from workers.runner.failure import JobFailure
from workers.runner.inputs import evaluated, gathered, job_input
from workers.runner.json_values import inline_value
from workers.runner.output import encode_output

if TYPE_CHECKING:
    from engine.payload import Payload
    from storage.functions import Function, Registry
    from workers.broker import Outlet
    from workers.runner.attempt import Attempt
    from workers.runner.blobs import Blobs
    from workers.runner.threads import Threads


class HttpRequests(Protocol):
    """What an `http` job needs."""

    async def request(self, config: object, idempotency_key: str, timeout_ms: int | None) -> object:
        """Make one request; the output `{status, headers, body}`, or JobFailure."""
        ...


class Work:
    """Does jobs: `perform` gives the output of one, or raises why there is none."""

    def __init__(
        self, *, registry: Registry, threads: Threads, blobs: Blobs, http: HttpRequests, outlet: Outlet
    ) -> None:
        self._registry = registry
        self._threads = threads
        self._blobs = blobs
        self._http = http
        self._outlet = outlet

    def function_of(self, name: str | None) -> Function | None:
        """The function that a job names."""
        return self._registry.get(name or "")

    async def perform(self, attempt: Attempt) -> Payload:
        """Do the job; any exception is its failure."""
        job = attempt.job
        if job.kind == "function":
            data = await self._function(attempt)
        elif job.kind == "http":
            config = await job_input(job, self._blobs)
            data = encode_output(await self._http.request(config, attempt.idempotency_key, job.timeout_ms))
        elif job.kind == "evaluate":
            data = encode_output(await evaluated(job, self._blobs))
            if job.operation == "items":
                return await self._blobs.pack_items(data)
        elif job.kind == "gather":
            data = await gathered(job, self._blobs)
        else:
            raise JobFailure(
                "KIND_UNKNOWN", f"this runner knows no jobs of kind {job.kind!r}", retryable=False
            )
        return await self._blobs.pack(data)

    async def _function(self, attempt: Attempt) -> bytes:
        job = attempt.job
        function = attempt.function
        if function is None:
            raise self._unknown(job.function or "")
        given = job.inputs
        # Most inputs are inline: no coroutine for them.
        value = (
            inline_value(given)
            if given is not None and given.ref is None
            else await job_input(job, self._blobs)
        )
        arguments = function.arguments(value, partial(attempt.context, self._outlet))
        if attempt.place is None:
            return encode_output(await function.call(**arguments))
        return encode_output(await self._threads.run(attempt.place, partial(function.call, **arguments)))

    def _unknown(self, name: str) -> JobFailure:
        matches = self._registry.close_matches(name)
        if matches:
            hint = f"did you mean {' or '.join(map(repr, matches))}?"
        elif len(self._registry) == 0:
            hint = "this runner has no functions: name their modules with --functions or AOB_FUNCTIONS"
        else:
            hint = f"it has {', '.join(self._registry.names()[:10])}"
        return JobFailure(
            "FUNCTION_UNKNOWN", f"this runner has no function {name!r}; {hint}", retryable=False
        )
