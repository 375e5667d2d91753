"""The tokens of CEL: strings, numbers, names and punctuation, with their places in the source."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from engine.expressions.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["name", "string", "number", "mark"]
_KINDS: dict[str, Kind] = {"name": "name", "string": "string", "number": "number", "mark": "mark"}

_SPACE = r"(?P<space>(?:[ \t\r\n\f]+|//[^\n]*)+)"
_RAW = r"[bB]?[rR](?:'''[\s\S]*?'''|\"\"\"[\s\S]*?\"\"\"|'[^'\r\n]*'|\"[^\"\r\n]*\")"
_QUOTED = (
    r"[bB]?(?:'''(?:\\[\s\S]|[^\\])*?'''|\"\"\"(?:\\[\s\S]|[^\\])*?\"\"\""
    r"|'(?:\\[^\r\n]|[^'\\\r\n])*'|\"(?:\\[^\r\n]|[^\"\\\r\n])*\")"
)
_NUMBER = r"(?P<number>0[xX][0-9a-fA-F]+[uU]?|\d*\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+[uU]?)"
_NAME = r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
_MARK = r"(?P<mark>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])"
_TOKEN = re.compile(f"{_SPACE}|(?P<string>{_RAW}|{_QUOTED})|{_NUMBER}|{_NAME}|{_MARK}")
_UNCLOSED = re.compile(r"(?:[bB]?[rR]?|[rR][bB])['\"]")


class Token(NamedTuple):
    """One token and its place: `source[start:end] == text`."""

    kind: Kind
    text: str
    start: int
    end: int


def tokens(source: str, start: int = 0) -> Iterator[Token]:
    """Yield the tokens from `start` on, without space and comments; EXPRESSION_SYNTAX at what is none."""
    at = start
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            unclosed = _UNCLOSED.match(source, at)
            what = "this string is not closed" if unclosed else f"{source[at]!r} is not CEL"
            raise ExpressionError("EXPRESSION_SYNTAX", f"{what} ({place(source, at)})", at)
        if (kind := _KINDS.get(str(match.lastgroup))) is not None:
            yield Token(kind, match.group(), at, match.end())
        at = match.end()


def place(source: str, offset: int) -> str:
    """Say where `offset` is, for people: `line 1, column 3`."""
    line = source.count("\n", 0, offset) + 1
    column = offset - source.rfind("\n", 0, offset)
    return f"line {line}, column {column}"


def literal_key(token: Token) -> str | int | None:
    """Value of a token that may stand in `[...]` of a path: a string without escapes, a decimal int."""
    if token.kind == "number":
        return int(token.text) if token.text.isdecimal() else None
    text = token.text
    if token.kind != "string" or text[0] in "bB":
        return None
    raw = text[0] in "rR"
    text = text[1:] if raw else text
    quotes = 3 if text.startswith(("'''", '"""')) else 1
    text = text[quotes:-quotes]
    return text if raw or "\\" not in text else None
