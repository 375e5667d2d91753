"""Templates: a JSON value whose strings may hold `${expression}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from engine.expressions.errors import ExpressionError, TemplateError
from engine.expressions.expression import MAX_SOURCE, Expression, Reads, compile_expression
from engine.expressions.tokens import place, tokens
from engine.expressions.values import MAX_DEPTH, too_deep

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from engine.expressions.meter import Meter

_OPEN = "${"
_ESCAPED = "$${"


class _Part(Protocol):
    """A piece of a template."""

    def render(self, scope: Mapping[str, object], meter: Meter | None) -> object: ...

    def expressions(self) -> Iterator[Expression]: ...


class _Scalar:
    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def render(self, _scope: Mapping[str, object], _meter: Meter | None) -> object:
        return self.value

    def expressions(self) -> Iterator[Expression]:
        return iter(())


class _Whole:
    """A string that is one expression: the value keeps its type."""

    __slots__ = ("expression", "pointer")

    def __init__(self, expression: Expression, pointer: str) -> None:
        self.expression = expression
        self.pointer = pointer

    def render(self, scope: Mapping[str, object], meter: Meter | None) -> object:
        try:
            return self.expression.evaluate(scope, meter)
        except ExpressionError as error:
            raise TemplateError(self.pointer, error) from None

    def expressions(self) -> Iterator[Expression]:
        yield self.expression


class _Text:
    """A string with expressions between other text."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[_Part]) -> None:
        self.parts = parts

    def render(self, scope: Mapping[str, object], meter: Meter | None) -> object:
        return "".join(_text(part.render(scope, meter)) for part in self.parts)

    def expressions(self) -> Iterator[Expression]:
        for part in self.parts:
            yield from part.expressions()


class _List:
    __slots__ = ("items",)

    def __init__(self, items: list[_Part]) -> None:
        self.items = items

    def render(self, scope: Mapping[str, object], meter: Meter | None) -> object:
        return [item.render(scope, meter) for item in self.items]

    def expressions(self) -> Iterator[Expression]:
        for item in self.items:
            yield from item.expressions()


class _Map:
    __slots__ = ("items",)

    def __init__(self, items: dict[str, _Part]) -> None:
        self.items = items

    def render(self, scope: Mapping[str, object], meter: Meter | None) -> object:
        return {key: item.render(scope, meter) for key, item in self.items.items()}

    def expressions(self) -> Iterator[Expression]:
        for item in self.items.values():
            yield from item.expressions()


class Template:
    """A compiled template; immutable, and safe from many threads at once."""

    __slots__ = ("_part", "is_constant", "reads")

    def __init__(self, part: _Part) -> None:
        self._part = part
        reads = Reads()
        for expression in part.expressions():
            reads |= expression.reads
        self.reads = reads
        self.is_constant = not reads

    def render(self, scope: Mapping[str, object], meter: Meter | None = None) -> object:
        """Give a fresh JSON value; TemplateError with the pointer of the string whose expression failed.

        OverBudgetError when there is a `meter` that says so.
        """
        return self._part.render(scope, meter)


def compile_template(
    value: object, *, roots: Collection[str], node_ids: Collection[str] | None = None, pointer: str = ""
) -> Template:
    """Compile a JSON value; `roots` and `node_ids` as for `compile_expression`, `pointer` is where it stands.

    A string that is one whole `${expression}` keeps the value's type, in others strings are put in as they
    are and everything else as compact JSON. `$${` stands for `${`. Keys of maps are left as they are.
    TemplateError with the JSON pointer of the string that is wrong.
    """
    return Template(_Compiler(roots, node_ids).part(value, pointer, MAX_DEPTH))


class _Compiler:
    def __init__(self, roots: Collection[str], node_ids: Collection[str] | None) -> None:
        self.roots = roots
        self.node_ids = node_ids

    def part(self, value: object, pointer: str, room: int) -> _Part:
        if isinstance(value, str):
            try:
                return self._string(value, pointer)
            except ExpressionError as error:
                raise TemplateError(pointer, error) from None
        if not isinstance(value, (dict, list)):
            return _Scalar(value)
        if room <= 0:
            raise TemplateError(pointer, too_deep())
        if isinstance(value, list):
            return _List([self.part(item, f"{pointer}/{i}", room - 1) for i, item in enumerate(value)])
        return _Map(
            {key: self.part(item, f"{pointer}/{_escape(key)}", room - 1) for key, item in value.items()}
        )

    def _string(self, text: str, pointer: str) -> _Part:
        parts: list[_Part] = []
        plain = ""
        at = 0
        while (found := text.find(_OPEN, at)) >= 0:
            if found > at and text[found - 1] == "$":
                plain += text[at : found - 1] + _OPEN
                at = found + len(_OPEN)
                continue
            plain += text[at:found]
            end = _closing(text, found)
            source = text[found + len(_OPEN) : end].strip()
            expression = compile_expression(source, roots=self.roots, node_ids=self.node_ids)
            if found == 0 and end + 1 == len(text):
                return _Whole(expression, pointer)
            parts += (_Scalar(plain), _Whole(expression, pointer))
            plain = ""
            at = end + 1
        plain += text[at:]
        return _Text([*parts, _Scalar(plain)]) if parts else _Scalar(plain)


def _closing(text: str, opening: int) -> int:
    """Offset of the `}` that closes the `${` at `opening`; braces in strings and maps do not count."""
    start = opening + len(_OPEN)
    window = text[: start + MAX_SOURCE]
    depth = 0
    for token in tokens(window, start):
        if token.text == "{":
            depth += 1
        elif token.text == "}":
            if depth == 0:
                return token.start
            depth -= 1
    where = place(text, opening)
    msg = f"the ${{ at {where} is not closed within {MAX_SOURCE} characters; $${{ stands for a literal ${{"
    raise ExpressionError("EXPRESSION_SYNTAX", msg, opening)


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
