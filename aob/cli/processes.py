"""One command for each process; configured by environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from aob.cli.common import new_app, say
from aob.cli.failures import ERROR, CliError

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.settings import Settings

app = new_app("Processes.")
topics = new_app("Create and check the topics.")
app.add_typer(topics, name="topics")

_PROCESSORS = {
    "admission": "Check commands and admit runs.",
    "materializer": "Make versions of workflows.",
    "coordinator": "Decide what runs next.",
    "timers": "Fire durable timers.",
    "outbox": "Write what happened to Postgres.",
}


def _begin(settings: Settings, process: str) -> None:
    from storage.logging import configure

    configure(settings, process)


@app.command()
def api() -> None:
    """Serve the HTTP edge."""
    from api.main import main
    from api.settings import ApiSettings

    _begin(ApiSettings(), "api")
    raise typer.Exit(main())


@app.command()
def fanout() -> None:
    """Serve the live feed."""
    from fanout.main import main
    from fanout.settings import FanoutSettings

    _begin(FanoutSettings(), "fanout")
    raise typer.Exit(main())


@app.command()
def runner(
    functions: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE", help="Module with functions; may be repeated. Else AOB_FUNCTIONS."),
    ] = None,
) -> None:
    """Run the nodes."""
    from workers.main import main
    from workers.settings import RunnerSettings

    if functions:
        os.environ["AOB_FUNCTIONS"] = ",".join(functions)
    _begin(RunnerSettings(), "runner")
    raise typer.Exit(main())


def _processor(name: str) -> Callable[[], None]:
    def command() -> None:
        from streams.main import main
        from streams.runtime.settings import StreamSettings

        _begin(StreamSettings(), name)
        raise typer.Exit(main(name))

    return command


for _name, _help in _PROCESSORS.items():
    app.command(_name, help=_help)(_processor(_name))


@app.command()
def migrate(
    post: Annotated[
        bool, typer.Option("--post/--no-post", help="Also what waits until old processes are gone.")
    ] = True,
) -> None:
    """Bring the database up to date."""
    from storage.postgres.errors import DatabaseUnavailable, MigrationRefused
    from storage.postgres.migrate import migrate as bring_up_to_date
    from storage.settings import Settings

    settings = Settings()
    _begin(settings, "migrate")
    try:
        ran = bring_up_to_date(settings.postgres_dsn.get_secret_value(), post=post)
    except DatabaseUnavailable as error:
        raise CliError(str(error), hint="Check AOB_POSTGRES_DSN.", exit_code=ERROR) from error
    except MigrationRefused as error:
        raise CliError(str(error), exit_code=ERROR) from error
    for name in ran:
        typer.echo(name)
    say(f"{len(ran)} migration(s) ran" if ran else "the database is up to date")


@topics.callback()
def _topics() -> None:
    """Create and check the topics."""


@topics.command()
def create() -> None:
    """Create the topics that are missing, and check those that are there."""
    from confluent_kafka import KafkaException

    from storage.kafka.admin import TopicsError, create_topics
    from storage.settings import Settings

    settings = Settings()
    _begin(settings, "topics")
    try:
        created = create_topics(settings)
    except (TopicsError, KafkaException) as error:
        hint = f"Is Kafka at {settings.kafka_bootstrap}? AOB_KAFKA_BOOTSTRAP names another."
        raise CliError(str(error), hint=hint, exit_code=ERROR) from error
    for name in created:
        typer.echo(name)
    say(f"{len(created)} topic(s) created" if created else "the topics are there")
