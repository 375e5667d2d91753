"""What can be wrong with an expression or a template."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    "EXPRESSION_SYNTAX",
    "EXPRESSION_UNKNOWN_NAME",
    "EXPRESSION_TYPE",
    "EXPRESSION_FAILED",
    "EXPRESSION_TOO_LARGE",
    "SCOPE_TOO_LARGE",
    "VALUE_TOO_DEEP",
]


class ExpressionError(Exception):
    """An expression cannot be compiled or evaluated.

    `code` is stable; `message` says what to do; `offset` is the character of the source where it went wrong
    (from 0), where that is known.
    """

    def __init__(self, code: Code, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.offset = offset


class TemplateError(Exception):
    """A template holds a bad expression.

    `pointer` is the JSON pointer of its string, `error` what is wrong with it.
    """

    def __init__(self, pointer: str, error: ExpressionError) -> None:
        super().__init__(f"{pointer or '/'}: {error.message}")
        self.pointer = pointer
        self.error = error
