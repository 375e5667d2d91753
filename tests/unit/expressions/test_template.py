from __future__ import annotations

import pytest

from engine.expressions import Reads, Template, TemplateError, compile_template

ROOTS = frozenset({"inputs", "nodes", "output"})
SCOPE: dict[str, object] = {
    "inputs": {"name": "Ann", "count": 3, "list": [1, None], "map": {"b": 1, "a": True}, "zero": 0},
    "nodes": {"fetch": {"output": {"x": 1.5}}},
}


def template(value: object) -> Template:
    return compile_template(value, roots=ROOTS, node_ids={"fetch"})


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("", ""),
        ("${inputs.count}", 3),
        ("${ inputs.list }", [1, None]),
        ("${inputs.map}", {"b": 1, "a": True}),
        (" ${inputs.count}", " 3"),
        ("${inputs.name}-${inputs.count}", "Ann-3"),
        ("x${inputs.list}y${inputs.map}", 'x[1,null]y{"b":1,"a":true}'),
        ("${nodes.fetch.output.x} ${null} ${1 == 1}", "1.5 null true"),
        ("$${inputs.count}", "${inputs.count}"),
        ("$${} ${inputs.count} $${", "${} 3 ${"),
        ("$5 and $", "$5 and $"),
        ("}${inputs.count}}", "}3}"),
        ("${ {'a': '}'} }", {"a": "}"}),
        ("${ {'a': {'b': inputs.count}}.a.b }", 3),
        ("${'it\\'s }'}!", "it's }!"),
        ('${"\\"}" + r"\\}"}!', '"}\\}!'),
        ("${'''}'''}${'${'}", "}${"),
        ("${inputs.count // }\n}", 3),
        ("é${inputs.name}😀", "éAnn😀"),
    ],
)
def test_strings(text: str, result: object) -> None:
    rendered = template(text).render(SCOPE)
    assert rendered == result
    assert type(rendered) is type(result)


def test_structure_is_kept_and_keys_are_left_alone() -> None:
    value = {"a": ["${inputs.count}", 1, None, True, 2.5], "${inputs.name}": {"b": "x"}}
    assert template(value).render(SCOPE) == {"a": [3, 1, None, True, 2.5], "${inputs.name}": {"b": "x"}}


@pytest.mark.parametrize(
    "value", [None, True, 1, 1.5, "text", [], {}, {"a": [1, {"b": "$${c}"}]}, "${1 + 1}"]
)
def test_constant(value: object) -> None:
    constant = template(value)
    assert constant.is_constant
    assert constant.reads == Reads()
    constant.render({})


def test_reads_are_those_of_all_expressions() -> None:
    whole = template({"a": "${inputs.x}", "b": ["y ${nodes.fetch.output} ${output}"]})
    assert whole.reads == Reads(inputs=True, nodes=("fetch",), roots=("output",))
    assert not whole.is_constant


def test_every_rendering_is_fresh() -> None:
    source: dict[str, object] = {"a": [1, {"b": 2}], "c": "${inputs.list}", "d": "${[1]}"}
    compiled = template(source)
    first = compiled.render(SCOPE)
    assert isinstance(first, dict)
    first["a"][1]["b"] = 9
    first["a"].append(3)
    first["c"].append(4)
    first["d"].append(5)
    source["a"] = "changed"
    assert compiled.render(SCOPE) == {"a": [1, {"b": 2}], "c": [1, None], "d": [1]}
    assert SCOPE["inputs"] == {
        "name": "Ann",
        "count": 3,
        "list": [1, None],
        "map": {"b": 1, "a": True},
        "zero": 0,
    }


@pytest.mark.parametrize(
    ("value", "pointer", "code"),
    [
        ("${inptus.a}", "/config", "EXPRESSION_UNKNOWN_NAME"),
        ({"a/b": {"c~d": ["ok", "x ${1 +} y"]}}, "/config/a~1b/c~0d/1", "EXPRESSION_SYNTAX"),
        (["${inputs.a"], "/config/0", "EXPRESSION_SYNTAX"),
        (["${"], "/config/0", "EXPRESSION_SYNTAX"),
        (["${}"], "/config/0", "EXPRESSION_SYNTAX"),
        (["${'}"], "/config/0", "EXPRESSION_SYNTAX"),
        (["${1 + 'a'}"], "/config/0", "EXPRESSION_TYPE"),
        ({"a": "${nodes.nope.output}"}, "/config/a", "EXPRESSION_UNKNOWN_NAME"),
        ("${'" + "x" * 5000 + "'}", "/config", "EXPRESSION_SYNTAX"),
    ],
)
def test_errors_point_to_their_string(value: object, pointer: str, code: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(value, roots=ROOTS, node_ids={"fetch"}, pointer="/config")
    assert caught.value.pointer == pointer
    assert caught.value.error.code == code


def test_a_failing_expression_points_to_its_string() -> None:
    compiled = template({"a": ["1", "n = ${1 / inputs.zero}"]})
    with pytest.raises(TemplateError, match="/a/1: division by zero") as caught:
        compiled.render(SCOPE)
    assert caught.value.pointer == "/a/1"
    assert caught.value.error.code == "EXPRESSION_FAILED"


def test_a_deep_template_is_refused() -> None:
    deep: object = "${inputs.count}"
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(TemplateError) as caught:
        template(deep)
    assert caught.value.error.code == "EXPRESSION_TOO_LARGE"
