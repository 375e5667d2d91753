"""The input of a node instance: ready, or to be worked out by a runner because some of it lies in the CAS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from engine.effects import ScopeEntry
from engine.expressions import Meter, OverBudgetError
from engine.flow.scope import (
    Entries,
    assembled,
    checked,
    entries_for,
    extra_for,
    is_local,
    local_scope,
    upstream_entries,
)
from engine.flow.storing import fitted
from engine.ids import place
from engine.payload import Payload, inline, inline_json

if TYPE_CHECKING:
    from engine.flow.turn import Turn
    from engine.graph import Body
    from engine.operations import Operation

_encode = msgspec.json.Encoder().encode
LOCAL_WORK: Final = 5_000
"""What an operation may cost here, about 5 ms; the runs of the whole partition wait for it."""

_EMPTY = inline_json(b"{}")


@dataclass(frozen=True, slots=True)
class Remote:
    """An operation for a runner. Without a template it is the object of the scope's upstream outputs."""

    operation: str
    template: bytes | None
    scope: list[ScopeEntry]


@lru_cache(maxsize=4096)
def _constant(work: Operation) -> Payload:
    """The result of an operation that reads nothing (operations are hashed by identity)."""
    return inline(work.run({"nodes": {}, "inputs": None, "upstream": {}}, None))


def resolve(turn: Turn, path: str, body: Body, limit: int) -> Payload | Remote:
    """The input of the instance at `path`; inline results above `limit` bytes are left to a runner.

    Raises ExpressionError.
    """
    if body.work is None or body.work.name == "aggregate":
        return _default(turn, path) if body.work is None else _aggregate(turn, path, body.work, limit)
    if body.work.is_constant:
        constant = _constant(body.work)
        return constant if constant.size <= limit else Remote(body.work.name, _encode(body.work.source), [])
    return run(turn, body.work, entries_for(turn, body.work, extra_for(turn, path)), limit)


def run(turn: Turn, work: Operation, entries: Entries, limit: int) -> Payload | Remote:
    """Run an operation here when its data are here, its work is little and its result is small."""
    if is_local(entries):
        try:
            result = checked(inline(work.run(local_scope(entries), Meter(LOCAL_WORK))))
        except OverBudgetError:
            result = None
        if result is not None and result.size <= limit:
            return result
    return Remote(work.name, _encode(work.source), fitted(turn, entries))


def _aggregate(turn: Turn, path: str, work: Operation, limit: int) -> Payload | Remote:
    entries = entries_for(turn, work, extra_for(turn, path))
    if "items" not in work.source:
        read = {entry.name for entry in entries}
        entries += [entry for entry in upstream_entries(turn, path) if entry.name not in read]
    return run(turn, work, entries, limit)


def _default(turn: Turn, path: str) -> Payload | Remote:
    """Without `inputs`: upstream outputs; at an entry the run's inputs; inside, what its place knows."""
    index = turn.run.graph.by_id.get(path)
    if index is None:
        entries = extra_for(turn, path)
        if is_local(entries):
            return assembled(entries, [entry.name for entry in entries])
        return Remote("template", _encode({entry.name: f"${{{entry.name}}}" for entry in entries}), entries)
    node = turn.run.graph.nodes[index]
    if node.detached:
        return _compensated(turn, node.index)
    if node.in_degree == 0:
        return turn.run.start.inputs
    entries = upstream_entries(turn, path)
    return gathered(turn, entries)


def gathered(turn: Turn, entries: Entries) -> Payload | Remote:
    """An object of node outputs, `{"ID": output}`. Raises ExpressionError."""
    if not entries:
        return _EMPTY
    if is_local(entries):
        return assembled(entries, [place(entry.name.removeprefix("nodes.")).owner for entry in entries])
    return Remote("template", None, fitted(turn, entries))


def _compensated(turn: Turn, index: int) -> Payload | Remote:
    """A compensation gets the output of the node that it undoes."""
    graph = turn.run.graph
    source = next(node for node in graph.nodes if node.compensate == index)
    output = turn.run.node(source.id).output
    entries = [] if output is None else [ScopeEntry(name=f"nodes.{source.id}", payload=output)]
    return gathered(turn, entries)
