"""`aob logs`: follow a run live."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from aob.cli.common import Output, OutputFormat, RunId, new_app, open_client
from aob.cli.output import write_json

app = new_app()
logs = new_app("Follow a run live.")
app.add_typer(logs, name="logs")


@logs.callback()
def _group() -> None:
    """Follow a run live."""


@logs.command()
def stream(
    run_id: RunId,
    node: Annotated[
        str | None, typer.Option(help="Only a node (all its instances), or one instance.")
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Only events behind this number.")] = 0,
    output: Output = OutputFormat.pretty,
) -> None:
    """Write a run's events and log lines as they happen, until it ends; as JSON: one line an event."""
    with open_client() as client:
        events = client.stream(run_id, after=after, node=node)
        if output is OutputFormat.pretty:
            from aob.cli.timeline import TimelineWriter

            writer = TimelineWriter()
            for event in events:
                writer.write(event)
            return
        for event in events:
            write_json(event, compact=True)
            sys.stdout.flush()
