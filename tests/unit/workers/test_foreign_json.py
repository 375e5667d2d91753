"""What is no JSON, or is nested too deeply for those who read it next, ends at the job that brings it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.json import encode

from engine.effects import Job, ScopeEntry
from engine.facts import JobFailed
from engine.json_text import MAX_DEPTH
from engine.payload import INLINE_LIMIT, Payload, inline, inline_json
from storage.cas import MemoryStore
from tests.support.nesting import nested, nested_text
from tests.unit.workers.http_server import answer, serving
from tests.unit.workers.machine import Machine, job, machine

if TYPE_CHECKING:
    from storage.functions.registry import AnyFunction


async def whole(inputs: object) -> object:
    return inputs


WHOLE: dict[str, AnyFunction] = {"whole": whole}


def _entry(name: str, payload: Payload) -> ScopeEntry:
    return ScopeEntry(name=name, payload=payload)


NO_JSON = [b"{nope", b'"\xff"', b'"\\ud800"', b"1e999", b"[] []"]


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("data", NO_JSON)
async def test_an_input_that_is_no_json_is_not_retried(data: bytes, stored: bool) -> None:  # noqa: FBT001
    store = MemoryStore()
    payload = Payload(ref=store.put(data)) if stored else inline_json(data)
    scope = [_entry("nodes.a", payload)]
    async with machine(WHOLE, store=store) as m:
        cases = [
            job(1, "whole", inputs=payload),
            job(2, "whole", ready=False, scope=scope),
            job(3, "whole", ready=False, template=b'"${nodes.a.output}"', scope=scope),
            job(4, None, kind="http", inputs=payload),
        ]
        for case in cases:
            await _refused(m, case, "INPUT_NOT_JSON")


async def test_a_blob_that_is_too_deep_is_not_let_in() -> None:
    store = MemoryStore()
    deep = Payload(ref=store.put(nested_text(MAX_DEPTH + 1)))
    async with machine(WHOLE, store=store) as m:
        await _refused(m, job(1, "whole", inputs=deep), "INPUT_NOT_JSON")
        allowed = Payload(ref=store.put(nested_text(MAX_DEPTH)))
        assert await m.output(job(2, "whole", inputs=allowed)) == nested(MAX_DEPTH)


async def test_an_output_that_is_too_deep_fails_whatever_made_it() -> None:
    store = MemoryStore()
    deepest = inline(nested(MAX_DEPTH))
    wide = Payload(ref=store.put(encode([nested(MAX_DEPTH - 1), "x" * INLINE_LIMIT])))
    scope = [_entry("nodes.a", deepest)]

    async def deep() -> object:
        return nested(980)

    async def deep_and_large() -> object:
        return [nested(MAX_DEPTH), "x" * INLINE_LIMIT]

    async with serving() as server, machine({"deep": deep, "large": deep_and_large}, store=store) as m:
        server.answers["/"] = answer(200, nested_text(MAX_DEPTH), content_type="application/json")
        cases = [
            job(1, "deep"),
            job(2, "large"),
            job(4, None, ready=False, kind="evaluate", scope=scope),
            job(5, None, ready=False, kind="gather", scope=[_entry("element", deepest)]),
            job(6, None, ready=False, kind="gather", scope=[_entry("element", wide)]),
            job(7, None, kind="http", inputs=inline({"url": server.url()})),
        ]
        for case in cases:
            await _refused(m, case, "OUTPUT_NOT_JSON")


async def _refused(m: Machine, case: Job, code: str) -> None:
    outcome = await m.outcome(case)
    assert isinstance(outcome, JobFailed), outcome
    assert (outcome.error.code, outcome.retryable) == (code, False), outcome.error
