"""The OpenAPI document: FastAPI's, with the schemas of our msgspec bodies."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE, ProblemDetails

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi import FastAPI

Json = dict[str, Any]

JSON = "application/json"
_REF = "#/components/schemas/{name}"
_OPEN_PATHS = frozenset({"/healthz", "/readyz"})
_COMMON = {401: "No valid API key.", 422: "The request does not fit.", 503: "Try again soon."}
_documented: set[type] = {ProblemDetails}


def takes(body: type, *, required: bool = True) -> Json:
    """`openapi_extra` of a route whose body is `body` (decoded by the route itself)."""
    _documented.add(body)
    schema = {"$ref": _REF.format(name=body.__name__)}
    return {"requestBody": {"required": required, "content": {JSON: {"schema": schema}}}}


def takes_json(description: str, *, required: bool = True) -> Json:
    """`openapi_extra` of a route whose body is any JSON."""
    content = {JSON: {"schema": {"description": description}}}
    return {"requestBody": {"required": required, "content": content}}


def gives(
    answers: dict[int, tuple[str, type | None]], problems: Iterable[int] = (), media_type: str = JSON
) -> dict[int | str, Json]:
    """`responses` of a route: status -> description and body (None: anything), and its problems."""
    responses: dict[int | str, Json] = {}
    for status, (description, body) in answers.items():
        schema: Json = {}
        if body is not None:
            _documented.add(body)
            schema = {"$ref": _REF.format(name=body.__name__)}
        responses[status] = {"description": description, "content": {media_type: {"schema": schema}}}
    for status in {*problems, *_COMMON}:
        responses[status] = _problem(_COMMON.get(status, "A problem."))
    return responses


def _problem(description: str) -> Json:
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name=ProblemDetails.__name__)}}}
    return {"description": description, "content": content}


def install(app: FastAPI) -> None:
    """Make `/openapi.json` complete."""
    app.openapi = partial(_document, app)  # type: ignore[method-assign]  # FastAPI's documented extension point


def _document(app: FastAPI) -> Json:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        components = document.setdefault("components", {})
        kinds = sorted(_documented, key=lambda kind: kind.__name__)
        _, schemas = msgspec.json.schema_components(kinds, ref_template=_REF)
        for schema in schemas.values():
            if "description" in schema:
                schema["description"] = inspect.cleandoc(schema["description"])
        components["schemas"] = schemas
        components["securitySchemes"] = {"apiKey": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _complete(path, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(path: str, operation: Json) -> None:
    if path in _OPEN_PATHS:
        return
    operation["security"] = [{"apiKey": []}]
    # FastAPI documents its own validation error, which is never sent.
    if JSON in operation["responses"].get("422", {}).get("content", {}):
        operation["responses"]["422"] = _problem(_COMMON[422])
