"""Functions of the runner's tests: they write down what they do and wait for files of the test."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from aob import Context, function


def _note(text: str) -> None:
    with Path(os.environ["AOB_TEST_DIARY"]).open("a") as diary:
        diary.write(text + "\n")


@function
async def quick(context: Context) -> str:
    _note(f"quick {context.run_id}")
    return context.idempotency_key


@function
async def hold(gate: str, context: Context) -> str:
    """Wait until the file `gate` is there."""
    _note(f"hold {context.run_id}")
    try:
        while not Path(gate).exists():  # noqa: ASYNC110, ASYNC240 (another process opens it)
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        _note(f"cancelled {context.run_id}")
        raise
    return "held"


@function
def add(a: int, b: int) -> int:
    return a + b
