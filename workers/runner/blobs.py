"""Payloads as values: inline ones at once, references by way of the content-addressed store."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import msgspec

from engine.payload import INLINE_LIMIT, Payload, inline, inline_json
from workers.runner.failure import JobFailure
from workers.runner.json_values import checked_blob, decode_elements, decode_value, inline_value
from workers.runner.output import checked_output

if TYPE_CHECKING:
    from engine.payload import Ref
    from storage.cas import ContentStore

_UNSET = object()

ITEMS_COST = 1.5
"""Memory of a list's undecoded elements, in sizes of its text."""

VALUE_COST = 4.0
"""Memory of a decoded value, in sizes of its text: what small objects and strings take in CPython."""


class Blob:
    """The text of a blob, and what was made of it."""

    __slots__ = ("data", "items", "value")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.items: list[msgspec.Raw] | None = None
        self.value: Any = _UNSET

    @property
    def cost(self) -> int:
        """Bytes of memory, roughly."""
        factor = (
            1.0
            + (ITEMS_COST if self.items is not None else 0)
            + (VALUE_COST if self.value is not _UNSET else 0)
        )
        return int(len(self.data) * factor)


class Blobs:
    """Reads and writes payloads. Remembers the blobs used last, up to `limit` bytes of memory."""

    def __init__(self, store: ContentStore, limit: int = 128 * 1024 * 1024) -> None:
        self._store = store
        self._limit = limit
        self._size = 0
        self._known: OrderedDict[str, Blob] = OrderedDict()
        self._fetching: dict[str, asyncio.Future[bytes]] = {}

    async def value(self, payload: Payload) -> Any:  # noqa: ANN401 (any JSON value)
        """The payload's value, the caller's own to change."""
        if payload.ref is None:
            return inline_value(payload)
        return decode_value((await self._blob(payload.ref)).data)

    async def shared_value(self, payload: Payload) -> Any:  # noqa: ANN401 (any JSON value)
        """The payload's value, which must not be changed: a large one is decoded once for all who read it."""
        if payload.ref is None:
            return inline_value(payload)
        blob = await self._blob(payload.ref)
        if blob.value is _UNSET:
            blob.value = await asyncio.to_thread(decode_value, blob.data)
            self._recount(payload.ref)
        return blob.value

    async def element(self, payload: Payload, index: int) -> Any:  # noqa: ANN401 (any JSON value)
        """Element `index` of the payload's list, the caller's own; the rest is not decoded."""
        items = await self.items(payload)
        if index >= len(items):
            message = f"the list has {len(items)} items, so there is no item {index}"
            raise JobFailure("ITEM_MISSING", message, retryable=False)
        return decode_value(items[index])

    async def items(self, payload: Payload) -> list[msgspec.Raw]:
        """The elements of the payload's list, undecoded."""
        if payload.ref is None:
            return decode_elements(bytes(payload.raw))
        blob = await self._blob(payload.ref)
        if blob.items is None:
            blob.items = decode_elements(blob.data)
            self._recount(payload.ref)
        return blob.items

    async def pack(self, data: bytes) -> Payload:
        """Make a payload of a job's output: inline, or once it is stored a reference."""
        if len(data) <= INLINE_LIMIT:
            return inline_json(checked_output(data))
        return Payload(ref=await asyncio.to_thread(self._store_output, data))

    async def pack_items(self, data: bytes) -> Payload:
        """Store the JSON of a list; what the coordinator is told of it: `{count, sha256, size}`."""
        ref = await asyncio.to_thread(self._store_output, data)
        return inline({"count": len(decode_elements(data)), "sha256": ref.sha256, "size": ref.size})

    async def text(self, payload: Payload) -> msgspec.Raw:
        """The payload's JSON, undecoded."""
        return payload.raw if payload.ref is None else msgspec.Raw((await self._blob(payload.ref)).data)

    async def _blob(self, ref: Ref) -> Blob:
        blob = self._known.get(ref.sha256)
        if blob is not None:
            self._known.move_to_end(ref.sha256)
            return blob
        data = await self._fetch(ref)
        blob = self._known.get(ref.sha256)
        if blob is None:
            blob = self._known[ref.sha256] = Blob(data)
            self._size += blob.cost
            self._forget()
        return blob

    async def _fetch(self, ref: Ref) -> bytes:
        """Fetch once, however many jobs wait for the same blob."""
        fetching = self._fetching.get(ref.sha256)
        if fetching is None:
            fetching = asyncio.ensure_future(asyncio.to_thread(self._get_checked, ref))
            self._fetching[ref.sha256] = fetching
            fetching.add_done_callback(lambda done: self._fetched(ref.sha256, done))
        # A job that is cancelled must not take the fetch away from the others.
        return await asyncio.shield(fetching)

    def _get_checked(self, ref: Ref) -> bytes:
        return checked_blob(self._store.get(ref))

    def _store_output(self, data: bytes) -> Ref:
        return self._store.put(checked_output(data))

    def _fetched(self, name: str, done: asyncio.Future[bytes]) -> None:
        del self._fetching[name]
        if not done.cancelled():
            done.exception()  # seen, also when every job that waited for it was cancelled

    def _recount(self, ref: Ref) -> None:
        if ref.sha256 in self._known:
            self._size = sum(blob.cost for blob in self._known.values())
            self._forget()

    def _forget(self) -> None:
        while self._size > self._limit and self._known:
            _, blob = self._known.popitem(last=False)
            self._size -= blob.cost
