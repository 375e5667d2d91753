"""What the command line says when something goes wrong, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aob.errors import ApiError, NotConfiguredError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError

ERROR, USAGE = 1, 2


class Told(NamedTuple):
    """A text for stderr, and the exit code."""

    text: str
    exit_code: int


class CliError(Exception):
    """A failure that the command itself found: what is wrong, in detail, and what to do."""

    def __init__(
        self, message: str, *, details: Iterable[str] = (), hint: str = "", exit_code: int = ERROR
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = list(details)
        self.hint = hint
        self.exit_code = exit_code


_HINTS_BY_CODE = {
    "WORKFLOW_UNKNOWN": "`aob workflow list` shows what there is; `aob workflow push FILE` adds one.",
    "TAG_UNKNOWN": "`aob workflow show NAME` shows its tags.",
    "VERSION_UNKNOWN": "`aob workflow show NAME` shows its versions.",
    "NAME_MISMATCH": "Give `--name` to push it under another name.",
    "INPUTS_INVALID": "Give inputs that fit: `--inputs JSON` or `--inputs @FILE`.",
    "RUN_ENDED": "`aob run status RUN` shows how it ended.",
    "IDEMPOTENCY_KEY_REUSED": "Use another `--idempotency-key` for another request.",
}
_HINTS_BY_STATUS = {
    401: "Set AOB_API_KEY to a valid key.",
    403: "Use a key whose role may do this.",
    404: "`aob run list` shows the runs of this workspace.",
    503: "Try again in a moment; the processes' logs say what is missing.",
}


def explain(error: Exception) -> Told | None:
    """The text and the exit code for an error that we expect; None for a fault."""
    if isinstance(error, CliError):
        return Told(_text(error.message, error.details, error.hint), error.exit_code)
    if isinstance(error, NotConfiguredError):
        return Told(_text(str(error), hint="Start `aob dev`, or set AOB_API_URL and AOB_API_KEY."), ERROR)
    if isinstance(error, UnreachableError):
        return Told(_text(str(error), hint="Is `aob dev` running? AOB_API_URL names another api."), ERROR)
    if isinstance(error, ApiError):
        return Told(_api_error(error), ERROR)
    if type(error).__name__ == "ValidationError" and type(error).__module__.startswith("pydantic"):
        return Told(settings_error(error), USAGE)  # type: ignore[arg-type]  # its import alone takes long
    return None


def _api_error(error: ApiError) -> str:
    details = [f"{item.pointer or '(all)'}: {item.message}" for item in error.errors]
    hint = _HINTS_BY_CODE.get(error.code) or _HINTS_BY_STATUS.get(error.status, "")
    if error.code == "RUN_KEY_TAKEN" and error.run_id:
        hint = f"See `aob run status {error.run_id}`, or use another `--key`."
    return _text(f"{error.message} [{error.code}]", details, hint)


def settings_error(error: ValidationError) -> str:
    """Which variables are wrong, and what each of them means."""
    from aob.cli.settings_doc import descriptions

    known = descriptions()
    details = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"])
        variable = f"AOB_{place.upper()}"
        # A check of the whole model names its variable itself.
        details.append(f"{variable}: {item['msg']}" if place else item["msg"])
        if variable in known:
            details.append(f"  it means: {known[variable]}")
    return _text(
        "the settings are not valid", details, "`aob settings` explains every variable of every process."
    )


def _text(message: str, details: Iterable[str] = (), hint: str = "") -> str:
    lines = [f"error: {message}", *(f"  {detail}" for detail in details), *([hint] if hint else [])]
    return "\n".join(lines) + "\n"
