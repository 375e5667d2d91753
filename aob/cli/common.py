"""What every command shares: how an app is made, options, inputs, the client."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aob.cli.failures import USAGE, CliError

if TYPE_CHECKING:
    import httpx

    from aob.client import Client

transport: httpx.BaseTransport | None = None
"""How requests are sent, when not over the network: for tests."""


class OutputFormat(StrEnum):
    """How results are written."""

    pretty = "pretty"
    json = "json"
    compact = "compact"


Output = Annotated[
    OutputFormat,
    typer.Option("--output", "-o", envvar="AOB_OUTPUT", help="For people, as indented JSON, or on one line."),
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id.", show_default=False)]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the run.", show_default=False)]


def new_app(text: str | None = None) -> typer.Typer:
    """An app in our manner: plain help, errors that we explain, no completion that edits shell files."""
    return typer.Typer(
        help=text,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def open_client() -> Client:
    """A client that tries once: a person sees sooner what is wrong."""
    # httpx imports a command line of its own, which takes longer than all of ours; it can do without.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: not to be imported
    from aob.client import Client

    return Client(attempts=1, transport=transport)


def say(text: str) -> None:
    """Chat, on stderr."""
    sys.stderr.write(f"{text}\n")


def json_option(text: str, option: str) -> Any:  # noqa: ANN401 (any JSON value)
    """The value of an option that is JSON, or `@FILE` with JSON in it (`@-`: stdin)."""
    where = option
    if text.startswith("@"):
        where = text[1:]
        text = read_text(where)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise CliError(f"{where} is not JSON: {error.msg} ({place})", exit_code=USAGE) from error


def read_text(name: str) -> str:
    """The text of a file; `-` is stdin."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CliError(f"cannot read {name}: {reason}", exit_code=USAGE) from error
