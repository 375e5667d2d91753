"""What the workflow calls. The text is the `LICENSE` file of the repository (Apache License 2.0)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aob import Context, Fatal, function

LINES_ON_PAGE = 60
_TEXT = Path(__file__).parents[2] / "LICENSE"


@function
def reserve_desk(context: Context, reader: str) -> dict[str, str]:
    """Reserve a desk; the job's id makes the reservation the same one when it is made again."""
    return {"desk": "7", "reader": reader, "reservation": context.idempotency_key}


@function
def release_desk(context: Context, reserve: dict[str, str]) -> dict[str, str]:
    """Undo `reserve_desk`."""
    context.logger.info("desk %s is free again", reserve["desk"])
    return {"released": reserve["reservation"]}


@function
def read_page(page: int, words: int) -> dict[str, Any]:
    """Count the words of a page on top of those read before."""
    lines = _TEXT.read_text("utf-8").splitlines()
    if not lines:
        raise Fatal("the text is empty", code="NOTHING_TO_READ")
    first = page * LINES_ON_PAGE
    count = sum(len(line.split()) for line in lines[first : first + LINES_ON_PAGE])
    return {"page": page, "words": words + count, "more": first + LINES_ON_PAGE < len(lines)}


@function
def file_away(words: int, verdict: str) -> dict[str, Any]:
    """Keep what the reviewer said."""
    return {"words": words, "verdict": verdict}
