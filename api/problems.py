"""Errors of the api: `application/problem+json` (RFC 9457), each with a stable code and JSON pointers."""

from __future__ import annotations

import traceback
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.gateway.gateway import GatewayUnavailableError
from engine.errors import Issue, Refusal
from storage.cas import CasUnavailable
from storage.postgres.errors import DatabaseUnavailable, InvalidText
from storage.postgres.rows import InvalidCursor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI
    from starlette.requests import Request

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
_MAX_MESSAGE = 500

log = structlog.get_logger(__name__)

_NAMES: dict[type, str] = {
    CasUnavailable: "the blob store",
    DatabaseUnavailable: "Postgres",
    GatewayUnavailableError: "Kafka",
}
UNAVAILABLE = (CasUnavailable, DatabaseUnavailable, GatewayUnavailableError)
"""Errors of what the api depends on: 503, come back."""

_STATUS_OF_REFUSAL = {
    "FORBIDDEN": 403,
    "JSON_INVALID": 400,
    "RUN_ENDED": 409,
    "RUN_EXISTS": 409,
    "RUN_STOPPING": 409,
    "RUN_UNKNOWN": 404,
    "SIGNAL_LIMIT": 409,
    "WORKFLOW_TOO_LARGE": 413,
}
_CODE_OF_STATUS = {400: "BAD_REQUEST", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What went wrong: `code` is stable, `detail` is for people.

    Pointers of `errors` lead into the body; those into other parts of the request begin with `/query`,
    `/path` or `/header`. `run_id` names the run that stands in the way.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[Issue] = msgspec.field(default_factory=list)
    run_id: str | None = None


class Problem(Exception):  # noqa: N818 (an answer, not a fault)
    """Ends a request with a problem."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Issue] = (),
        run_id: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.details = ProblemDetails(
            type=f"urn:aob:problem:{code.lower().replace('_', '-')}",
            title=code.replace("_", " ").capitalize(),
            status=status,
            detail=detail,
            code=code,
            errors=[_bounded(issue) for issue in errors],
            run_id=run_id,
        )
        self.headers = headers

    def response(self) -> Response:
        """The problem as it is sent."""
        body = msgspec.json.encode(self.details)
        return Response(body, self.details.status, self.headers, MEDIA_TYPE)


def _bounded(issue: Issue) -> Issue:
    """JSON Schema's messages repeat the value that they are about, however large it is."""
    if len(issue.message) <= _MAX_MESSAGE:
        return issue
    return msgspec.structs.replace(issue, message=issue.message[:_MAX_MESSAGE] + " ...")


def of_refusal(refusal: Refusal, *, pointer: str | None = None) -> Problem:
    """The problem that a refusal means; `pointer` is where its cause stands, when it does not say so."""
    errors = refusal.issues
    if not errors and pointer is not None:
        errors = [Issue(pointer, refusal.message, refusal.code)]
    status = _STATUS_OF_REFUSAL.get(refusal.code, 422)
    return Problem(status, refusal.code, refusal.message, errors=errors)


def not_found(what: str) -> Problem:
    """A 404: it does not exist, or belongs to another workspace (which is the same to the caller)."""
    return Problem(404, "NOT_FOUND", f"there is no {what}")


def unavailable(detail: str) -> Problem:
    """A 503 that asks to come back."""
    return Problem(503, "UNAVAILABLE", detail, headers={"retry-after": str(RETRY_AFTER_S)})


def of_fault(error: Exception) -> Problem:
    """The problem of an error that a request may meet: its own, a refusal, or something that is down."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refusal):
        return of_refusal(error)
    if isinstance(error, InvalidText | InvalidCursor):
        detail = f"a value of the request cannot name anything: {error}"
        return Problem(422, "REQUEST_INVALID", detail)
    if isinstance(error, UNAVAILABLE):
        log.warning("api.unavailable", error=repr(error))
        return unavailable(f"{_NAMES[type(error)]} does not answer: the request may be repeated")
    # As text: a renderer that shows the locals of every frame would hold the event loop for seconds.
    log.error("api.fault", error=repr(error), trace="".join(traceback.format_exception(error)))
    return Problem(500, "INTERNAL", "the request failed inside the server; its log says why")


async def _on_invalid(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        return of_fault(error).response()
    issues = [
        Issue(
            "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in item["loc"]),
            item["msg"],
        )
        for item in error.errors()
    ]
    detail = f"the request has {len(issues)} invalid parameter(s)"
    return Problem(422, "REQUEST_INVALID", detail, errors=issues).response()


async def _on_http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return of_fault(error).response()
    status = error.status_code
    code = _CODE_OF_STATUS.get(status, HTTPStatus(status).name)
    headers = dict(error.headers) if error.headers else None
    return Problem(status, code, error.detail, headers=headers).response()


async def _on_fault(_: Request, error: Exception) -> Response:
    return of_fault(error).response()


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""
    for kind in (Problem, Refusal, InvalidText, InvalidCursor, *UNAVAILABLE, Exception):
        app.add_exception_handler(kind, _on_fault)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
