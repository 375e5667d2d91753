"""Random expressions: against the library itself, and against everything that must not happen."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.expressions import (
    ExpressionError,
    Reads,
    TemplateError,
    compile_expression,
    compile_template,
)
from engine.expressions.library import program
from engine.expressions.tokens import tokens
from engine.expressions.values import plain

if TYPE_CHECKING:
    from collections.abc import Callable

ROOTS = frozenset({"inputs", "nodes", "output", "item"})
SCOPE: dict[str, object] = {
    "inputs": {"a": 3, "in": 0, "m": {"b": -1, "x y": 7}, "rows": [{"v": 1}, {"v": 5}]},
    "nodes": {"n": {"output": 10}, "n-2": {"output": 0}},
    "output": [4, 0, 2],
    "item": "x}y",
}
FAILED = object()

Source = tuple[tuple[str, ...], frozenset[str]]
"""Tokens of an expression, and the roots and nodes that it reads."""


def read(text: str, *names: str) -> Source:
    return tuple(token.text for token in tokens(text)), frozenset(names)


def joined(*parts: str | Source) -> Source:
    words: list[str] = []
    names: frozenset[str] = frozenset()
    for part in parts:
        if isinstance(part, str):
            words += (token.text for token in tokens(part))
        else:
            words += part[0]
            names |= part[1]
    return tuple(words), names


LEAVES = st.sampled_from(
    [
        read("1"),
        read("0"),
        read("9223372036854775807"),
        read("inputs.a", "inputs"),
        read("inputs.m.b", "inputs"),
        read('inputs.m["x y"]', "inputs"),
        read("inputs['in']", "inputs"),
        read("inputs.missing.b", "inputs"),
        read("nodes.n.output", "nodes.n"),
        read("nodes['n-2'].output", "nodes.n-2"),
        read("output[1]", "output"),
        read("output[7]", "output"),
        read("inputs.rows[0].v", "inputs"),
        read("inputs.rows[inputs.a].v", "inputs"),
        read("size(output)", "output"),
        read("inputs.rows.size()", "inputs"),
        read("int(item)", "item"),
    ]
)
LISTS = st.sampled_from(
    [
        read("output", "output"),
        read("[1, 2, 3]"),
        read("[]"),
        read("inputs.rows", "inputs"),
        read("[nodes.n.output]", "nodes.n"),
        read("(output + [0])", "output"),
    ]
)
BOOLS = st.sampled_from(
    [
        read("true"),
        read("has(inputs.a)", "inputs"),
        read("has(inputs.missing)", "inputs"),
        read("has(inputs.missing.b)", "inputs"),
        read("'in' in inputs", "inputs"),
        read("item.contains('}')", "item"),
        read('item == "x}y"', "item"),
        read("matches(item, r'^x.y$')", "item"),
    ]
)
VARIABLES = st.sampled_from(["v", "item", "inputs", "e"])


def grown(inner: st.SearchStrategy[Source]) -> st.SearchStrategy[Source]:
    def operation(parts: tuple[Source, str, Source]) -> Source:
        return joined("(", parts[0], parts[1], parts[2], ")")

    def choice(parts: tuple[Source, Source, Source]) -> Source:
        return joined("(", parts[0], "?", parts[1], ":", parts[2], ")")

    def macro(parts: tuple[Source, str, str, Source, Source]) -> Source:
        values, name, variable, body, condition = parts
        argument = condition if name == "filter" else body
        # what reads a shadowed root reads the variable instead, with whatever comes of that
        names = values[1] | (argument[1] - {variable})
        return joined(values, f".{name}({variable},", argument, ")")[0], names

    def summed(values: Source) -> Source:
        return joined("[", values, "]", "[0]")

    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "%", "<", "==", "!=", "&&", "||"]), inner).map(
            operation
        ),
        st.tuples(st.one_of(BOOLS, inner), inner, inner).map(choice),
        st.tuples(LISTS, st.sampled_from(["map", "filter"]), VARIABLES, inner, st.one_of(BOOLS, inner)).map(
            macro
        ),
        inner.map(summed),
    )


EXPRESSIONS = st.recursive(st.one_of(LEAVES, BOOLS), grown, max_leaves=8)
SPACES = st.lists(st.sampled_from([" ", "\n", "\t ", " // } ' \" ${ \n"]), min_size=1, max_size=4)


def outcome(run: Callable[[], object]) -> object:
    try:
        return run()
    except Exception:  # noqa: BLE001 (any error of the library is the same outcome)
        return FAILED


def spaced(words: tuple[str, ...], spaces: list[str]) -> str:
    return "".join(word + spaces[i % len(spaces)] for i, word in enumerate(words))


@settings(max_examples=400, deadline=None)
@given(EXPRESSIONS, SPACES)
@example(read("output.map(inputs, inputs).map(v, [v].filter(e, e > 0))", "output"), [" "])
def test_means_what_the_library_makes_of_the_whole_scope(source: Source, spaces: list[str]) -> None:
    text = spaced(source[0], spaces)
    wanted = outcome(lambda: plain(program(text).execute(SCOPE)))
    if "matches" in text and wanted is FAILED:
        return  # the library has x.matches(y) alone
    assert outcome(lambda: compile_expression(text, roots=ROOTS).evaluate(SCOPE)) == wanted


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS, SPACES)
def test_reads_are_what_was_written(source: Source, spaces: list[str]) -> None:
    words, names = source
    try:
        reads = compile_expression(spaced(words, spaces), roots=ROOTS).reads
    except ExpressionError:
        return
    assert reads == Reads(
        "inputs" in names,
        tuple(sorted(name.removeprefix("nodes.") for name in names if name.startswith("nodes."))),
        tuple(sorted(names & {"output", "item"})),
    )


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS, SPACES)
def test_a_template_finds_the_end_of_any_expression(source: Source, spaces: list[str]) -> None:
    text = spaced(source[0], spaces)
    wanted = outcome(lambda: compile_expression(text, roots=ROOTS).evaluate(SCOPE))
    assert outcome(lambda: compile_template(f"${{{text}}}", roots=ROOTS).render(SCOPE)) == wanted


WORDS = st.sampled_from(
    [
        *"()[]{}.,?:!-+*/%<>'\"$\\\n\0\ud800é@",
        *[
            "in",
            "&&",
            "||",
            "==",
            "has(",
            ".map(x,",
            ".filter(x,",
            ".all(x,",
            "x",
            "inputs",
            "nodes",
            "null",
            "true",
            "import",
            "a{",
            "`a`",
            "__0",
        ],
        *[
            "1",
            "1u",
            "0x",
            "1.5",
            "1e",
            "'a'",
            "r'",
            'b"',
            "'''",
            "//",
            "size(",
            ".size()",
            "matches(",
            "timestamp(",
            "duration(",
            "string(",
        ],
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.lists(WORDS, max_size=14).map("".join), st.text(max_size=40)))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    with suppress(ExpressionError):
        compile_expression(text, roots=ROOTS).evaluate(SCOPE)
    with suppress(TemplateError):
        compile_template([text, f"${{{text}}}", f"a${text}"], roots=ROOTS).render(SCOPE)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
@pytest.mark.parametrize("source", ["item", "[item][0]", "true ? item : 0", "[item].map(x, x)[0]"])
def test_values_pass_unchanged(source: str, value: object) -> None:
    result = compile_expression(source, roots=ROOTS).evaluate({"item": value})
    assert result == value
    assert type(result) is type(value)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_size_counts_code_points(text: str) -> None:
    assert compile_expression("size(item)", roots=ROOTS).evaluate({"item": text}) == len(text)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_json_without_expressions_renders_as_itself(value: object) -> None:
    compiled = outcome(lambda: compile_template(value, roots=ROOTS))
    if compiled is not FAILED:
        rendered = compile_template(value, roots=ROOTS).render({})
        assert "${" in str(value) or rendered == value
