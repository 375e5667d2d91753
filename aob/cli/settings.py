"""`aob settings`: every setting of every process."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from aob.cli import output as out
from aob.cli.common import Output, OutputFormat, new_app

app = new_app()


@app.callback()
def _commands() -> None:
    """Settings."""


@app.command()
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Write the page docs/settings.md.")] = False,
    output: Output = OutputFormat.pretty,
) -> None:
    """Print every setting of every process: its variable, its default, what it means."""
    from aob.cli import settings_doc

    if markdown:
        sys.stdout.write(settings_doc.markdown())
        return
    sections = settings_doc.sections()

    def pretty() -> None:
        for title, items in sections.items():
            typer.echo(f"\n{title}\n")
            for item in items:
                default = "must be set" if item.default is None else item.default or "none"
                values = f"; {item.values}" if item.values else ""
                typer.echo(f"  {item.variable}  [{default}{values}]\n      {item.description}")

    value = {title: [item._asdict() for item in items] for title, items in sections.items()}
    out.show(value, output, pretty)
