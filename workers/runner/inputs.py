"""What a job works on: its input, and the scope of its expressions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from engine.operations import evaluate
from engine.operations.scope import build_scope
from workers.runner.json_values import decode_value
from workers.runner.output import encode_output

if TYPE_CHECKING:
    from engine.effects import Job
    from engine.payload import Payload
    from workers.runner.blobs import Blobs

THREAD_ABOVE = 64 * 1024
"""Bytes of scope from which on expressions run in a thread, so that the loop's other jobs go on."""


async def job_input(job: Job, blobs: Blobs) -> Any:  # noqa: ANN401 (any JSON value)
    """The input of a `function` or `http` job, the job's own to change (see `Job` for the three ways)."""
    if job.inputs is not None:
        return await blobs.value(job.inputs)
    if job.template is not None:
        return await _evaluate(job, "template", job.template, blobs)
    return {
        entry.name.removeprefix("nodes."): await _entry_value(entry.payload, entry.index, blobs)
        for entry in job.scope
        if entry.name.startswith("nodes.")
    }


async def evaluated(job: Job, blobs: Blobs) -> Any:  # noqa: ANN401 (any JSON value)
    """The result of an `evaluate` job; without a template it is the object of the upstream outputs."""
    if job.template is None:
        return await job_input(job, blobs)
    return await _evaluate(job, job.operation or "template", job.template, blobs)


async def gathered(job: Job, blobs: Blobs) -> bytes:
    """The JSON of one list: lists of the scope put together; an entry `element` is itself an element."""
    elements: list[msgspec.Raw] = []
    for entry in job.scope:
        if entry.name == "element":
            elements.append(await blobs.text(entry.payload))
        else:
            elements += await blobs.items(entry.payload)
    return msgspec.json.encode(elements)


async def _evaluate(job: Job, operation: str, template: bytes, blobs: Blobs) -> Any:  # noqa: ANN401
    entries = []
    for entry in job.scope:
        if entry.index is not None:
            entries.append((entry.name, await blobs.element(entry.payload, entry.index)))
        else:
            entries.append((entry.name, await blobs.shared_value(entry.payload)))
    source = msgspec.json.decode(template)
    if sum(entry.payload.size for entry in job.scope) > THREAD_ABOVE:
        return await asyncio.to_thread(_evaluate_own, operation, source, build_scope(entries))
    return _evaluate_own(operation, source, build_scope(entries))


def _evaluate_own(operation: str, source: object, scope: dict[str, Any]) -> Any:  # noqa: ANN401
    # What a template passes through is shared with other jobs; a function may change what it is given.
    return decode_value(encode_output(evaluate(operation, source, scope)))


async def _entry_value(payload: Payload, index: int | None, blobs: Blobs) -> Any:  # noqa: ANN401
    return await (blobs.value(payload) if index is None else blobs.element(payload, index))
