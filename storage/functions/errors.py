"""What a user's function raises to say how it failed. Any other exception is retryable, `FUNCTION_ERROR`."""

from __future__ import annotations

FUNCTION_ERROR = "FUNCTION_ERROR"


class Retryable(Exception):  # noqa: N818 (reads as a verdict where it is raised: `raise Retryable("busy")`)
    """The attempt failed; another one may succeed. `code` can be named in a node's `retry.non_retryable`."""

    def __init__(self, message: str, code: str = FUNCTION_ERROR) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Fatal(Exception):  # noqa: N818 (as Retryable)
    """The node failed, and no repetition would mend it."""

    def __init__(self, message: str, code: str = FUNCTION_ERROR) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class ArgumentsError(Exception):
    """The input of a node does not fit the function's parameters; the message names the argument."""
