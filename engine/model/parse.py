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

MAX_TEXT_BYTES = 4 * 1024 * 1024
"""Of a definition as somebody wrote it, with all its blanks."""

MAX_DEFINITION_BYTES = 900_000
"""Of its canonical form: what one record of the log can hold."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCES = ("$ref", "$dynamicRef")
_SAFE_INTEGER = 2**53 - 1
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
    _check_size(data, "this one has", MAX_TEXT_BYTES)
    value = decode_json(data)
    issues = [issue for error in _validator().iter_errors(value) for issue in _issues(error)][:_MAX_ISSUES]
    if issues:
        raise Refusal(
            "WORKFLOW_INVALID", f"the workflow does not fit its schema: {len(issues)} issue(s)", issues
        )
    try:
        return msgspec.convert(value, Workflow)
    except (msgspec.ValidationError, RecursionError) as error:
        message = f"the workflow cannot be read: {error}"
        raise Refusal("WORKFLOW_INVALID", message, [Issue("", message)]) from error


def _check_size(text: bytes, what: str, limit: int) -> None:
    if len(text) > limit:
        code, message = "WORKFLOW_TOO_LARGE", f"a definition has at most {limit} bytes; "
        message += f"{what} {len(text)}: put large values into a run's inputs"
        raise Refusal(code, message, [Issue("", message, code)])


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
    _check_size(data, "this one has", MAX_TEXT_BYTES)
    value = decode_json(data)
    try:
        text = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        message = f"the definition has no canonical form: {error}"
        raise Refusal("JSON_INVALID", message, [Issue(_wide_at(value), message, "JSON_INVALID")]) from error
    _check_size(text, "this one, in its canonical form, has", MAX_DEFINITION_BYTES)
    return text, hashlib.sha256(text).hexdigest()


def _wide_at(value: object) -> str:
    """Where the first integer stands that a double cannot hold, as a JSON pointer."""
    waiting: list[tuple[str, object]] = [("", value)]
    while waiting:
        where, part = waiting.pop()
        if isinstance(part, int) and abs(part) > _SAFE_INTEGER:
            return where
        waiting += [(where + pointer([key]), inner) for key, inner in reversed(_members(part))]
    return ""


def _members(value: object) -> list[tuple[str | int, object]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _retrieve(uri: str) -> object:
    """Nothing is fetched: a schema from outside could read what is ours, and would not be the same twice."""
    raise ValueError(uri)


def _compiled(schema: object) -> jsonschema_rs.Draft202012Validator:
    # It may be any JSON value from outside.
    return jsonschema_rs.Draft202012Validator(schema, retriever=_retrieve)  # type: ignore[arg-type]


@lru_cache(maxsize=512)
def _inputs_validator(schema: bytes) -> jsonschema_rs.Draft202012Validator:
    return _compiled(msgspec.json.decode(schema))


def check_schema(schema: object) -> list[Issue]:
    """What is wrong with a JSON Schema; pointers are relative to it. No reference is followed outside."""
    dialect = schema.get("$schema", _DIALECT) if isinstance(schema, dict) else _DIALECT
    if not isinstance(dialect, str) or dialect.rstrip("#") != _DIALECT:
        message = f"inputs are checked by {_DIALECT}, and by no other dialect"
        return [Issue("/$schema", message, "SCHEMA_DIALECT")]
    try:
        _compiled(schema)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        why = _clipped(str(getattr(error, "message", error)))
        if "not present in a registry" not in why:
            return [Issue("", f"the inputs' JSON Schema is invalid: {why}")]
        message = "this leads out of the schema, and nothing is fetched: put what it means under `$defs`"
        return [Issue(where, message, "REFERENCE_OUTSIDE") for where in _references_outside(schema)] or [
            Issue("", message, "REFERENCE_OUTSIDE")
        ]
    return []


def _references_outside(schema: object) -> list[str]:
    """JSON pointers of what refers to anything but a place in the same document."""
    found = []
    waiting: list[tuple[str, object]] = [("", schema)]
    while waiting:
        where, part = waiting.pop()
        for key, inner in reversed(_members(part)):
            there = where + pointer([key])
            if key in _REFERENCES and isinstance(inner, str) and not inner.startswith(("#", _DIALECT)):
                found.append(there)
            waiting.append((there, inner))
    return sorted(found)[:_MAX_ISSUES]


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
