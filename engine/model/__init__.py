"""The workflow model: `parse_workflow`, `canonical`, `check_inputs`."""

from engine.model.parse import (
    canonical,
    check_inputs,
    check_schema,
    decode_json,
    parse_workflow,
    pointer,
    workflow_schema,
)
from engine.model.workflow import Count, Edge, Goto, InnerNode, JsonObject, Node, Retry, Workflow

__all__ = [
    "Count",
    "Edge",
    "Goto",
    "InnerNode",
    "JsonObject",
    "Node",
    "Retry",
    "Workflow",
    "canonical",
    "check_inputs",
    "check_schema",
    "decode_json",
    "parse_workflow",
    "pointer",
    "workflow_schema",
]
