"""SQL statements in files: each begins with a line `-- name: NAME`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_HEADING = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def statements(file: str) -> dict[str, bytes]:
    """The statements of `storage/postgres/sql/FILE.sql` by name."""
    text = files("storage.postgres").joinpath("sql", f"{file}.sql").read_text("utf-8")
    _, *parts = _HEADING.split(text)
    return {name: body.strip().encode() for name, body in zip(parts[::2], parts[1::2], strict=True)}
