"""Finding the functions of users: modules by name, and installed packages by entry points."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from storage.functions.registry import REGISTRY, Registry

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUP = "aob.functions"
"""Entry points: one that names a module loads it (its decorators register), one that names a callable
registers that callable under the entry point's name."""


class FunctionLoadError(Exception):
    """A module of functions cannot be loaded; the message says which and why."""


def load_functions(modules: Iterable[str], *, registry: Registry = REGISTRY) -> None:
    """Import `modules` (dotted names; the current folder counts) and all entry points of `aob.functions`."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            raise FunctionLoadError(_explain(module, error)) from error
    for entry in entry_points(group=GROUP):
        _load_entry(entry, registry)


def _load_entry(entry: EntryPoint, registry: Registry) -> None:
    try:
        target = entry.load()
        if callable(target):
            registry.add(entry.name, target)
    except Exception as error:
        raise FunctionLoadError(_explain(f"{entry.name} = {entry.value}", error)) from error


def _explain(what: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and what.startswith(error.name):
        return (
            f"there is no module {what!r} to load functions from, neither here ({Path.cwd()}) nor installed"
        )
    return f"functions of {what!r} cannot be loaded: {type(error).__name__}: {error}"
