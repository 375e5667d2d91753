"""Inputs, scopes and outputs of every kind of job, small and large."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from engine.effects import ScopeEntry
from engine.facts import JobFailed, JobSucceeded
from engine.payload import INLINE_LIMIT, Payload, Ref, inline
from storage.cas import CasUnavailable, MemoryStore
from tests.unit.workers.http_server import answer, serving
from tests.unit.workers.machine import job, machine
from tests.unit.workers.waiting import until
from workers.runner.blobs import Blobs
from workers.runner.failure import JobFailure

if TYPE_CHECKING:
    from storage.functions.registry import AnyFunction

LARGE = [{"n": n, "text": "x" * 20} for n in range(2000)]


class CountingStore(MemoryStore):
    """Counts reads, and may be out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.broken = False

    def get(self, ref: Ref | str) -> bytes:
        self.reads += 1
        if self.broken:
            raise CasUnavailable("the store is away")
        return super().get(ref)

    def put(self, data: bytes, media_type: str = "application/json") -> Ref:
        if self.broken:
            raise CasUnavailable("the store is away")
        return super().put(data, media_type)


def _put(store: MemoryStore, value: object) -> Payload:
    return Payload(ref=store.put(msgspec.json.encode(value)))


def _whole() -> dict[str, AnyFunction]:
    async def whole(inputs: object) -> object:
        return inputs

    async def length(inputs: list[object]) -> int:
        return len(inputs)

    async def large() -> object:
        return LARGE

    return {"whole": whole, "length": length, "large": large}


def _entry(name: str, payload: Payload, index: int | None = None) -> ScopeEntry:
    return ScopeEntry(name=name, payload=payload, index=index)


async def test_a_large_output_goes_to_the_store_and_comes_back_verified() -> None:
    async with machine(_whole()) as m:
        outcome = await m.outcome(job(1, "large"))
        assert isinstance(outcome, JobSucceeded)
        assert outcome.output.ref is not None
        assert outcome.output.size > INLINE_LIMIT
        assert await m.output(job(2, "length", inputs=outcome.output)) == 2000


@pytest.mark.parametrize("damage", ["missing", "corrupt", "broken"])
async def test_trouble_with_the_store_is_retryable(damage: str) -> None:
    store = CountingStore()
    payload = _put(store, LARGE)
    assert payload.ref is not None
    if damage == "missing":
        store._blobs.clear()
    elif damage == "corrupt":
        store._blobs[payload.ref.sha256] = b"[]"
    else:
        store.broken = True
    codes = {"missing": "BLOB_MISSING", "corrupt": "BLOB_CORRUPT", "broken": "CAS_UNAVAILABLE"}
    async with machine(_whole(), store=store) as m:
        outcome = await m.outcome(job(1, "whole", inputs=payload))
        assert isinstance(outcome, JobFailed)
        assert (outcome.error.code, outcome.retryable) == (codes[damage], True)
        if damage == "broken":
            outcome = await m.outcome(job(2, "large"))
            assert isinstance(outcome, JobFailed)
            assert outcome.error.code == "CAS_UNAVAILABLE"


async def test_a_name_that_is_no_hash_is_not_retried() -> None:
    async with machine(_whole()) as m:
        outcome = await m.outcome(job(1, "whole", inputs=Payload(ref=Ref("../../etc/passwd", 5))))
        assert isinstance(outcome, JobFailed)
        assert (outcome.error.code, outcome.retryable) == ("INVALID_HASH", False)


async def test_without_inputs_and_template_the_input_is_the_upstream_outputs() -> None:
    store = MemoryStore()
    large = _put(store, LARGE)
    async with machine(_whole(), store=store) as m:
        scope = [
            _entry("nodes.a", inline(1)),
            _entry("nodes.b", large),
            _entry("nodes.c", large, 3),
            _entry("inputs", inline({})),
        ]
        output = await m.output(job(1, "whole", ready=False, scope=scope))
        assert output == {"a": 1, "b": LARGE, "c": LARGE[3]}


async def test_a_template_is_rendered_over_the_scope() -> None:
    store = MemoryStore()
    scope = [
        _entry("nodes.rows", _put(store, LARGE)),
        _entry("item", _put(store, LARGE), 7),
        _entry("inputs", inline({"who": "ann"})),
    ]
    template = (
        b'{"row": "${item}", "count": "${size(nodes.rows.output)}", "who": "for ${inputs.who}", "n": 1}'
    )
    async with machine(_whole(), store=store) as m:
        output = await m.output(job(1, "whole", ready=False, template=template, scope=scope))
        assert output == {"row": LARGE[7], "count": 2000, "who": "for ann", "n": 1}
        bad = await m.outcome(
            job(2, "whole", ready=False, template=b'"${nodes.rows.output[9999].n}"', scope=scope)
        )
        assert isinstance(bad, JobFailed)
        assert bad.error.code.startswith("EXPRESSION_")
        assert not bad.retryable


async def test_evaluate() -> None:
    store = MemoryStore()
    scope = [_entry("nodes.rows", _put(store, LARGE))]
    template = b'{"items": "nodes.rows.output", "condition": "item.n < 2"}'
    async with machine(store=store) as m:
        case = job(1, None, ready=False, kind="evaluate", operation="filter", template=template, scope=scope)
        assert await m.output(case) == LARGE[:2]


async def test_gather_puts_lists_together_in_order() -> None:
    store = MemoryStore()
    scope = [
        _entry("list", inline([1, {"a": "ü"}])),
        _entry("list", _put(store, LARGE)),
        _entry("list", inline([])),
    ]
    async with machine(store=store) as m:
        assert await m.output(job(1, None, ready=False, kind="gather", scope=scope)) == [
            1,
            {"a": "ü"},
            *LARGE,
        ]
        bad = await m.outcome(job(2, None, ready=False, kind="gather", scope=[_entry("list", inline({}))]))
        assert isinstance(bad, JobFailed)
        assert (bad.error.code, bad.retryable) == ("NOT_A_LIST", False)


async def test_http() -> None:
    async with serving() as server, machine() as m:
        server.answers["/rows"] = answer(200, b"[1]", content_type="application/json")
        config = inline({"url": server.url("/rows")})
        output = await m.output(job(1, None, kind="http", inputs=config))
        assert (output["status"], output["body"]) == (200, [1])
        assert server.requests[0].headers["idempotency-key"] == "r0_1/n"
        rendered = job(
            2,
            None,
            ready=False,
            kind="http",
            template=b'{"url": "${inputs.url}"}',
            scope=[_entry("inputs", inline({"url": "http://127.0.0.2/"}))],
        )
        refused = await m.outcome(rendered)
        assert isinstance(refused, JobFailed)
        assert refused.error.code == "SSRF_REFUSED"


async def test_items_of_a_wide_map_cost_one_fetch_and_no_shared_state() -> None:
    store = CountingStore()
    items = _put(store, LARGE)

    async def spoil(item: dict[str, Any]) -> int:
        item["n"] += 1
        return int(item["n"])

    async with machine({"spoil": spoil}, store=store) as m:
        template = b'{"item": "${item}"}'
        for n in [*range(100), 5, 5]:
            number = len(m.broker.records.get(("node.jobs.medium", 0), []))
            m.put(job(number, "spoil", ready=False, template=template, scope=[_entry("item", items, n)]))
        await until(lambda: len(m.outcomes) == 102)
        values = {o.run_id: m.value(o.output) for o in m.outcomes if isinstance(o, JobSucceeded)}
        assert store.reads == 1
        assert [values[f"r0_{n}"] for n in range(100)] == list(range(1, 101))
        assert values["r0_100"] == values["r0_101"] == 6


async def test_the_memory_of_blobs_is_bounded() -> None:
    store = CountingStore()
    payloads = [_put(store, [n] * 20_000) for n in range(10)]
    blobs = Blobs(store, limit=300_000)
    for payload in payloads:
        assert (await blobs.element(payload, 1)) is not None
        await blobs.shared_value(payload)
    assert blobs._size <= 300_000
    assert blobs._size == sum(blob.cost for blob in blobs._known.values())
    await blobs.value(payloads[0])
    assert store.reads == 11


async def test_one_fetch_for_many_and_a_cancelled_one_harms_nobody() -> None:
    store = CountingStore()
    payload = _put(store, LARGE)
    blobs = Blobs(store)
    readers = [asyncio.create_task(blobs.value(payload)) for _ in range(10)]
    await asyncio.sleep(0)
    readers[0].cancel()
    assert [len(value) for value in await asyncio.gather(*readers[1:])] == [2000] * 9
    assert store.reads == 1


async def test_an_item_that_is_not_there() -> None:
    blobs = Blobs(MemoryStore())
    with pytest.raises(JobFailure, match="has 2 items, so there is no item 2"):
        await blobs.element(inline([1, 2]), 2)
