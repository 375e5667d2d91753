"""`Operation`: a compiled computation over a scope, the same wherever it runs.

| operation   | source (JSON)                                | gives |
|-------------|----------------------------------------------|-------|
| `template`  | any JSON with `${expressions}`               | that JSON, rendered |
| `items`     | the same                                     | a list, or an error |
| `condition` | an expression                                | a bool |
| `edges`     | a list of expressions or null                | a list of bools or null |
| `filter`    | `{items, condition}`                         | the items for which the condition holds |
| `aggregate` | `{strategy, items?, by?}`                    | see `engine.operations.aggregates` |
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import msgspec

from engine.expressions import (
    Expression,
    ExpressionError,
    Meter,
    OverBudgetError,
    Reads,
    Template,
    TemplateError,
    compile_expression,
    compile_template,
)
from engine.operations.aggregates import aggregate

Scope = Mapping[str, Any]
ITEM_ROOTS = ("item", "index")
MAX_WORK = 30_000_000
"""What one operation may cost in a runner, over all its items: about half a minute."""

ALL_ROOTS = ("inputs", "nodes", "output", "item", "index", "iteration")


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """A compiled operation: what it reads, and how it is run.

    `run` raises ExpressionError, and OverBudgetError as the meter says.
    """

    name: str
    source: Any
    reads: Reads
    run: Callable[[Scope, Meter | None], Any]

    @property
    def is_constant(self) -> bool:
        """Whether the result is the same in every scope."""
        return not (self.reads.inputs or self.reads.nodes or self.reads.roots)


def bare(source: str) -> str:
    """The expression inside `${...}`, or the expression itself."""
    text = source.strip()
    return text[2:-1] if text.startswith("${") and text.endswith("}") else text


def _union(parts: Collection[Reads], hidden: Collection[str] = ()) -> Reads:
    nodes = sorted({node for part in parts for node in part.nodes})
    roots = sorted({root for part in parts for root in part.roots} - set(hidden))
    return Reads(inputs=any(part.inputs for part in parts), nodes=tuple(nodes), roots=tuple(roots))


@dataclass(frozen=True, slots=True)
class _Compiler:
    """What every part of one operation is compiled with. Errors carry a pointer relative to the source."""

    roots: tuple[str, ...]
    node_ids: frozenset[str] | None

    def expression(self, source: str, pointer: str, extra: tuple[str, ...] = ()) -> Expression:
        try:
            return compile_expression(bare(source), roots=(*self.roots, *extra), node_ids=self.node_ids)
        except ExpressionError as error:
            raise TemplateError(pointer, error) from error

    def template(self, source: Any) -> Template:  # noqa: ANN401 (any JSON)
        return compile_template(source, roots=self.roots, node_ids=self.node_ids)


def _template(source: Any, compiler: _Compiler) -> Operation:  # noqa: ANN401
    template = compiler.template(source)
    return Operation("template", source, template.reads, partial(_render, template))


def _render(template: Template, scope: Scope, meter: Meter | None) -> Any:  # noqa: ANN401
    """Render; what fails says where in the template."""
    try:
        return template.render(scope, meter)
    except TemplateError as error:
        message = str(error) if error.pointer else error.error.message
        raise ExpressionError(error.error.code, message) from error


def _as_list(value: Any) -> list[Any]:  # noqa: ANN401
    if not isinstance(value, list):
        raise ExpressionError("EXPRESSION_TYPE", f"`items` has to be a list, not {type(value).__name__}")
    return value


def _items(source: Any, compiler: _Compiler) -> Operation:  # noqa: ANN401
    whole = f"${{{bare(source)}}}" if isinstance(source, str) else source
    template = compiler.template(whole)
    return Operation(
        "items", source, template.reads, lambda scope, meter: _as_list(_render(template, scope, meter))
    )


def _condition(source: str, compiler: _Compiler) -> Operation:
    expression = compiler.expression(source, "")
    return Operation("condition", source, expression.reads, expression.evaluate_bool)


def _edges(source: list[str | None], compiler: _Compiler) -> Operation:
    expressions = [
        None if text is None else compiler.expression(text, f"/{i}") for i, text in enumerate(source)
    ]
    reads = _union([expression.reads for expression in expressions if expression is not None])

    def run(scope: Scope, meter: Meter | None) -> list[bool | None]:
        return [
            None if expression is None else expression.evaluate_bool(scope, meter)
            for expression in expressions
        ]

    return Operation("edges", source, reads, run)


def _filter(source: dict[str, str], compiler: _Compiler) -> Operation:
    items = compiler.expression(source["items"], "/items")
    condition = compiler.expression(source["condition"], "/condition", ITEM_ROOTS)
    reads = _union([items.reads, _union([condition.reads], ITEM_ROOTS)])

    def run(scope: Scope, meter: Meter | None) -> list[Any]:
        values = _as_list(items.evaluate(scope, meter))
        inner = dict(scope)
        kept = []
        for index, value in enumerate(values):
            inner["item"], inner["index"] = value, index
            if condition.evaluate_bool(inner, meter):
                kept.append(value)
        return kept

    return Operation("filter", source, reads, run)


def _aggregate(source: dict[str, str], compiler: _Compiler) -> Operation:
    items = compiler.expression(source["items"], "/items") if "items" in source else None
    by = compiler.expression(source["by"], "/by", ITEM_ROOTS) if "by" in source else None
    parts = ([items.reads] if items else []) + ([_union([by.reads], ITEM_ROOTS)] if by else [])
    run = partial(_run_aggregate, source["strategy"], items, by)
    # Without `items` it aggregates the upstream nodes' outputs: the caller puts them into the scope.
    return Operation("aggregate", source, _union(parts), run)


def _run_aggregate(
    strategy: str, items: Expression | None, by: Expression | None, scope: Scope, meter: Meter | None
) -> Any:  # noqa: ANN401
    values = _as_list(items.evaluate(scope, meter)) if items is not None else list(scope["upstream"].values())
    if by is None:
        return aggregate(strategy, values, None)
    inner = dict(scope)
    keys = []
    for index, value in enumerate(values):
        inner["item"], inner["index"] = value, index
        keys.append(by.evaluate(inner, meter))
    return aggregate(strategy, values, keys)


OPERATIONS: dict[str, Callable[[Any, _Compiler], Operation]] = {
    "template": _template,
    "items": _items,
    "condition": _condition,
    "edges": _edges,
    "filter": _filter,
    "aggregate": _aggregate,
}


def compile_operation(
    name: str, source: object, *, roots: Collection[str], node_ids: Collection[str] | None
) -> Operation:
    """Compile; TemplateError names the bad expression by a JSON pointer into the source."""
    known = None if node_ids is None else frozenset(node_ids)
    return OPERATIONS[name](source, _Compiler(tuple(roots), known))


@lru_cache(maxsize=1024)
def _compiled(name: str, source: bytes) -> Operation:
    return compile_operation(name, msgspec.json.decode(source), roots=ALL_ROOTS, node_ids=None)


def evaluate(name: str, template: object, scope: Scope) -> Any:  # noqa: ANN401 (any JSON value)
    """Compile (remembered) and run: what a runner does with an `evaluate` job. Raises ExpressionError."""
    try:
        operation = _compiled(name, msgspec.json.encode(template))
    except TemplateError as error:
        raise error.error from error
    try:
        return operation.run(scope, Meter(MAX_WORK))
    except OverBudgetError:
        message = f"this `{name}` is too much work over so many items: do it in a `function` node"
        raise ExpressionError("EXPRESSION_TOO_LARGE", message) from None
