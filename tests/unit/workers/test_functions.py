from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

import pytest

import aob
from storage.functions import (
    ArgumentsError,
    Context,
    Function,
    FunctionLoadError,
    JobLogger,
    Registry,
    load_functions,
)
from storage.functions import registry as registry_module
from storage.functions.context import MAX_LINES

if TYPE_CHECKING:
    from pathlib import Path

    from storage.functions.registry import AnyFunction


def _context() -> Context:
    return Context("w", "r0_a", "n", 1, "r0_a/n/1", None, JobLogger(lambda _n, _level, _text: None))


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    empty = Registry()
    monkeypatch.setattr(registry_module, "REGISTRY", empty)
    return empty


def test_the_decorator_registers_and_leaves_the_function_alone(registry: Registry) -> None:
    @aob.function
    def plain(x: int) -> int:
        return x + 1

    @aob.function(name="other.name")
    async def waits() -> None: ...

    assert plain(1) == 2
    assert registry.names() == ["other.name", "plain"]
    first, second = registry.get("plain"), registry.get("other.name")
    assert first is not None
    assert second is not None
    assert (first.is_async, second.is_async) == (False, True)


def test_two_functions_of_one_name_are_refused(registry: Registry) -> None:
    def one() -> None: ...

    def two() -> None: ...

    registry.add("same", one)
    registry.add("same", one)
    with pytest.raises(ValueError, match=r"two functions are named 'same': .*one and .*two"):
        registry.add("same", two)


@pytest.mark.parametrize("source", ["lambda x, /: 0", "lambda *args: 0"])
def test_parameters_without_keywords_are_refused(registry: Registry, source: str) -> None:
    with pytest.raises(TypeError, match="a node's input is given by keywords"):
        registry.add("bad", eval(source))  # noqa: S307 (sources of this test)


def test_partial_and_callable_objects_are_known_as_async() -> None:
    async def base(a: int, b: int) -> int:
        return a + b

    class Callable:
        async def __call__(self) -> None: ...

    assert Function("p", functools.partial(base, b=1)).is_async
    assert Function("c", Callable()).is_async


def _two(a: int, b: int = 2) -> None: ...


def _all(a: int, **rest: int) -> None: ...


def _whole(inputs: object) -> None: ...


def _aware(a: int, context: Context) -> None: ...


def _none() -> None: ...


@pytest.mark.parametrize(
    ("call", "value", "bound"),
    [
        (_two, {"a": 1}, {"a": 1}),
        (_two, {"a": 1, "b": 3}, {"a": 1, "b": 3}),
        (_all, {"a": 1, "x": 2}, {"a": 1, "x": 2}),
        (_whole, [1, 2], {"inputs": [1, 2]}),
        (_whole, {"inputs": 1}, {"inputs": {"inputs": 1}}),
        (_none, None, {}),
        (_none, {}, {}),
        (_aware, {"a": 1}, {"a": 1}),
    ],
)
def test_an_input_becomes_arguments(call: AnyFunction, value: object, bound: dict[str, object]) -> None:
    assert Function("f", call).bind(value) == bound


@pytest.mark.parametrize(
    ("call", "value", "message"),
    [
        (_two, {}, "misses the argument 'a'"),
        (_two, {"a": 1, "c": 1}, "no parameter for the argument 'c'; it takes arguments 'a', 'b'"),
        (_none, {"x": 1, "y": 1}, "no parameter for the arguments 'x', 'y'; it takes none"),
        (_two, [1], "must be an object, not a list"),
        (_two, "text", "not a string"),
        (_two, 1.5, "not a number"),
        (_two, True, "not a boolean"),
        (_all, {"b": 1}, "misses the argument 'a'"),
        (_aware, {"a": 1, "context": {}}, "rename the input"),
    ],
)
def test_what_does_not_fit_is_named(call: AnyFunction, value: object, message: str) -> None:
    with pytest.raises(ArgumentsError, match=message):
        Function("f", call).bind(value)


def test_the_context_is_made_only_for_who_wants_it() -> None:
    made: list[Context] = []

    def make() -> Context:
        made.append(_context())
        return made[-1]

    assert Function("f", _two).arguments({"a": 1}, make) == {"a": 1}
    assert made == []
    assert Function("g", _aware).arguments({"a": 1}, make) == {"a": 1, "context": made[0]}


def test_close_names_are_offered() -> None:
    registry = Registry()
    for name in ("fetch_rows", "fetch_row", "send"):
        registry.add(name, _none)
    assert registry.close_matches("fetch_rowz")[0] in ("fetch_rows", "fetch_row")
    assert registry.close_matches("zzz") == []


def test_modules_are_found_in_the_current_folder(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_tasks_pkg").mkdir()
    (tmp_path / "my_tasks_pkg" / "__init__.py").touch()
    (tmp_path / "my_tasks_pkg" / "tasks.py").write_text(
        "from aob import function\n@function\ndef hello(name): return name\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    load_functions(["my_tasks_pkg.tasks"], registry=registry)
    assert registry.names() == ["hello"]


def test_a_missing_module_and_a_broken_one_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_tasks.py").write_text("import no_such_module_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(FunctionLoadError, match="there is no module 'missing_tasks'"):
        load_functions(["missing_tasks"])
    with pytest.raises(FunctionLoadError, match=r"'broken_tasks' cannot be loaded.*no_such_module_at_all"):
        load_functions(["broken_tasks"])


def test_entry_points_register_callables(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "entry_tasks.py").write_text("def greet(): return 'hi'\n")
    info = tmp_path / "entry_tasks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: entry-tasks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[aob.functions]\nshop.greet = entry_tasks:greet\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    load_functions([], registry=registry)
    assert registry.names() == ["shop.greet"]


def test_a_job_that_logs_without_end_is_cut() -> None:
    lines: list[tuple[int, str, str]] = []
    logger = JobLogger(lambda n, level, text: lines.append((n, level, text)))
    logger.info("%s of %s", 1, 2)
    logger.debug("100 %")
    for _ in range(MAX_LINES + 10):
        logger.error("x" * 20_000)
    assert lines[0] == (0, "info", "1 of 2")
    assert lines[1] == (1, "debug", "100 %")
    assert len(lines) == MAX_LINES + 1
    assert lines[-1][1] == "warning"
    assert len(lines[5][2]) == 8192
