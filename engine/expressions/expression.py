"""Expressions: compiled once, evaluated many times."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from engine.expressions.analysis import analyse
from engine.expressions.catalogue import TYPES, suggestion
from engine.expressions.errors import Code, ExpressionError
from engine.expressions.library import Program, cause, program, unset_variable
from engine.expressions.tokens import place
from engine.expressions.values import Missing, find, kind_of, plain, spell, weigh

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from engine.expressions.findings import Analysis, Read
    from engine.expressions.meter import Meter

MAX_SOURCE = 4096
"""Bytes of one expression."""

MAX_WORK = 500_000
"""Items that macros may visit or make in one evaluation, estimated from above: some seconds of work."""

_EVALUATION = 5
"""What an evaluation costs a `Meter` in itself; two items that it reads cost 1, a visit of a macro 2.

A value that is only passed on costs less: 1 for eight items.
"""

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression reads of its scope."""

    inputs: bool = False
    nodes: tuple[str, ...] = ()
    """Ids read through `nodes`, sorted."""
    roots: tuple[str, ...] = ()
    """Other roots, sorted."""

    def __or__(self, other: Reads) -> Reads:
        """What either reads."""
        return Reads(
            self.inputs or other.inputs,
            tuple(sorted({*self.nodes, *other.nodes})),
            tuple(sorted({*self.roots, *other.roots})),
        )

    def __bool__(self) -> bool:
        """Whether anything is read."""
        return bool(self.inputs or self.nodes or self.roots)


class Expression:
    """A compiled expression; immutable, and safe from many threads at once."""

    __slots__ = ("_analysis", "_constant", "_program", "_variables", "reads", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        program(source)  # the walk below relies on a source that parses
        analysis = analyse(source)
        for call in analysis.literal_calls:
            _try_literal(call, source)
        self._analysis: Analysis = analysis
        self._program = _rewritten(analysis)
        self._variables = tuple((f"__{i}", read) for i, read in enumerate(analysis.reads))
        self.reads = _reads(analysis.reads)
        self._constant: object = None
        if self.is_constant:
            self._constant = self._fold()

    @property
    def is_constant(self) -> bool:
        """Whether the expression reads nothing."""
        return not self._variables

    def evaluate(self, scope: Mapping[str, object], meter: Meter | None = None) -> object:
        """Evaluate over a scope of JSON values, e.g. `{"inputs": {...}, "nodes": {...}}`; never changes it.

        The result is a fresh JSON value: timestamps are RFC 3339 strings, durations strings like `1.5s`,
        bytes base64. A value that is only passed on keeps the order of its keys, otherwise they are sorted.
        ExpressionError EXPRESSION_FAILED, with source and cause; EXPRESSION_TOO_LARGE for values that are
        nested too deep or for too much work. OverBudgetError when there is a `meter` that says so.
        """
        try:
            if not self._variables:
                return plain(self._constant)
            path = self._analysis.path
            if path is not None:
                value = find(scope, path)
                if type(value) is Missing:
                    raise self._failed(value.explain(path))
                weight = weigh(value)
                if meter is not None:
                    meter.spend(1 + weight // 8)
                return plain(value, ordered=True)
            return plain(self._execute(scope, meter))
        except ExpressionError as error:
            raise self._with_source(error) from None

    def evaluate_bool(self, scope: Mapping[str, object], meter: Meter | None = None) -> bool:
        """Evaluate a condition; EXPRESSION_TYPE if the result is no bool."""
        value = self.evaluate(scope, meter)
        if value is True or value is False:
            return value
        raise _not_bool(value, self.source)

    def _execute(self, scope: Mapping[str, object], meter: Meter | None) -> object:
        variables: dict[str, object] = {}
        weights = [0] * len(self._variables)
        for number, (name, read) in enumerate(self._variables):
            value = find(scope, read.path)
            if type(value) is Missing:
                # left unset: the library fails only if it needs the value, as CEL wants
                if read.presence and value.depth == len(read.path) - 1 and type(value.found) is dict:
                    variables[name] = False
            elif read.presence:
                variables[name] = True
            else:
                weights[number] = weigh(value)
                variables[name] = value
        work = self._checked_work(weights) if self._analysis.power else 0
        if meter is not None:
            sizes = work * sum(weights) // 10 if self._analysis.sizes else 0
            meter.spend(_EVALUATION + sum(weights) // 2 + 2 * work + sizes)
        try:
            return self._program.execute(variables)
        except BaseException as error:  # noqa: BLE001 (a panic is a BaseException; `cause` lets exits go on)
            unset = unset_variable(error)
            why = cause(error) if unset is None else self._explain(scope, self._variables[unset][1])
        raise self._failed(why)

    def _checked_work(self, weights: list[int]) -> int:
        """What macros will visit, an estimate from above. Refuses what could keep the process busy."""
        weight = sum(weights)
        work: int = max(1, weight + self._analysis.literals) ** self._analysis.power
        for items, reads in self._analysis.bodies:
            work *= max(1, items + sum(weights[read] for read in reads))
        if work > MAX_WORK:
            msg = f"too much for one expression, which reads {weight} items; use a map or filter node"
            raise ExpressionError("EXPRESSION_TOO_LARGE", msg)
        return work

    def _explain(self, scope: Mapping[str, object], read: Read) -> str:
        found = find(scope, read.path)
        return found.explain(read.path) if type(found) is Missing else f"{spell(read.path)} cannot be read"

    def _fold(self) -> object:
        """Evaluate once what reads nothing, so that its errors are found early."""
        self._checked_work([])
        try:
            value = self._program.execute({})
            plain(value)
        except ExpressionError as error:
            raise self._with_source(error) from None
        except BaseException as error:  # noqa: BLE001 (as above)
            code: Code = "EXPRESSION_TYPE" if isinstance(error, TypeError) else "EXPRESSION_FAILED"
            failure = ExpressionError(code, cause(error))
        else:
            return value
        raise self._with_source(failure)

    def _failed(self, why: str) -> ExpressionError:
        return ExpressionError("EXPRESSION_FAILED", why)

    def _with_source(self, error: ExpressionError) -> ExpressionError:
        return ExpressionError(error.code, f"{error.message}, in: {_shown(self.source)}", error.offset)

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"


def compile_expression(
    source: str, *, roots: Collection[str], node_ids: Collection[str] | None = None
) -> Expression:
    """Compile an expression over the names `roots`, and below `nodes` over `node_ids` (None: any).

    ExpressionError: EXPRESSION_SYNTAX with the place, EXPRESSION_UNKNOWN_NAME with what was likely meant,
    EXPRESSION_TYPE and EXPRESSION_FAILED for what fails whatever is read, EXPRESSION_TOO_LARGE. Pass sets:
    both collections are asked for membership. The same source is compiled once.
    """
    expression = _compiled(_bounded(source))
    for _, read in expression._variables:  # noqa: SLF001 (same module)
        root = read.path[0]
        if root not in roots:
            raise _unknown_root(expression.source, read, roots)
        if root == "nodes" and node_ids is not None and read.path[1] not in node_ids:
            raise _unknown_node(expression.source, read, node_ids)
    return expression


def compile_condition(
    source: str, *, roots: Collection[str], node_ids: Collection[str] | None = None
) -> Expression:
    """Compile an expression for `evaluate_bool`; EXPRESSION_TYPE if it can be seen to give no bool."""
    expression = compile_expression(source, roots=roots, node_ids=node_ids)
    if expression.is_constant:
        expression.evaluate_bool({})
    return expression


@lru_cache(maxsize=4096)
def _compiled(source: str) -> Expression:
    return Expression(source)


def _rewritten(analysis: Analysis) -> Program:
    try:
        return program(analysis.text, analysis.helpers)
    except ExpressionError:
        # the source parsed: what the rewriting adds can only have nested it too deep for the library
        msg = "the expression is nested too deep; split it over several nodes"
        raise ExpressionError("EXPRESSION_TOO_LARGE", msg) from None


def _bounded(source: str) -> str:
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        msg = f"character {error.start + 1} is half of a surrogate pair"
        raise ExpressionError("EXPRESSION_SYNTAX", msg, error.start) from None
    if size > MAX_SOURCE:
        msg = f"the expression has {size} bytes, {MAX_SOURCE} are allowed; split it over several nodes"
        raise ExpressionError("EXPRESSION_TOO_LARGE", msg)
    if not source.strip():
        raise ExpressionError("EXPRESSION_SYNTAX", "the expression is empty", 0)
    return source


def _reads(reads: tuple[Read, ...]) -> Reads:
    roots = {str(read.path[0]) for read in reads}
    nodes = {str(read.path[1]) for read in reads if read.path[0] == "nodes"}
    return Reads("inputs" in roots, tuple(sorted(nodes)), tuple(sorted(roots - {"inputs", "nodes"})))


def _unknown_root(source: str, read: Read, roots: Collection[str]) -> ExpressionError:
    name = str(read.path[0])
    hint = suggestion(name, [*roots, *TYPES]) or f" Known here: {', '.join(sorted(roots)) or 'nothing'}."
    msg = f"there is no {name} here ({place(source, read.offset)}).{hint}"
    return ExpressionError("EXPRESSION_UNKNOWN_NAME", msg, read.offset)


def _unknown_node(source: str, read: Read, node_ids: Collection[str]) -> ExpressionError:
    name = str(read.path[1])
    dashed = [node for node in node_ids if node.startswith(f"{name}-")]
    hint = suggestion(name, node_ids)
    if dashed:
        hint = f' A name with a dash is written nodes["{min(dashed)}"].'
    msg = f"there is no node {name} ({place(source, read.offset)}).{hint}"
    return ExpressionError("EXPRESSION_UNKNOWN_NAME", msg, read.offset)


def _try_literal(call: str, source: str) -> None:
    """Refuse a regular expression, time or duration that is written out and wrong."""
    why = ""
    with contextlib.suppress(ExpressionError):
        attempt = program(call)
        try:
            attempt.execute({})
        except BaseException as error:  # noqa: BLE001 (a panic is a BaseException; `cause` lets exits go on)
            why = cause(error)
    if why:
        raise ExpressionError("EXPRESSION_TYPE", f"{why}, in: {_shown(source)}")


def _not_bool(value: object, source: str) -> ExpressionError:
    msg = f"a condition must be true or false, this one is {kind_of(value)}, in: {_shown(source)}"
    return ExpressionError("EXPRESSION_TYPE", msg)


def _shown(source: str) -> str:
    return source if len(source) <= _SHOWN else f"{source[:_SHOWN]}..."
