"""Bytes to a `Workflow`: JSON, then the schema, each refusal with a JSON pointer."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
import msgspec
import rfc8785

from engine.errors import Issue, Refusal
from engine.json_text import JsonTextError, decode_text
from engine.model.workflow import InputsSchema, Workflow

MAX_DEFINITION_BYTES = 4 * 1024 * 1024
_MAX_ISSUES = 50
_MAX_MESSAGE = 300


def workflow_schema() -> bytes:
    """The JSON Schema of workflows (2020-12), as published."""
    return files("schemas").joinpath("json", "workflow.schema.json").read_bytes()


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(msgspec.json.decode(workflow_schema()))


def pointer(parts: object) -> str:
    """A JSON pointer (RFC 6901) of keys and indices."""
    if not isinstance(parts, list | tuple):
        msg = "a path is a list"
        raise TypeError(msg)
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def decode_json(data: bytes) -> Any:  # noqa: ANN401 (any JSON value)
    """Decode JSON; Refusal JSON_INVALID says where it breaks off, or that it is nested too deeply."""
    try:
        return decode_text(data)
    except JsonTextError as error:
        code, message = "JSON_INVALID", str(error)
        raise Refusal(code, message, [Issue("", message, code)]) from error


def parse_workflow(data: bytes) -> Workflow:
    """Parse a definition and check its shape; Refusal WORKFLOW_INVALID lists every issue with its pointer.

    What only the whole graph shows (cycles, unknown nodes, expressions) `engine.graph.compile_graph` finds.
    """
    if len(data) > MAX_DEFINITION_BYTES:
        message = f"a definition has at most {MAX_DEFINITION_BYTES} bytes; this one has {len(data)}"
        raise Refusal("WORKFLOW_TOO_LARGE", message, [Issue("", message, "WORKFLOW_TOO_LARGE")])
    value = decode_json(data)
    issues = [issue for error in _validator().iter_errors(value) for issue in _issues(error)][:_MAX_ISSUES]
    if issues:
        raise Refusal(
            "WORKFLOW_INVALID", f"the workflow does not fit its schema: {len(issues)} issue(s)", issues
        )
    return msgspec.convert(value, Workflow)


def _issues(error: jsonschema_rs.ValidationError) -> list[Issue]:
    """What an error of the schema says, at the place that has to be mended."""
    where, kind = list(error.instance_path), error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        return [
            Issue(pointer([*where, name]), f"there is no field `{name}` here", "FIELD_UNKNOWN")
            for name in kind.unexpected
        ]
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.OneOfMultipleValid):
        return [Issue(pointer(where), f"more than one alternative fits: {_clipped(error.message)}")]
    message = error.message
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.OneOfNotValid):
        inner = [each.kind for branch in kind.context for each in branch]
        names = [
            each.property for each in inner if isinstance(each, jsonschema_rs.ValidationErrorKind.Required)
        ]
        if names:
            message = f"one of {', '.join(f'`{name}`' for name in names)} is required"
    return [Issue(pointer(where), _clipped(message))]


def _clipped(message: str) -> str:
    return message if len(message) <= _MAX_MESSAGE else message[: _MAX_MESSAGE - 1] + "…"


def canonical(data: bytes) -> tuple[bytes, str]:
    """The canonical JSON (RFC 8785) of a definition, and its SHA-256 in hex, which names it for ever."""
    try:
        text = rfc8785.dumps(decode_json(data))
    except rfc8785.CanonicalizationError as error:
        message = f"the definition has no canonical form: {error}"
        raise Refusal("JSON_INVALID", message, [Issue("", message, "JSON_INVALID")]) from error
    return text, hashlib.sha256(text).hexdigest()


@lru_cache(maxsize=512)
def _inputs_validator(schema: bytes) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(msgspec.json.decode(schema))


def check_schema(schema: object) -> list[Issue]:
    """What is wrong with a JSON Schema; pointers are relative to it."""
    try:
        jsonschema_rs.Draft202012Validator(schema)  # type: ignore[arg-type]  # anything from outside
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        return [Issue("", f"the inputs' JSON Schema is invalid: {getattr(error, 'message', error)}")]
    return []


def check_inputs(schema: InputsSchema, value: object) -> list[Issue]:
    """What is wrong with a run's inputs; empty when nothing is. Pointers are into the inputs.

    `schema` is the workflow's `inputs`, which was checked when the workflow was compiled.
    """
    if schema is None:
        return []
    validator = _inputs_validator(msgspec.json.encode(schema))
    return [
        Issue(pointer(list(error.instance_path)), _clipped(error.message))
        for error, _ in zip(validator.iter_errors(value), range(_MAX_ISSUES), strict=False)
    ]
