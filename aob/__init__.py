"""What users import."""

from aob.function import Context, Fatal, Retryable, function

__all__ = ["Context", "Fatal", "Retryable", "function"]
