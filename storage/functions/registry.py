"""The functions that this process can run, by name.

How a node's input becomes arguments:

1. A parameter named `context` is given the `Context`; it is never an argument of the node.
2. A function with a parameter named `inputs`, and no other but `context`, takes the whole input, any JSON.
3. Else the input must be an object (`null` counts as an empty one), and each member is a keyword argument.
   A function with `**kwargs` takes all members; without it every member must be the name of a parameter.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from storage.functions.errors import ArgumentsError

if TYPE_CHECKING:
    from storage.functions.context import Context

AnyFunction = Callable[..., Any]
Decorated = TypeVar("Decorated", bound=AnyFunction)

_REFUSED = {
    inspect.Parameter.POSITIONAL_ONLY: "positional-only parameters",
    inspect.Parameter.VAR_POSITIONAL: "*args",
}


class Function:
    """A registered callable; its signature is read once."""

    def __init__(self, name: str, call: AnyFunction) -> None:
        self.name = name
        self.call = call
        self.is_async = inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(
            getattr(call, "__call__", None)  # noqa: B004 (an object with an async __call__ is async too)
        )
        parameters = list(inspect.signature(call).parameters.values())
        for parameter in parameters:
            if parameter.kind in _REFUSED:
                msg = f"function {name!r} has {_REFUSED[parameter.kind]}: a node's input is given by keywords"
                raise TypeError(msg)
        self.takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
        named = [p for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]
        self.wants_context = any(p.name == "context" for p in named)
        arguments = [p for p in named if p.name != "context"]
        self.names = frozenset(p.name for p in arguments)
        self.required = frozenset(p.name for p in arguments if p.default is inspect.Parameter.empty)
        self.takes_whole = self.names == {"inputs"} and not self.takes_all

    def bind(self, value: object) -> dict[str, object]:
        """Keyword arguments (without `context`) for an input; ArgumentsError names what does not fit."""
        if self.takes_whole:
            return {"inputs": value}
        if value is None:
            value = {}
        if not isinstance(value, dict):
            msg = (
                f"function {self.name!r} takes keyword arguments, so its input must be an object, "
                f"not {_json_type(value)}; a function with the one parameter `inputs` takes any input"
            )
            raise ArgumentsError(msg)
        if value.keys() == self.required:
            return value
        self._check(value)
        return value

    def arguments(self, value: object, context: Callable[[], Context]) -> dict[str, object]:
        """As `bind`, with the context where the function wants it; `context` is called only then."""
        bound = self.bind(value)
        return {**bound, "context": context()} if self.wants_context else bound

    def _check(self, value: dict[str, object]) -> None:
        missing = self.required - value.keys()
        if missing:
            raise ArgumentsError(f"function {self.name!r} misses the {_listed(sorted(missing))}")
        if self.wants_context and "context" in value:
            msg = f"function {self.name!r} has the argument 'context' for the job's context: rename the input"
            raise ArgumentsError(msg)
        if self.takes_all:
            return
        unexpected = sorted(value.keys() - self.names)
        if unexpected:
            takes = f"it takes {_listed(sorted(self.names))}" if self.names else "it takes none"
            raise ArgumentsError(
                f"function {self.name!r} has no parameter for the {_listed(unexpected)}; {takes}"
            )


class Registry:
    """Functions by name. Names are what workflows say, so they must be unique in a process."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}

    def __len__(self) -> int:
        return len(self._functions)

    def add(self, name: str, call: AnyFunction) -> None:
        """Register; ValueError if the name is another callable's, TypeError if keywords cannot call it."""
        known = self._functions.get(name)
        if known is not None and _origin(known.call) != _origin(call):
            msg = f"two functions are named {name!r}: {_origin(known.call)} and {_origin(call)}"
            raise ValueError(msg)
        self._functions[name] = Function(name, call)

    def get(self, name: str) -> Function | None:
        """The function of that name."""
        return self._functions.get(name)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._functions)

    def close_matches(self, name: str) -> list[str]:
        """Names that look like `name`, most alike first."""
        return difflib.get_close_matches(name, self._functions, n=3, cutoff=0.6)


REGISTRY = Registry()
"""What `@function` fills and the runner of this process reads."""


@overload
def function(call: Decorated, /) -> Decorated: ...


@overload
def function(*, name: str) -> Callable[[Decorated], Decorated]: ...


def function(
    call: Decorated | None = None, /, *, name: str | None = None
) -> Decorated | Callable[[Decorated], Decorated]:
    """Register a sync or async callable as a function of workflows, under its own name or under `name`.

    The callable stays as it is, so it can be called and tested like any other. A sync function runs in a
    thread: after a time-out or a cancel its thread goes on until the function returns.
    """

    def register(target: Decorated) -> Decorated:
        REGISTRY.add(name or target.__name__, target)
        return target

    return register if call is None else register(call)


def _origin(call: AnyFunction) -> str:
    return f"{getattr(call, '__module__', '?')}.{getattr(call, '__qualname__', repr(call))}"


def _listed(names: list[str]) -> str:
    noun = "argument" if len(names) == 1 else "arguments"
    return f"{noun} {', '.join(map(repr, names))}"


def _json_type(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a string"
    return "a boolean" if isinstance(value, bool) else "a number"
