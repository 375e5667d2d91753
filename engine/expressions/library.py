"""The CEL library: its native module, and its errors in our words."""

from __future__ import annotations

import importlib.util
import logging
import re
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, cast

from engine.expressions.errors import ExpressionError
from engine.expressions.helpers import HELPERS, Collector
from engine.expressions.rewriting import PUSH
from engine.expressions.tokens import place

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import ModuleType

    import cel.cel as native

_NAME = "cel.cel"


def _load() -> ModuleType:
    """Load the native module alone: its package imports a command line, 0.9 s and 25 MB of it."""
    if _NAME in sys.modules:
        return sys.modules[_NAME]
    package = importlib.util.find_spec("cel")
    spec = PathFinder.find_spec(_NAME, package.submodule_search_locations) if package else None
    if spec is None or spec.loader is None:
        raise ImportError("the package common-expression-language is not installed")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[_NAME] = module
    return module


# it warns of every error in a helper, which the caller gets anyway
logging.getLogger("cel").setLevel(logging.ERROR)
_native = _load()

_PLACE = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)")
_UNDEFINED = re.compile(r"Undefined variable or function: '__(\d+)'")
_UNDEFINED_NAME = re.compile(r"Undefined variable or function: '([^']+)'")
_FUNCTION = re.compile(r"^Function '(\w+)' error: ")
_HELPER = re.compile(
    r"Function '\w+' error: Python function call failed: \w+: (.*?)\. Check function", re.DOTALL
)


class Program:
    """A compiled text; `execute` is safe from many threads at once."""

    __slots__ = ("_collects", "_functions", "_program")

    def __init__(self, program: native.Program, helpers: Collection[str]) -> None:
        self._program = program
        self._functions = {name: HELPERS[name] for name in sorted(helpers) if name in HELPERS}
        self._collects = PUSH in helpers

    def execute(self, variables: Mapping[str, object]) -> object:
        """Run it. Whatever the library raises comes out, panics included: hand it to `cause`."""
        functions = self._functions
        if self._collects:
            functions = {**functions, **Collector().functions()}
        if functions:
            return self._program.execute(_native.Context(variables, functions))
        return self._program.execute(cast("dict[str, object]", variables))


def program(text: str, helpers: Collection[str] = ()) -> Program:
    """Compile a text that may call helpers; EXPRESSION_SYNTAX with the place where it fails to parse."""
    try:
        return Program(_native.compile(text), helpers)
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        raise _syntax_error(text, str(error)) from None


def _syntax_error(source: str, report: str) -> ExpressionError:
    match = _PLACE.search(report)
    if match is None:
        return ExpressionError("EXPRESSION_SYNTAX", "the expression does not parse", 0)
    line, column, what = int(match[1]), int(match[2]), match[3].partition(" expecting ")[0].strip()
    lines = source.split("\n")
    offset = min(sum(len(text) + 1 for text in lines[: line - 1]) + column - 1, len(source))
    what = what.replace("mismatched input '<EOF>'", "the expression ends too early")
    return ExpressionError("EXPRESSION_SYNTAX", f"{what} ({place(source, offset)})", offset)


def unset_variable(error: BaseException) -> int | None:
    """Which `__i` was read although it is not set, if that is the error."""
    match = _UNDEFINED.search(str(error))
    return int(match[1]) if match else None


def cause(error: BaseException) -> str:
    """Say in one sentence why an evaluation failed; KeyboardInterrupt and SystemExit go on."""
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        raise error
    text = str(error)
    if isinstance(error, ZeroDivisionError):
        return "division by zero"
    if isinstance(error, KeyError):
        return "there is no key " + text.strip('"')
    if isinstance(error, TypeError):
        return _mismatch(text)
    if match := _HELPER.search(text):
        return match[1]
    if match := _UNDEFINED_NAME.search(text):
        return f"{match[1]}() is not defined for a value of this type"
    return _FUNCTION.sub(r"\1(): ", text).partition(". Check function")[0].rstrip(".")


def _mismatch(text: str) -> str:
    what = text.partition(". CEL does not")[0]
    if what.startswith("Unsupported operation: "):
        what = what.removeprefix("Unsupported operation: ") + " is not defined"
    elif what.startswith("No such overload"):
        what = "an operator or function does not take values of these types"
    return f"{what}; convert with int(), double() or string()"
