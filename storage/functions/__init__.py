"""Functions of users: how they are registered, found, called, and what they raise and receive.

They stand here because `aob` (which users import) and `workers` (which call them) never import one another.
"""

from storage.functions.context import Context, JobLogger
from storage.functions.errors import ArgumentsError, Fatal, Retryable
from storage.functions.loading import FunctionLoadError, load_functions
from storage.functions.registry import REGISTRY, Function, Registry, function

__all__ = [
    "REGISTRY",
    "ArgumentsError",
    "Context",
    "Fatal",
    "Function",
    "FunctionLoadError",
    "JobLogger",
    "Registry",
    "Retryable",
    "function",
    "load_functions",
]
