"""Compiling: what is read, and what is refused with which words."""

from __future__ import annotations

import pytest

from engine.expressions import ExpressionError, Reads, compile_condition, compile_expression

ROOTS = frozenset({"inputs", "nodes", "output", "item", "index", "error"})
NODES = frozenset({"fetch", "score", "load-rows"})


def refusal(source: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source, roots=ROOTS, node_ids=NODES)
    return caught.value


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("1 + 2", Reads()),
        ("inputs.a", Reads(inputs=True)),
        ("nodes.fetch.output.x + nodes['score'].output", Reads(nodes=("fetch", "score"))),
        ('nodes["load-rows"].output', Reads(nodes=("load-rows",))),
        ("has(nodes.fetch)", Reads(nodes=("fetch",))),
        ("inputs.rows.map(output, output.x)", Reads(inputs=True)),
        ("inputs.rows.map(r, r.x + index)", Reads(inputs=True, roots=("index",))),
        ("[1].map(item, item) == item", Reads(roots=("item",))),
        ("item.all(x, x.all(y, y > output.min))", Reads(roots=("item", "output"))),
        ("'inputs.a' == \"nodes.fetch\" // nodes.score", Reads()),
        ("r'\\' + '''it's output''' + b'item' == item", Reads(roots=("item",))),
        ("{'output': item.output}.output", Reads(roots=("item",))),
        ("type(item) == int", Reads(roots=("item",))),
        ("output . value // the comment\n .inner", Reads(roots=("output",))),
        ("inputs.rows[index].x", Reads(inputs=True, roots=("index",))),
        ("size(inputs.name) > 0 && error.code in ['a']", Reads(inputs=True, roots=("error",))),
    ],
)
def test_reads(source: str, reads: Reads) -> None:
    assert compile_expression(source, roots=ROOTS, node_ids=NODES).reads == reads


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("1 +", "EXPRESSION_SYNTAX", "line 1, column 4"),
        ("1 +\n  )", "EXPRESSION_SYNTAX", "line 2, column 3"),
        ("", "EXPRESSION_SYNTAX", "empty"),
        ("'abc", "EXPRESSION_SYNTAX", "line 1, column 1"),
        ("\ud800", "EXPRESSION_SYNTAX", "surrogate"),
        ("[1].map(1, 2)", "EXPRESSION_SYNTAX", ""),
        ("[1].map(item)", "EXPRESSION_SYNTAX", "variable"),
        ("Thing{a: 1}", "EXPRESSION_SYNTAX", "maps like {'key': value}"),
        (".inputs", "EXPRESSION_SYNTAX", "dot"),
        ("input.a", "EXPRESSION_UNKNOWN_NAME", "Did you mean inputs"),
        ("zzz", "EXPRESSION_UNKNOWN_NAME", "Known here: error, index, inputs, item, nodes, output"),
        ("nodes.fech.output", "EXPRESSION_UNKNOWN_NAME", "Did you mean fetch"),
        ("nodes.load-rows.output", "EXPRESSION_UNKNOWN_NAME", 'nodes["load-rows"]'),
        ("nodes[inputs.a]", "EXPRESSION_UNKNOWN_NAME", "must be known beforehand"),
        ("nodes[0]", "EXPRESSION_UNKNOWN_NAME", "must be known beforehand"),
        ("size(nodes)", "EXPRESSION_UNKNOWN_NAME", "must be known beforehand"),
        ("nodes.exists(n, true)", "EXPRESSION_UNKNOWN_NAME", "must be known beforehand"),
        ("[1].map(x, y)", "EXPRESSION_UNKNOWN_NAME", "no y here"),
        ("[1].map(x, x) == x", "EXPRESSION_UNKNOWN_NAME", "no x here"),
        ("[1].map(int, 1)", "EXPRESSION_UNKNOWN_NAME", "another name"),
        ("[1].map(__r, 1)", "EXPRESSION_UNKNOWN_NAME", "another name"),
        ("__0 + item", "EXPRESSION_UNKNOWN_NAME", "no __0 here"),
        ("now()", "EXPRESSION_UNKNOWN_NAME", "no function now()"),
        ("random()", "EXPRESSION_UNKNOWN_NAME", "no function random()"),
        ("item.getHour()", "EXPRESSION_UNKNOWN_NAME", "Did you mean getHours"),
        ("sise(item)", "EXPRESSION_UNKNOWN_NAME", "Did you mean size"),
        ("item.int()", "EXPRESSION_UNKNOWN_NAME", "Write int(x)"),
        ("contains(item, 'a')", "EXPRESSION_UNKNOWN_NAME", "x.contains("),
        ("optional.of(1)", "EXPRESSION_UNKNOWN_NAME", "no function .of()"),
        ("1 + 'a'", "EXPRESSION_TYPE", "int(), double() or string()"),
        ("item.startsWith()", "EXPRESSION_TYPE", "takes 1 argument, not 0"),
        ("size(item, item)", "EXPRESSION_TYPE", "takes 1 argument, not 2"),
        ("item.all(x, true, true)", "EXPRESSION_TYPE", "takes 2 arguments, not 3"),
        ("item.matches('[')", "EXPRESSION_TYPE", "not a valid regex"),
        ("item > timestamp('yesterday')", "EXPRESSION_TYPE", "timestamp()"),
        ("item > duration('soon')", "EXPRESSION_TYPE", "duration()"),
        ("1 / 0", "EXPRESSION_FAILED", "division by zero, in: 1 / 0"),
        ("1.0 / 0.0", "EXPRESSION_FAILED", "which JSON cannot"),
        ("{1: 2}", "EXPRESSION_FAILED", "not a string"),
        ("'" + "x" * 4096 + "'", "EXPRESSION_TOO_LARGE", "4096 are allowed"),
        ("(" * 25 + "1" + ")" * 25, "EXPRESSION_TOO_LARGE", "nested deeper"),
    ],
)
def test_refuses_at_compile_time(source: str, code: str, words: str) -> None:
    error = refusal(source)
    assert error.code == code
    assert words in error.message


def test_any_node_may_be_read_where_the_ids_are_not_known() -> None:
    assert compile_expression("nodes.any.output", roots={"nodes"}).reads.nodes == ("any",)


def test_an_error_says_at_which_character() -> None:
    assert refusal("1 + inptus.a").offset == 4
    assert refusal("1 + ").offset == 4


@pytest.mark.parametrize("source", ["'approved'", "1", "null", "[true]", "1 == 1 ? 'a' : 'b'"])
def test_a_condition_that_is_never_a_bool_is_refused(source: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_condition(source, roots=ROOTS)
    assert caught.value.code == "EXPRESSION_TYPE"
    assert "must be true or false" in caught.value.message


def test_a_condition_gives_a_bool() -> None:
    condition = compile_condition("output.score > 0.5", roots=ROOTS)
    assert condition.evaluate_bool({"output": {"score": 0.7}}) is True
    assert condition.evaluate_bool({"output": {"score": 0}}) is False


def test_a_condition_that_gives_something_else_is_a_type_error() -> None:
    condition = compile_condition("output.ok", roots=ROOTS)
    with pytest.raises(ExpressionError, match=r"this one is an int, in: output\.ok") as caught:
        condition.evaluate_bool({"output": {"ok": 1}})
    assert caught.value.code == "EXPRESSION_TYPE"


def test_the_same_source_is_compiled_once_whatever_the_names() -> None:
    first = compile_expression("inputs.memo + 1", roots=ROOTS)
    assert compile_expression("inputs.memo + 1", roots={"inputs"}) is first
    with pytest.raises(ExpressionError):
        compile_expression("inputs.memo + 1", roots={"output"})


@pytest.mark.parametrize(("source", "constant"), [("1 + 1", True), ("[1].map(x, x)", True), ("item", False)])
def test_is_constant(source: str, constant: bool) -> None:  # noqa: FBT001 (a table's column)
    assert compile_expression(source, roots=ROOTS).is_constant is constant


def test_reads_unite() -> None:
    both = Reads(nodes=("b",), roots=("item",)) | Reads(inputs=True, nodes=("a", "b"))
    assert both == Reads(inputs=True, nodes=("a", "b"), roots=("item",))
    assert both
    assert not Reads()
