"""Errors of the feed: `application/problem+json` (RFC 9457), in the shape of the api's."""

from __future__ import annotations

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import Issue

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger(__name__)

_HEADERS = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}}
_CODE_OF_STATUS = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What went wrong: `code` is stable, `detail` for people, `errors` name the header or query parameter."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[Issue] = msgspec.field(default_factory=list)


class Problem(Exception):  # noqa: N818 (an answer, not a fault)
    """Ends a request with a problem."""

    def __init__(self, status: int, code: str, detail: str, *, errors: list[Issue] | None = None) -> None:
        super().__init__(detail)
        self.details = ProblemDetails(
            type=f"urn:aob:problem:{code.lower().replace('_', '-')}",
            title=code.replace("_", " ").capitalize(),
            status=status,
            detail=detail,
            code=code,
            errors=errors or [],
        )

    def response(self) -> Response:
        """The problem as it is sent."""
        headers = _HEADERS.get(self.details.status, {})
        return Response(msgspec.json.encode(self.details), self.details.status, headers, MEDIA_TYPE)


def invalid(pointer: str, message: str) -> Problem:
    """A 422 about one header or query parameter."""
    return Problem(422, "REQUEST_INVALID", message, errors=[Issue(pointer, message)])


def on_problem(_: Request, error: Exception) -> Response:
    """Answer with the problem that was raised."""
    return error.response() if isinstance(error, Problem) else on_fault(_, error)


def on_http(_: Request, error: Exception) -> Response:
    """Answer what the router refuses (unknown path, other method)."""
    if not isinstance(error, HTTPException):
        return on_fault(_, error)
    code = _CODE_OF_STATUS.get(error.status_code, "BAD_REQUEST")
    return Problem(error.status_code, code, error.detail).response()


def on_fault(_: Request, error: Exception) -> Response:
    """Answer a fault of ours, and log it."""
    log.error("fanout.fault", error=repr(error), exc_info=error)
    return Problem(500, "INTERNAL", "the request failed inside the server; its log says why").response()
