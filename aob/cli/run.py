"""`aob run`: start, watch and steer runs."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand

from aob.cli import output as out
from aob.cli.common import (
    Output,
    OutputFormat,
    Reason,
    RunId,
    json_option,
    new_app,
    open_client,
    read_text,
    say,
)
from aob.cli.failures import ERROR, USAGE, CliError
from aob.errors import UnreachableError
from aob.shapes import ENDED

if TYPE_CHECKING:
    from aob.client import Client
    from aob.shapes import Priority, Run

app = new_app()
runs = new_app("Start, watch and steer runs.")
app.add_typer(runs, name="run")

_LONGEST_WAIT_S = 60.0
"""What the api waits at most within one request."""


class _WaitOption(TyperCommand):
    """`--wait[=SECONDS]`: bare, it has no limit. An option whose value may be missing is not in typer."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        given: list[str] = []
        for arg in args:
            if given and given[-1] == _BARE_WAIT and _is_number(arg):
                given[-1] = f"--wait={arg}"
            else:
                given.append(_BARE_WAIT if arg == "--wait" else arg)
        return super().parse_args(ctx, given)


_BARE_WAIT = "--wait=inf"


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


@runs.command(cls=_WaitOption)
def start(  # noqa: PLR0917 (typer passes options by name)
    what: Annotated[
        str, typer.Argument(metavar="FILE|NAME", help="A definition (JSON; -: stdin), or a workflow's name.")
    ],
    inputs: Annotated[
        str, typer.Option(metavar="JSON|@FILE", help="The run's inputs.", show_default=False)
    ] = "{}",
    tag: Annotated[str | None, typer.Option(help="Tag of a workflow, `main` by default.")] = None,
    version: Annotated[int | None, typer.Option(min=1, help="Version of a workflow.")] = None,
    key: Annotated[str | None, typer.Option(help="Your own name of the run; one live run has it.")] = None,
    priority: Annotated[str | None, typer.Option(help="high, medium or low.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Equal requests with an equal key start one run.")
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(metavar="[=SECONDS]", min=0, help="Wait for the end: without limit, or SECONDS."),
    ] = None,
    output: Output = OutputFormat.pretty,
) -> None:
    """Start a run of a workflow, or of a definition that is sent along and not pushed.

    Writes the run's id; with --wait the finished run, and exit code 1 unless it COMPLETED.
    """
    request = _which(what) | {
        "inputs": json_option(inputs, "--inputs"),
        "tag": tag,
        "version": version,
        "key": key,
        "priority": _priority(priority),
        "idempotency_key": idempotency_key or uuid.uuid4().hex,
    }
    with open_client() as client:
        run = _started(client, request)
        run_id = run["run_id"]
        if wait is None:
            out.show(run, output, lambda: typer.echo(run_id))
            say(f"started; `aob logs stream {run_id}` follows it")
            return
        say(f"started {run_id}")
        run = _ended(client, request, run, wait)
    out.show(run, output, lambda: _show_result(run))
    if run["status"] not in ENDED:
        say(f"it goes on after {wait:g} s; `aob logs stream {run['run_id']}` follows it")
    if run["status"] != "COMPLETED":
        raise typer.Exit(ERROR)


def _which(what: str) -> dict[str, Any]:
    looks_like_a_file = what == "-" or what.endswith(".json") or "/" in what
    if not looks_like_a_file and not Path(what).is_file():
        return {"workflow": what}
    try:
        return {"definition": json.loads(read_text(what))}
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise CliError(f"{what} is not JSON: {error.msg} ({place})") from error


def _priority(text: str | None) -> Priority | None:
    if text not in {None, "high", "medium", "low"}:
        raise CliError(f"--priority is high, medium or low, not {text!r}", exit_code=USAGE)
    return cast("Priority | None", text)


def _started(client: Client, request: dict[str, Any]) -> Run:
    try:
        return client.start(**request)
    except UnreachableError as error:
        if error.sent:
            key = request["idempotency_key"]
            say(f"it may have started: the same command with --idempotency-key {key} starts no second run")
        raise


def _ended(client: Client, request: dict[str, Any], run: Run, wait_s: float) -> Run:
    """Ask again under the run's idempotency key until it has ended: each request waits for a while."""
    deadline = time.monotonic() + wait_s
    try:
        while run["status"] not in ENDED and (left := deadline - time.monotonic()) > 0:
            run = client.start(**request, wait_s=min(left, _LONGEST_WAIT_S))
    except (KeyboardInterrupt, UnreachableError):
        say(f"the run goes on; `aob run status {run['run_id']}` shows it")
        raise
    return run


def _show_result(run: Run) -> None:
    rows: list[tuple[str, Any]] = [("run", run["run_id"]), ("status", out.status(run["status"]))]
    if "error" in run:
        rows.append(("error", _error(run["error"])))
    if "output" in run:
        rows.append(("output", json.dumps(run["output"], ensure_ascii=False, indent=2)))
    if "artifact" in run:
        rows.append(("artifact", f"{run['artifact']['sha256']} ({run['artifact']['size']} bytes)"))
    out.fields(rows)


@runs.command()
def status(run_id: RunId, output: Output = OutputFormat.pretty) -> None:
    """Show a run and its nodes."""
    with open_client() as client:
        run = client.get_run(run_id)
    out.show(run, output, lambda: _show_run(run))


def _show_run(run: Run) -> None:
    version = f" v{run['version']}" if "version" in run else ""
    rows: list[tuple[str, Any]] = [
        ("run", run["run_id"]),
        ("status", out.status(run["status"])),
        ("workflow", f"{run.get('workflow') or '-'}{version}"),
    ]
    if "started_at" in run:
        rows.append(("started", out.moment(run["started_at"])))
    took = _took(run)
    if took:
        rows.append(("took", took))
    if "error" in run:
        rows.append(("error", _error(run["error"])))
    if "output" in run:
        rows.append(("output", out.shortened(run["output"], 500)))
    out.fields(rows)
    nodes = run.get("nodes", [])
    if nodes:
        typer.echo()
        out.table(
            ("NODE", "STATUS", "ATTEMPT", "TOOK", "RESULT"),
            [
                (n["id"], out.status(n["status"]), str(n.get("attempt", "")), _took(n), _node_result(n))
                for n in nodes
            ],
        )


def _node_result(node: Any) -> str:  # noqa: ANN401 (a node of the api's answer)
    if "error" in node:
        return _error(node["error"])
    if "artifact" in node:
        return f"artifact {node['artifact']['sha256'][:12]} ({node['artifact']['size']} bytes)"
    return out.shortened(node["output"]) if "output" in node else ""


def _error(error: Any) -> str:  # noqa: ANN401 (an error of the api's answer)
    place = f" at {error['path']}" if error.get("path") else ""
    return f"{error.get('code')}: {error.get('message')}{place}"


def _took(item: Any) -> str:  # noqa: ANN401 (a run or a node of the api's answer)
    began, ended = item.get("started_at"), item.get("ended_at")
    return out.duration(ended - began) if began is not None and ended is not None else ""


@runs.command("list")
def list_runs(
    status: Annotated[str | None, typer.Option(help="Only runs with this status.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only runs of this workflow.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most runs to show.")] = 20,
    after: Annotated[str | None, typer.Option(help="Go on behind a page: its `next`.")] = None,
    output: Output = OutputFormat.pretty,
) -> None:
    """List runs, the newest first."""
    with open_client() as client:
        page = client.list_runs(
            status=None if status is None else status.upper(), workflow=workflow, after=after, limit=limit
        )
    rows = [
        (
            r["run_id"],
            out.status(r["status"]),
            r.get("workflow") or "-",
            out.moment(r.get("created_at")),
            _took(r),
        )
        for r in page["runs"]
    ]
    out.show(page, output, lambda: out.table(("RUN", "STATUS", "WORKFLOW", "CREATED", "TOOK"), rows))
    if output is OutputFormat.pretty and "next" in page:
        say(f"there are more: --after {page['next']}")


@runs.command()
def cancel(run_id: RunId, reason: Reason = None, output: Output = OutputFormat.pretty) -> None:
    """Cancel a run: queued work is dropped, running work is told, compensations run."""
    with open_client() as client:
        _told(client.cancel(run_id, reason=reason), output, f"cancelling {run_id}")


@runs.command()
def pause(run_id: RunId, reason: Reason = None, output: Output = OutputFormat.pretty) -> None:
    """Dispatch nothing more of a run until it is resumed."""
    with open_client() as client:
        _told(client.pause(run_id, reason=reason), output, f"pausing {run_id}")


@runs.command()
def resume(run_id: RunId, reason: Reason = None, output: Output = OutputFormat.pretty) -> None:
    """Go on with a paused run."""
    with open_client() as client:
        _told(client.resume(run_id, reason=reason), output, f"resuming {run_id}")


@runs.command()
def signal(
    run_id: RunId,
    name: Annotated[str, typer.Argument(help="The signal's name.")],
    payload: Annotated[str, typer.Option(metavar="JSON|@FILE", help="What goes with it.")] = "null",
    output: Output = OutputFormat.pretty,
) -> None:
    """Deliver a signal to the nodes of a run that wait for it."""
    value = json_option(payload, "--payload")
    with open_client() as client:
        _told(client.signal(run_id, name, value), output, f"signal {name} went to {run_id}")


def _told(answer: dict[str, Any], output: OutputFormat, text: str) -> None:
    out.show(answer, output, lambda: say(text))


@runs.command()
def timeline(
    run_id: RunId,
    after: Annotated[int, typer.Option(min=0, help="Only events behind this number.")] = 0,
    output: Output = OutputFormat.pretty,
) -> None:
    """Show what happened in a run, oldest first."""
    from aob.cli.timeline import TimelineWriter

    events = []
    position: int | None = after
    with open_client() as client:
        while position is not None:
            page = client.timeline(run_id, after=position, limit=1000)
            events += page["events"]
            position = page.get("next")

    def pretty() -> None:
        writer = TimelineWriter()
        for event in events:
            writer.write(event)

    out.show({"events": events}, output, pretty)
