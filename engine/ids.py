"""Names of things: run ids, node paths, job ids.

A node path is `a` for a node of the graph, `a[3]` for item 3 of a map, `a#2` for iteration 2 of a loop
(counted from 0). A job id is `RUN/PATH/ATTEMPT`, attempts counted from 1. Ids of users match `ID_PATTERN`.
"""

from __future__ import annotations

import hashlib
import re

ID_PATTERN = r"[A-Za-z0-9_-]{1,64}"
GENERATION = "r0_"
"""Prefix of every run id: more partitions one day mean a new generation (design section 2)."""

_ID = re.compile(ID_PATTERN)


def is_id(text: str) -> bool:
    """Whether `text` may name a run, a workflow, a node or a workspace."""
    return _ID.fullmatch(text) is not None


def is_run_id(text: str) -> bool:
    """Whether `text` is an id with a known generation."""
    return text.startswith(GENERATION) and is_id(text)


def item_path(path: str, index: int) -> str:
    """Path of item `index` (from 0) of the map at `path`."""
    return f"{path}[{index}]"


def visit_path(path: str, iteration: int) -> str:
    """Path of iteration `iteration` (from 0) of the loop at `path`."""
    return f"{path}#{iteration}"


def job_id(run_id: str, path: str, attempt: int) -> str:
    """The id of a job; also its idempotency key."""
    return f"{run_id}/{path}/{attempt}"


def child_run_id(run_id: str, path: str, attempt: int) -> str:
    """The run id of the child that runs at `path`: the same whenever it is derived again."""
    digest = hashlib.sha256(f"{run_id}/{path}/{attempt}".encode()).hexdigest()
    return f"{GENERATION}c{digest[:32]}"


def node_of(path: str) -> str:
    """The graph node that an instance path belongs to: `a` for `a`, `a[3]` and `a#2`."""
    return re.split(r"[\[#]", path, maxsplit=1)[0]
