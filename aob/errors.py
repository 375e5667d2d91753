"""What the client raises."""

from __future__ import annotations

from dataclasses import dataclass


class AobError(Exception):
    """Any error of the client."""


class NotConfiguredError(AobError):
    """Neither the environment nor a running `aob dev` says where the api is."""


class UnreachableError(AobError):
    """The server at `url` does not answer; `sent` says that it may have the request."""

    def __init__(self, url: str, reason: str, *, sent: bool = False) -> None:
        super().__init__(f"{url} does not answer: {reason}")
        self.url = url
        self.reason = reason
        self.sent = sent


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One thing wrong with a request: a JSON pointer into it, a sentence, a stable code."""

    pointer: str
    message: str
    code: str = "INVALID"


class ApiError(AobError):
    """The api refused a request. `code` is stable; `run_id` names a run that stands in the way."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        errors: tuple[ErrorDetail, ...] = (),
        run_id: str | None = None,
    ) -> None:
        super().__init__(f"{message} ({code})")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.run_id = run_id
