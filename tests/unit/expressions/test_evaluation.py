"""Evaluating: results, failures, and what must never happen to a process that evaluates."""

from __future__ import annotations

import copy
import json
import threading

import pytest

from engine.expressions import ExpressionError, compile_expression

ROOTS = frozenset({"inputs", "nodes", "output", "item"})


def evaluate(source: str, **scope: object) -> object:
    return compile_expression(source, roots=ROOTS).evaluate(scope)


def failure(source: str, **scope: object) -> ExpressionError:
    expression = compile_expression(source, roots=ROOTS)
    with pytest.raises(ExpressionError) as caught:
        expression.evaluate(scope)
    return caught.value


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("timestamp('2024-01-01T12:00:00+02:00')", "2024-01-01T10:00:00Z"),
        ("timestamp('2024-01-01T12:00:00.5Z')", "2024-01-01T12:00:00.500000Z"),
        ("duration('1.5s')", "1.5s"),
        ("duration('-1h')", "-3600s"),
        ("b'abc'", "YWJj"),
        ("18446744073709551615u", 2**64 - 1),
        ("{'b': [duration('1s')], 'a': {'c': b''}}", {"a": {"c": ""}, "b": ["1s"]}),
        ("string(type(1))", None),
    ],
)
def test_results_are_plain_json(source: str, result: object) -> None:
    if result is None:
        assert failure(f"item && {source} == ''", item=True).code == "EXPRESSION_FAILED"
        return
    assert evaluate(source) == result
    json.dumps(evaluate(source))


@pytest.mark.parametrize(
    ("source", "item", "words"),
    [
        ("item.a.b", {"a": {}}, "item.a has no key 'b'; ask with has(item.a.b) first, in: item.a.b"),
        ("item.a.b > 1", {}, "item has no key 'a'"),
        ("item.a.b > 1", {"a": None}, "item.a is null, so 'b' cannot be read from it"),
        ("item[2] + 1", [1, 2], "item has 2 items, so none at 2"),
        ("item['a-b'].c + 1", {"a-b": "x"}, 'item["a-b"] is a string'),
        ("output.a", {}, "there is no output here"),
        ("item.a[item.k]", {"a": {}, "k": "z"}, "no key"),
        ("item + 1", "x", "convert with"),
        ("item / 0", 1, "division by zero"),
        ("item + 9223372036854775807", 1, "overflow"),
        ("bool(item)", "maybe", "bool() cannot read 'maybe'"),
        ("string(item)", [1], "string() takes no list"),
        ("timestamp(0).getHours(item)", "Europe/Vienna", "offset"),
        ("size(item)", 1, "size() is not defined"),
        ("item.map(x, x)", 3, ""),
        ("item", float("nan"), "JSON cannot"),
        ("item * 1.0", float("inf"), "JSON cannot"),
        ("item.matches('a')", 5, "matches() is not defined"),
    ],
)
def test_failures_name_source_and_cause(source: str, item: object, words: str) -> None:
    error = failure(source, item=item)
    assert error.code == "EXPRESSION_FAILED"
    assert words in error.message
    assert f"in: {source}" in error.message


@pytest.mark.parametrize("source", ["item", "item.a", "item.a == 1", "[item].map(x, x)"])
@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 10**400])
def test_an_int_beyond_64_bits_is_refused_not_rounded(source: str, number: int) -> None:
    value: object = {"a": number} if ".a" in source else number
    assert "does not fit 64 bits" in failure(source, item=value).message


@pytest.mark.parametrize("value", [(1,), {1}, b"x", object(), {1: 2}, {"a": {None: 1}}])
@pytest.mark.parametrize("source", ["item", "[item]"])
def test_what_is_not_json_is_refused(source: str, value: object) -> None:
    assert failure(source, item=value).code == "EXPRESSION_FAILED"


@pytest.mark.parametrize("source", ["item", "item == item", "size(item)", "[item]"])
@pytest.mark.parametrize("depth", [129, 100_000])
def test_deep_values_are_refused(source: str, depth: int) -> None:
    deep: object = 1
    for level in range(depth):
        deep = [deep] if level % 2 else {"a": deep}
    assert failure(source, item=deep).code == "EXPRESSION_TOO_LARGE"


def test_a_value_within_itself_is_refused() -> None:
    endless: dict[str, object] = {}
    endless["a"] = endless
    assert failure("item", item=endless).code == "EXPRESSION_TOO_LARGE"


def test_what_is_not_read_is_not_looked_at() -> None:
    assert evaluate("item.a + 1", item={"a": 1, "b": 2**100, "c": object()}) == 2


def test_a_lone_surrogate_is_an_error() -> None:
    assert failure("item + 'a'", item="\ud800").code == "EXPRESSION_FAILED"


def test_a_string_keeps_its_nul() -> None:
    assert evaluate("item + 'b'", item="a\0") == "a\0b"


@pytest.mark.parametrize(
    "source",
    [
        "item.map(x, item.map(y, item.map(z, 1)))",
        "item.all(x, item.all(y, item.all(z, true)))",
        "item.map(x, item).map(y, y.map(z, item))",
        "['x']" + ".map(x, x + x)" * 40 + " == item",
    ],
)
def test_too_much_work_is_refused_before_it_begins(source: str) -> None:
    assert failure(source, item=list(range(1000))).code == "EXPRESSION_TOO_LARGE"


def test_ten_thousand_items_are_not_too_much() -> None:
    rows = [{"v": i} for i in range(10_000)]
    assert evaluate("size(item.filter(r, r.v >= 5000).map(r, r.v * 2))", item=rows) == 5000


def test_a_pathological_regular_expression_ends() -> None:
    assert evaluate("item.matches('^(a+)+$')", item="a" * 5000 + "b") is False


def test_the_scope_is_neither_changed_nor_shared() -> None:
    scope: dict[str, object] = {"item": {"b": [1, {"c": None}], "a": 2}}
    before = copy.deepcopy(scope)
    for source in ("item", "[item][0]", "item.b.map(x, x)", "true ? item.b : []"):
        result = compile_expression(source, roots=ROOTS).evaluate(scope)
        if isinstance(result, dict):
            result["new"] = 1
            result["b"].append(3)
        elif isinstance(result, list):
            result.append(3)
    assert scope == before


def test_a_constant_is_fresh_every_time() -> None:
    expression = compile_expression("[{'a': [1]}]", roots=ROOTS)
    result = expression.evaluate({})
    assert isinstance(result, list)
    result[0]["a"].append(2)
    assert expression.evaluate({}) == [{"a": [1]}]


def test_a_value_that_is_passed_on_keeps_its_order() -> None:
    assert list(evaluate("item", item={"z": 1, "a": 2})) == ["z", "a"]  # type: ignore[call-overload]
    assert list(evaluate("[item][0]", item={"z": 1, "a": 2})) == ["a", "z"]  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "source",
    [
        "item.map(k, k)",
        "item.filter(k, true)",
        "[item, item][1].map(k, k)",
        "[item].map(m, m.map(k, k))[0]",
        "(true ? item : {}).map(k, k)",
        "{'q': 1, 'w': 2, 'e': 3, 'r': 4, 't': 5, 'y': 6}.map(k, k)",
        "{'m': item}.m.map(k, k)",
    ],
)
def test_maps_are_walked_in_the_order_of_their_keys(source: str) -> None:
    item = dict.fromkeys("qwerty", 1)
    expression = compile_expression(source, roots=ROOTS)
    for _ in range(10):
        assert expression.evaluate({"item": item}) == sorted("qwerty")


def test_the_error_of_a_macro_over_a_map_is_always_that_of_the_first_key() -> None:
    expression = compile_expression("item.map(k, int(k))", roots=ROOTS)
    messages = set()
    for _ in range(10):
        with pytest.raises(ExpressionError) as caught:
            expression.evaluate({"item": dict.fromkeys("fedcba", 1)})
        messages.add(caught.value.message)
    assert len(messages) == 1


def test_nothing_is_written_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    failure("bool(item)", item="maybe")
    failure("item.matches(item)", item="[")
    failure("item.map(x, 1 / x)", item=[0])
    assert capfd.readouterr() == ("", "")


def test_threads_do_not_disturb_one_another() -> None:
    expression = compile_expression("item.map(x, x * 2).filter(y, y > output)", roots=ROOTS)
    wrong: list[object] = []

    def work(limit: int) -> None:
        wanted = [2 * x for x in range(20) if 2 * x > limit]
        for _ in range(200):
            result = expression.evaluate({"item": list(range(20)), "output": limit})
            if result != wanted:
                wrong.append(result)

    threads = [threading.Thread(target=work, args=(limit,)) for limit in (1, 7, 13, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
