"""Names of things: run ids, node paths, job ids.

A node path is `a` for a node of the graph, `a[3]` for item 3 of a map, `a#2` for iteration 2 of a loop
(counted from 0), `a$items` for a job that `a` needs done first. A job id is `RUN/PATH/ATTEMPT`, attempts
counted from 1. Ids of users match `ID_PATTERN`.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

ID_PATTERN = r"[A-Za-z0-9_-]{1,64}"
SIGNAL_PATTERN = r"^[A-Za-z0-9_.-]{1,64}$"
"""Names of signals, wherever one is named: `wait` nodes and whoever sends them (whole, with its anchors)."""

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
    """The id of a job."""
    return f"{run_id}/{path}/{attempt}"


def child_run_id(run_id: str, path: str, attempt: int) -> str:
    """The run id of the child that runs at `path`: the same whenever it is derived again."""
    digest = hashlib.sha256(f"{run_id}/{path}/{attempt}".encode()).hexdigest()
    return f"{GENERATION}c{digest[:32]}"


def aux_path(path: str, purpose: str) -> str:
    """Path of a job that the node at `path` needs done before it can go on, such as evaluating its items."""
    return f"{path}${purpose}"


_PATH = re.compile(
    r"(?P<owner>[A-Za-z0-9_-]*)(?:\[(?P<item>\d+)\]|#(?P<visit>\d+))?(?:\$(?P<aux>[a-z0-9.]+))?"
)


class Place(NamedTuple):
    """A node path taken apart: the graph node, and which item, iteration or auxiliary job of it is meant."""

    owner: str
    item: int | None
    visit: int | None
    aux: str | None


def place(path: str) -> Place:
    """Take a path apart; ValueError when it is none."""
    match = _PATH.fullmatch(path)
    if match is None:
        msg = f"`{path}` is no node path"
        raise ValueError(msg)
    item, visit = match["item"], match["visit"]
    return Place(
        match["owner"],
        None if item is None else int(item),
        None if visit is None else int(visit),
        match["aux"],
    )


def base_path(path: str) -> str:
    """The instance that an auxiliary job works for; any other path itself."""
    return path.partition("$")[0]


def node_of(path: str) -> str:
    """The graph node that an instance path belongs to: `a` for `a`, `a[3]`, `a#2` and `a$items`."""
    return place(path).owner
