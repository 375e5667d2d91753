"""What a node does with its input, compiled: operations, functions, child definitions."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from engine.errors import Issue, Refusal
from engine.expressions import TemplateError
from engine.graph.graph import Body
from engine.model import InnerNode, JsonObject, canonical, pointer
from engine.operations import Operation, compile_operation
from engine.operations.operation import bare

ITEM_ROOTS = ("inputs", "nodes", "item", "index")
ITERATION_ROOTS = ("inputs", "nodes", "iteration", "output")
NODE_ROOTS = ("inputs", "nodes")
EDGE_ROOTS = ("inputs", "nodes", "output")

MAX_TEMPLATE = 256 * 1024
"""Bytes of the JSON of one operation: a job may have to carry it, beside what it reads."""

_HTTP_FIELDS = ("url", "method", "headers", "query", "body", "payload", "expect_status", "parse")
_WAIT_FIELDS = ("duration_ms", "until", "signal")
_FUNCTION_FIELDS = ("function", "function_name", "action")


@dataclass(slots=True)
class Compiling:
    """A compilation under way: what is known of the graph, the issues and the children found so far."""

    node_ids: frozenset[str]
    issues: list[Issue] = field(default_factory=list)
    children: dict[str, bytes | None] = field(default_factory=dict)
    children_at: dict[str, str] = field(default_factory=dict)
    """JSON pointers of the inline definitions."""

    def fail(self, where: list[str | int], message: str, code: str = "INVALID") -> None:
        """Note an issue and go on."""
        self.issues.append(Issue(pointer(where), message, code))

    def operation(
        self, name: str, source: object, where: list[str | int], roots: tuple[str, ...]
    ) -> Operation | None:
        """Compile an operation, or note what is wrong with it."""
        size = len(msgspec.json.encode(source))
        if size > MAX_TEMPLATE:
            message = f"this has {size} bytes, and a job has room for {MAX_TEMPLATE}: pass it as an input"
            self.fail(where, message, "CONFIG_TOO_LARGE")
            return None
        try:
            return compile_operation(name, source, roots=roots, node_ids=self.node_ids)
        except TemplateError as error:
            self.issues.append(Issue(pointer(where) + error.pointer, error.error.message, error.error.code))
            return None

    def child(self, config: JsonObject, where: list[str | int]) -> str:
        """How the child definition of a composite is named in the run's `children`."""
        if "definition" in config:
            try:
                text, digest = canonical(msgspec.json.encode(config["definition"]))
            except Refusal as refusal:
                self.fail([*where, "definition"], refusal.message, refusal.code)
                return ""
            self.children[f"definition:{digest}"] = text
            self.children_at[f"definition:{digest}"] = pointer([*where, "definition"])
            return f"definition:{digest}"
        suffix = f"version:{config['version']}" if "version" in config else f"tag:{config.get('tag', 'main')}"
        name = f"{config['workflow']}@{suffix}"
        self.children[name] = None
        return name


def compile_body(
    node: InnerNode, where: list[str | int], compiling: Compiling, roots: tuple[str, ...] = NODE_ROOTS
) -> Body:
    """Compile what `node` does; `where` is the JSON pointer of its `config`."""
    config, kind = node.config, "function" if node.type == "task" else node.type
    work = _work(kind, config, where, compiling, roots)
    return Body(
        type=kind,
        work=work,
        config=config,
        retry=node.retry,
        timeout_ms=node.timeout_ms,
        priority=node.priority,
        queue=node.queue or "default",
        function=next((config[name] for name in _FUNCTION_FIELDS if name in config), None)
        if kind == "function"
        else None,
        child=compiling.child(config, where) if kind == "composite" else None,
    )


def _work(  # noqa: PLR0911 (one return a node type)
    kind: str, config: JsonObject, where: list[str | int], compiling: Compiling, roots: tuple[str, ...]
) -> Operation | None:
    match kind:
        case "http":
            return compiling.operation("template", _kept(config, _HTTP_FIELDS), where, roots)
        case "wait":
            return compiling.operation("template", _kept(config, _WAIT_FIELDS), where, roots)
        case "transform":
            whole = f"${{{bare(config['expression'])}}}"
            return compiling.operation("template", whole, [*where, "expression"], roots)
        case "filter":
            return compiling.operation(kind, config, where, roots)
        case "aggregate":
            return _aggregate(config, where, compiling, roots)
        case "map":
            return compiling.operation("items", config["items"], [*where, "items"], roots)
        case "conditional" if "condition" in config:
            return compiling.operation("condition", config["condition"], [*where, "condition"], roots)
        case "loop":
            return None
    if "inputs" in config:
        return compiling.operation("template", config["inputs"], [*where, "inputs"], roots)
    return None


def _aggregate(
    config: JsonObject, where: list[str | int], compiling: Compiling, roots: tuple[str, ...]
) -> Operation | None:
    """Without `items` the scope holds the upstream outputs, and what `by` read would be among them."""
    work = compiling.operation("aggregate", config, where, roots)
    if work is not None and "items" not in config and work.reads.nodes:
        compiling.fail([*where, "by"], "without `items`, `by` may read `item`, `index` and `inputs` alone")
    return work


def inner_node(config: JsonObject) -> tuple[InnerNode, str | None]:
    """What a map does for each item or a loop for each iteration, and where in `config` it stands."""
    if "node" in config:
        return as_inner_node(config["node"]), "node"
    if "function_name" in config:
        return InnerNode(type="function", config=_kept(config, ("function_name", "inputs"))), None
    names = ("workflow", "definition", "tag", "version", "inputs")
    return InnerNode(type="composite", config=_kept(config, names)), None


def as_inner_node(raw: JsonObject) -> InnerNode:
    """The node that stands in the config of a map or a loop."""
    return msgspec.convert(raw, InnerNode)


def _kept(config: JsonObject, names: tuple[str, ...]) -> JsonObject:
    return {name: config[name] for name in names if name in config}
