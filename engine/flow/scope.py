"""What an operation reads: which payloads, and whether the coordinator may look into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.effects import ScopeEntry
from engine.expressions import ExpressionError
from engine.ids import place, visit_path
from engine.json_text import MAX_DEPTH, is_too_deep
from engine.operations.scope import build_scope
from engine.payload import GATHER_LIMIT, NULL, Payload, inline, inline_json
from engine.state import NodeStatus

if TYPE_CHECKING:
    from engine.flow.turn import Turn
    from engine.operations import Operation

Entries = list[ScopeEntry]


def entries_for(turn: Turn, work: Operation, extra: Entries) -> Entries:
    """The payloads that `work` reads; `extra` are those that only its place knows (`item`, `output`, ...)."""
    reads = work.reads
    entries = [entry for entry in extra if entry.name in reads.roots]
    if reads.inputs:
        entries.append(ScopeEntry(name="inputs", payload=turn.run.start.inputs))
    entries.extend(entry for node_id in reads.nodes if (entry := _node_entry(turn, node_id)) is not None)
    return entries


def _node_entry(turn: Turn, node_id: str) -> ScopeEntry | None:
    node = turn.run.node(node_id)
    if node.status is NodeStatus.SUCCEEDED and node.output is not None:
        return ScopeEntry(name=f"nodes.{node_id}", payload=node.output)
    if node.error is not None and node.status in {NodeStatus.FAILED, NodeStatus.SKIPPED}:
        return ScopeEntry(name=f"nodes.{node_id}.error", payload=inline(node.error))
    return None


def upstream_entries(turn: Turn, node_id: str) -> Entries:
    """The outputs of the nodes whose edge to `node_id` was taken."""
    graph = turn.run.graph
    entries = []
    for source, position in graph.node(node_id).upstream:
        source_id = graph.nodes[source].id
        state = turn.run.node(source_id)
        taken = position < len(state.edges) and state.edges[position]
        if taken and state.output is not None:
            entries.append(ScopeEntry(name=f"nodes.{source_id}", payload=state.output))
    return entries


def extra_for(turn: Turn, path: str) -> Entries:
    """What only the place `path` knows: `item` and `index` in a map, `iteration` and `output` in a loop."""
    if path in turn.run.graph.by_id:
        return []
    where = place(path)
    if where.item is not None:
        return [
            item_entry(turn, where.owner, where.item),
            ScopeEntry(name="index", payload=inline(where.item)),
        ]
    if where.visit is not None:
        before = turn.run.node(visit_path(where.owner, where.visit - 1)).output if where.visit else None
        return [
            ScopeEntry(name="iteration", payload=inline(where.visit)),
            ScopeEntry(name="output", payload=before or NULL),
        ]
    return []


def item_entry(turn: Turn, path: str, index: int) -> ScopeEntry:
    """Item `index` of the map at `path`: its JSON, or the whole list's reference and the index."""
    box = turn.run.node(path).box
    if box is not None and box.items is not None:
        return ScopeEntry(name="item", payload=box.items, index=index)
    return ScopeEntry(name="item", payload=inline_json(turn.run.item(path, index)))


def is_local(entries: Entries) -> bool:
    """Whether the coordinator may put these together itself (design rule 6)."""
    return not any(entry.payload.ref for entry in entries) and size_of(entries) <= GATHER_LIMIT


def size_of(entries: Entries) -> int:
    """Bytes of the inline payloads."""
    return sum(entry.payload.size for entry in entries if entry.payload.ref is None)


def local_scope(entries: Entries) -> dict[str, Any]:
    """The scope as the expression library takes it."""
    return build_scope((entry.name, entry.payload.value()) for entry in entries)


def assembled(entries: Entries, names: list[str]) -> Payload:
    """An object of undecoded payloads: `{name: payload}`. Raises ExpressionError."""
    fields = b",".join(
        b'"' + name.encode() + b'":' + bytes(entry.payload.raw)
        for name, entry in zip(names, entries, strict=True)
    )
    return checked(inline_json(b"{" + fields + b"}"))


def checked(made: Payload) -> Payload:
    """A payload made here: values in values may nest deeper than readers can go. Raises ExpressionError."""
    if is_too_deep(bytes(made.raw)):
        raise ExpressionError(
            "VALUE_TOO_DEEP", f"the value would be nested more than {MAX_DEPTH} levels deep"
        )
    return made
