"""`aob dev`: everything on this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from aob.cli.common import new_app

app = new_app()


@app.callback()
def _commands() -> None:
    """Start everything on this machine."""


@app.command()
def dev(  # noqa: PLR0917 (typer passes options by name)
    data_dir: Annotated[
        Path, typer.Option(envvar="AOB_DATA_DIR", help="Folder of all data; they survive a restart.")
    ] = Path(".aob"),
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the api; else 8080 or a free one.")
    ] = None,
    fanout_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the live feed; else 8081 or a free one.")
    ] = None,
    broker: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="A Kafka that runs; else an embedded one.")
    ] = None,
    functions: Annotated[
        list[str] | None, typer.Option(metavar="MODULE", help="Module with functions; may be repeated.")
    ] = None,
    coordinators: Annotated[int, typer.Option(min=1, help="How many coordinators share the work.")] = 1,
    runners: Annotated[int, typer.Option(min=1, help="How many runners share the work.")] = 1,
    log_level: Annotated[str, typer.Option(help="Lowest level shown: debug, info, warning, error.")] = "info",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show warnings and errors only.")] = False,
) -> None:
    """Start broker, database and every process; Ctrl-C stops all."""
    if log_level not in {"debug", "info", "warning", "error"}:
        raise typer.BadParameter("it is debug, info, warning or error", param_hint="--log-level")
    from aob.dev.plan import DevOptions
    from aob.dev.stack import run_dev

    options = DevOptions(
        data_dir=data_dir,
        port=port,
        fanout_port=fanout_port,
        broker=broker,
        functions=tuple(functions or ()),
        coordinators=coordinators,
        runners=runners,
        log_level=log_level,
        quiet=quiet,
    )
    raise typer.Exit(asyncio.run(run_dev(options)))
