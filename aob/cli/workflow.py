"""`aob workflow`: push, check and show workflows."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from aob.cli import output as out
from aob.cli.common import Output, OutputFormat, new_app, open_client, read_text, say
from aob.cli.failures import ERROR, CliError

app = new_app()
workflows = new_app("Push, check and show workflows.")
app.add_typer(workflows, name="workflow")

File = Annotated[str, typer.Argument(metavar="FILE", help="A definition in JSON; -: stdin.")]


@workflows.command()
def push(
    file: File,
    name: Annotated[str | None, typer.Option(help="Push it under another name than its own.")] = None,
    tag: Annotated[str | None, typer.Option(help="The tag that moves to it, `main` by default.")] = None,
    output: Output = OutputFormat.pretty,
) -> None:
    """Make a new version of a workflow, unless its newest is the same."""
    definition = _definition(file)
    if name is not None:
        definition["name"] = name
    if not isinstance(definition.get("name"), str):
        raise CliError(
            f"{file} has no name", details=["/name: a workflow needs a name"], hint="Or give --name."
        )
    with open_client() as client:
        pushed = client.upload_workflow(definition, tag=tag)
    text = f"{pushed['name']} v{pushed['version']} ({pushed['tag']})"
    out.show(pushed, output, lambda: typer.echo(text))


@workflows.command()
def validate(file: File, output: Output = OutputFormat.pretty) -> None:
    """Check a definition, without a server."""
    from engine.errors import Refusal
    from engine.graph import compile_graph
    from engine.model import canonical, parse_workflow

    data = read_text(file).encode()
    try:
        workflow = parse_workflow(data)
        _, digest = canonical(data)
        compile_graph(workflow, digest)
    except Refusal as refusal:
        errors = [{"pointer": i.pointer, "message": i.message, "code": i.code} for i in refusal.issues]
        if output is not OutputFormat.pretty:
            report = {"valid": False, "code": refusal.code, "message": refusal.message, "errors": errors}
            out.write_json(report, compact=output is OutputFormat.compact)
            raise typer.Exit(ERROR) from refusal
        details = [f"{issue.pointer or '(all)'}: {issue.message}" for issue in refusal.issues]
        raise CliError(f"{file}: {refusal.message}", details=details) from refusal
    valid = {"valid": True, "name": workflow.name, "hash": digest}
    out.show(valid, output, lambda: typer.echo(f"{workflow.name} is valid ({len(workflow.nodes)} nodes)"))


@workflows.command("list")
def list_workflows(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most workflows to show.")] = 100,
    after: Annotated[str | None, typer.Option(help="Go on behind this name.")] = None,
    output: Output = OutputFormat.pretty,
) -> None:
    """List workflows by name."""
    with open_client() as client:
        page = client.list_workflows(after=after, limit=limit)
    rows = [(w["name"], str(w["versions"]), _tags(w["tags"])) for w in page["workflows"]]
    out.show(page, output, lambda: out.table(("WORKFLOW", "VERSIONS", "TAGS"), rows))
    if output is OutputFormat.pretty and "next" in page:
        say(f"there are more: --after {page['next']}")


@workflows.command()
def show(
    name: Annotated[str, typer.Argument(help="A workflow's name.")],
    version: Annotated[int | None, typer.Option(min=1, help="Show this version.")] = None,
    tag: Annotated[str | None, typer.Option(help="Show the version that this tag points at.")] = None,
    output: Output = OutputFormat.pretty,
) -> None:
    """Show a workflow: its versions, its tags, a definition."""
    with open_client() as client:
        found = client.get_workflow(name, version=version, tag=tag)

    def pretty() -> None:
        out.fields(
            [
                ("workflow", found["name"]),
                ("version", f"{found['version']} of {len(found['versions'])}"),
                ("hash", found["hash"]),
                ("tags", _tags(found["tags"])),
            ]
        )
        typer.echo()
        out.write_json(found["definition"], compact=False)

    out.show(found, output, pretty)


def _tags(tags: dict[str, int]) -> str:
    return ", ".join(f"{tag}=v{version}" for tag, version in sorted(tags.items()))


def _definition(file: str) -> dict[str, Any]:
    try:
        found = json.loads(read_text(file))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise CliError(f"{file} is not JSON: {error.msg} ({place})") from error
    if not isinstance(found, dict):
        raise CliError(f"{file} is not a workflow: a definition is a JSON object")
    return found
