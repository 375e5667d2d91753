"""What a module of functions imports: `from aob import Context, Fatal, Retryable, function`."""

from storage.functions import Context, Fatal, Retryable, function

__all__ = ["Context", "Fatal", "Retryable", "function"]
