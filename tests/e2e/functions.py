"""What the tests' workflows call."""

from __future__ import annotations

import asyncio

from aob import Context, Fatal, Retryable, function


@function
async def e2e_echo(inputs: object) -> object:
    """Its input."""
    return inputs


@function
async def e2e_work(seconds: float, value: object = None) -> object:
    """Take a while."""
    await asyncio.sleep(seconds)
    return value


@function
async def e2e_numbers(count: int) -> list[int]:
    """The numbers below `count`."""
    return list(range(count))


@function
def e2e_flaky(context: Context, failures: int) -> int:
    """Fail in the first `failures` attempts; the attempt that did not."""
    context.logger.info("attempt %d", context.attempt)
    if context.attempt <= failures:
        raise Retryable(f"attempt {context.attempt} fails", code="FLAKY")
    return context.attempt


@function
def e2e_fatal() -> None:
    """Fail for good."""
    raise Fatal("nothing would help", code="HOPELESS")


@function
def e2e_large(size: int) -> dict[str, str]:
    """An object with a string of `size` characters."""
    return {"text": "x" * size}


@function
def e2e_length(text: str) -> int:
    """How long a text is."""
    return len(text)
