"""One HTTP request to the api: sent again where that is harmless, errors turned into ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx

from aob.errors import ApiError, ErrorDetail, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

_REPEATABLE = frozenset({"GET", "PUT"})
_RETRY_MAX_S = 2.0
_UNAVAILABLE = 503


class Transport:
    """Sends requests to one base URL. A request that may be repeated is tried up to `attempts` times."""

    def __init__(self, http: httpx.Client, base_url: str, *, attempts: int) -> None:
        self._http = http
        self._base_url = base_url
        self._attempts = attempts

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, str | int | float | None] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        read_timeout_s: float | None = None,
    ) -> Any:  # noqa: ANN401 (the JSON of the answer; callers give it its shape)
        """The JSON of a 2xx answer; ApiError or UnreachableError."""
        request = self._http.build_request(
            method,
            self._base_url + path,
            content=None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
            params={name: value for name, value in (params or {}).items() if value is not None},
            headers={**({} if body is None else {"content-type": "application/json"}), **(headers or {})},
        )
        if read_timeout_s is not None:
            request.extensions["timeout"] = {**request.extensions["timeout"], "read": read_timeout_s}
        if self._attempts == 1 or not (repeatable or method in _REPEATABLE):
            return self._once(request)
        return self._again_and_again(request)

    def _again_and_again(self, request: httpx.Request) -> Any:  # noqa: ANN401 (as call)
        import stamina  # noqa: PLC0415 (the command line tries once and starts quicker without)

        for attempt in stamina.retry_context(
            on=_passes, attempts=self._attempts, timeout=None, wait_initial=0.1, wait_max=_RETRY_MAX_S
        ):
            with attempt:
                return self._once(request)
        raise AssertionError("stamina returns or raises")  # pragma: no cover

    def _once(self, request: httpx.Request) -> Any:  # noqa: ANN401 (as call)
        try:
            answer = self._http.send(request)
        except httpx.TransportError as error:
            sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            reason = str(error) or type(error).__name__
            raise UnreachableError(self._base_url, reason, sent=sent) from error
        if not answer.is_success:
            raise api_error(answer.status_code, answer.content)
        return answer.json() if answer.content else None


def _passes(error: Exception) -> bool:
    """Whether the same request may succeed a little later."""
    return isinstance(error, UnreachableError) or (
        isinstance(error, ApiError) and error.status == _UNAVAILABLE
    )


def api_error(status: int, content: bytes) -> ApiError:
    """The error of an answer; one that is no problem of the api's (a proxy's page) keeps its first line."""
    try:
        problem = json.loads(content)
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or "detail" not in problem:
        text = content.decode("utf-8", "replace").strip().partition("\n")[0][:200]
        return ApiError(status, f"HTTP_{status}", text or f"the server answered with status {status}")
    errors = tuple(
        ErrorDetail(item.get("pointer", ""), item.get("message", ""), item.get("code", "INVALID"))
        for item in problem.get("errors", [])
    )
    code = problem.get("code", f"HTTP_{status}")
    return ApiError(status, code, problem["detail"], errors, problem.get("run_id"))
