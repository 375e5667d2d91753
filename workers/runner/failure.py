"""Why a job failed, and how any exception becomes that."""

from __future__ import annotations

from engine.expressions import ExpressionError, TemplateError
from storage.cas import BlobCorrupt, BlobMissing, CasError, InvalidHash
from storage.functions import ArgumentsError, Fatal, Retryable
from storage.functions.errors import FUNCTION_ERROR

MAX_MESSAGE = 4000
"""Characters of an error's message that are kept; the rest is in nobody's way."""

MAX_CODE = 64

_BLOB_CODES = {BlobMissing: "BLOB_MISSING", BlobCorrupt: "BLOB_CORRUPT", InvalidHash: "INVALID_HASH"}


class JobFailure(Exception):  # noqa: N818 (it is the outcome of a job, not a fault of the runner)
    """A job failed with a stable `code`; `retryable` says whether another attempt may help."""

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.code = _clean(code, MAX_CODE)
        self.message = _clean(message, MAX_MESSAGE)
        self.retryable = retryable


def failure_of(error: BaseException) -> JobFailure:
    """What an exception that left a job means."""
    match error:
        case JobFailure():
            return error
        case Retryable() | Fatal():
            return JobFailure(error.code, error.message, retryable=isinstance(error, Retryable))
        case ArgumentsError():
            return JobFailure("FUNCTION_ARGUMENTS", str(error), retryable=False)
        case ExpressionError() | TemplateError():
            inner = error.error if isinstance(error, TemplateError) else error
            return JobFailure(inner.code, str(error), retryable=False)
        case CasError():
            code = _BLOB_CODES.get(type(error), "CAS_UNAVAILABLE")
            return JobFailure(code, str(error), retryable=not isinstance(error, InvalidHash))
        case _:
            return JobFailure(FUNCTION_ERROR, f"{type(error).__name__}: {_text(error)}", retryable=True)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 (a user's class must not hide the failure itself)
        return "(its text cannot be read)"


def _clean(text: object, limit: int) -> str:
    """Text that has a UTF-8, cut to `limit` characters."""
    whole = str(text).encode("utf-8", "replace").decode("utf-8")
    return whole if len(whole) <= limit else whole[: limit - 1] + "…"
