"""The `aob` command: a table of what there is, and one import for what was asked.

The table alone answers `aob --help`: typer takes longer to import than that may take.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

OK, ERROR, USAGE, INTERRUPTED = 0, 1, 2, 130


class Entry(NamedTuple):
    """A command: the module whose `app` has it, and what the help says of it."""

    module: str
    help: str


SECTIONS: dict[str, dict[str, Entry]] = {
    "Use": {
        "run": Entry("aob.cli.run", "Start, watch and steer runs"),
        "logs": Entry("aob.cli.logs", "Follow a run live"),
        "workflow": Entry("aob.cli.workflow", "Push, check and show workflows"),
        "dev": Entry("aob.cli.dev", "Start everything on this machine; Ctrl-C stops it"),
        "settings": Entry("aob.cli.settings", "Print every setting of every process"),
    },
    "Processes": {
        "api": Entry("aob.cli.processes", "The HTTP edge"),
        "admission": Entry("aob.cli.processes", "Checks commands and admits runs"),
        "materializer": Entry("aob.cli.processes", "Makes versions of workflows"),
        "coordinator": Entry("aob.cli.processes", "Decides what runs next"),
        "timers": Entry("aob.cli.processes", "Fires durable timers"),
        "outbox": Entry("aob.cli.processes", "Writes what happened to Postgres"),
        "fanout": Entry("aob.cli.processes", "The live feed"),
        "runner": Entry("aob.cli.processes", "Runs the nodes"),
        "migrate": Entry("aob.cli.processes", "Bring the database up to date"),
        "topics": Entry("aob.cli.processes", "Create and check the topics"),
    },
}
COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}

_EPILOGUE = """\
`aob COMMAND --help` says more. Results go to stdout (`--output pretty|json|compact`), all else to stderr.
Exit codes: 0 done, 1 error, 2 wrong usage, 130 interrupted.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _main(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough. What is still buffered must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return code


def _main(argv: list[str]) -> int:
    argv = _without_output(argv)
    if not argv or argv[0] in {"--help", "-h", "help"}:
        sys.stdout.write(usage())
        return OK if argv else USAGE
    if argv[0] in {"--version", "-V"}:
        from importlib.metadata import version

        sys.stdout.write(f"aob {version('aob')}\n")
        return OK
    entry = COMMANDS.get(argv[0])
    if entry is None:
        return _unknown(argv[0])
    return _invoke(entry, argv)


def _without_output(argv: list[str]) -> list[str]:
    """Take `--output FORMAT` from before the command: it sets the default, as AOB_OUTPUT does."""
    while argv:
        name, equals, value = argv[0].partition("=")
        if name == "--output" and equals:
            argv = argv[1:]
        elif name in {"--output", "-o"} and not equals and len(argv) > 1:
            value, argv = argv[1], argv[2:]
        else:
            break
        os.environ["AOB_OUTPUT"] = value
    return argv


def _invoke(entry: Entry, argv: list[str]) -> int:
    from aob.cli.failures import explain

    try:
        import_module(entry.module).app(args=argv, prog_name="aob")
    except SystemExit as exit_:
        # typer and rich end with 1 when nobody reads on: for us that is no error.
        if isinstance(exit_.__context__, BrokenPipeError):
            raise exit_.__context__ from None
        return exit_.code if isinstance(exit_.code, int) else OK
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        sys.stderr.write(told.text)
        return told.exit_code
    return OK


def usage() -> str:
    """The help of the command as a whole."""
    width = max(map(len, COMMANDS))
    lines = ["Usage: aob COMMAND [ARGS]...", "", "Workflows on Kafka: every run is a log."]
    for title, commands in SECTIONS.items():
        lines += ["", f"{title}:", *(f"  {name:<{width}}  {entry.help}" for name, entry in commands.items())]
    return "\n".join([*lines, "", _EPILOGUE])


def _unknown(name: str) -> int:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1)
    hint = f" Did you mean `aob {near[0]}`?" if near else ""
    sys.stderr.write(f"aob: there is no command {name!r}.{hint} `aob --help` lists them.\n")
    return USAGE
