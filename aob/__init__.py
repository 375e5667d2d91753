"""What users import: each name when it is first asked for, so that `import aob` is quick."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aob.client import Client
    from aob.errors import AobError, ApiError, UnreachableError
    from storage.functions import Context, Fatal, Retryable, function

__all__ = [
    "AobError",
    "ApiError",
    "Client",
    "Context",
    "Fatal",
    "Retryable",
    "UnreachableError",
    "function",
]

_HOMES = {
    "AobError": "aob.errors",
    "ApiError": "aob.errors",
    "Client": "aob.client",
    "Context": "storage.functions",
    "Fatal": "storage.functions",
    "Retryable": "storage.functions",
    "UnreachableError": "aob.errors",
    "function": "storage.functions",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), name)
    return found
