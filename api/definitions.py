"""Definitions of workflows: checked, named by their content, stored, remembered."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from api.problems import Problem
from engine.graph import compile_graph
from engine.model import Workflow, canonical, parse_workflow
from storage.cas import BlobCorrupt, BlobMissing

if TYPE_CHECKING:
    from storage.cas import ContentStore

K = TypeVar("K")

_REMEMBERED = 256
_MAX_REMEMBERED_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition that compiles: `text` is its canonical JSON, `digest` the SHA-256 of that."""

    workflow: Workflow
    text: bytes
    digest: str


def check_definition(data: bytes) -> Definition:
    """Parse and compile; Refusal JSON_INVALID, WORKFLOW_TOO_LARGE or WORKFLOW_INVALID with every issue."""
    workflow = parse_workflow(data)
    text, digest = canonical(data)
    compile_graph(workflow, digest)
    return Definition(workflow, text, digest)


class Definitions:
    """Checks definitions off the event loop, and keeps the last ones at hand."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._by_source: OrderedDict[bytes, Definition] = OrderedDict()
        self._by_digest: OrderedDict[str, Definition] = OrderedDict()

    async def check(self, data: bytes) -> Definition:
        """A definition as somebody sent it; Refusal as `check_definition`."""
        return await asyncio.to_thread(check_definition, data)

    async def store(self, data: bytes) -> Definition:
        """Check a definition and put it into the CAS. CasUnavailable."""
        source = hashlib.sha256(data).digest()
        known = self._by_source.get(source)
        if known is not None:
            return known
        definition = await self.check(data)
        await asyncio.to_thread(self._store.put, definition.text)
        _keep(self._by_source, source, definition)
        _keep(self._by_digest, definition.digest, definition)
        return definition

    async def load(self, digest: str) -> Definition:
        """A stored definition; CasUnavailable; Problem (503) when the CAS has lost it."""
        known = self._by_digest.get(digest)
        if known is not None:
            return known
        definition = await asyncio.to_thread(self._read, digest)
        _keep(self._by_digest, digest, definition)
        return definition

    def _read(self, digest: str) -> Definition:
        try:
            text = self._store.get(digest)
        except (BlobMissing, BlobCorrupt) as error:
            raise Problem(
                503, "DEFINITION_LOST", f"the blob store does not hold the definition: {error}"
            ) from error
        return Definition(parse_workflow(text), text, digest)


def _keep(table: OrderedDict[K, Definition], key: K, definition: Definition) -> None:
    if len(definition.text) <= _MAX_REMEMBERED_BYTES:
        table[key] = definition
    while len(table) > _REMEMBERED:
        table.popitem(last=False)
