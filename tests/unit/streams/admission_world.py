"""Admission without Kafka, and what is asked of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec

from engine.commands import CancelRun, SignalRun, StartRun
from engine.errors import Refusal
from engine.payload import INLINE_LIMIT, Ref, inline
from storage.cas import MemoryStore
from storage.registry import MemoryWorkflowRegistry
from storage.wire import Record, encode
from streams.admission.payloads import Payloads
from streams.admission.starts import Starts
from streams.topologies.admission import Admission
from tests.unit.streams.public import NOW_MS, TOKENS, in_context, signed

if TYPE_CHECKING:
    from quixstreams.models import HeadersTuples

    from engine.commands import RunCommand

RUN = "r0_x"
DEFINITION = msgspec.json.encode({"name": "etl", "nodes": [{"id": "a", "type": "start"}], "edges": []})
LARGE = msgspec.json.encode("x" * INLINE_LIMIT)


class Store(MemoryStore):
    """Its content may be out of reach."""

    error: Exception | None = None

    def get(self, ref: Ref | str) -> bytes:
        if self.error is not None:
            raise self.error
        return super().get(ref)

    def put(self, data: bytes, media_type: str = "application/json") -> Ref:
        if self.error is not None:
            raise self.error
        return super().put(data, media_type)


class Registry(MemoryWorkflowRegistry):
    """It may be out of reach, or its reader dead."""

    unavailable = False
    alive = True

    def is_ready(self) -> bool:
        return self.alive

    def catch_up(self, timeout_s: float = 5.0) -> None:
        if self.unavailable:
            raise Refusal("REGISTRY_UNAVAILABLE", "it could not be read")


class World:
    def __init__(self) -> None:
        self.store = Store()
        self.registry = Registry()
        limits = SimpleNamespace(queue_names=("default",))
        self.starts = Starts(self.registry, self.store, limits)
        self._admission = Admission(self.starts, Payloads(self.store), TOKENS, lambda: NOW_MS / 1000)

    def tell(self, command: RunCommand, headers: HeadersTuples | None = None) -> list[Record]:
        return [record for _, record in self.outputs(encode(command), command.run_id.encode(), headers)]

    def outputs(self, value: bytes, key: bytes | None, headers: HeadersTuples | None = None) -> list[Any]:
        headers = signed() if headers is None else headers
        return in_context("run.commands", lambda: self._admission.handle(value, key, NOW_MS, headers))


def start(**more: object) -> StartRun:
    fields: dict[str, object] = {
        "command_id": "c",
        "run_id": RUN,
        "definition": DEFINITION,
        "inputs": inline({}),
    }
    return StartRun(**(fields | more))  # type: ignore[arg-type]  # some are wrong on purpose


def signal(**more: object) -> SignalRun:
    fields: dict[str, object] = {"command_id": "c", "run_id": RUN, "name": "go", "reply_to": 2}
    return SignalRun(**(fields | more))  # type: ignore[arg-type]  # as above


def cancel(**more: object) -> CancelRun:
    fields: dict[str, object] = {"command_id": "c", "run_id": RUN}
    return CancelRun(**(fields | more))  # type: ignore[arg-type]  # as above
