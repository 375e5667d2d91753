"""One stack for the session: `aob dev` as a real process, with functions of the examples and of the tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import pytest

from aob.dev.clusters import kafka_missing
from tests.e2e.stack import Stack, running
from tests.e2e.web import Web, web_server

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = (
    "examples.certificates.tasks",
    "examples.licences.tasks",
    "examples.review.tasks",
    "tests.e2e.functions",
)


@pytest.fixture(scope="session", autouse=True)
def kafka_can_run() -> None:
    """Without a Kafka there is nothing to test."""
    missing = kafka_missing()
    if missing is not None:
        pytest.skip(missing)


@pytest.fixture(scope="session")
def web() -> Iterator[Web]:
    """The server that HTTP nodes may call; its file is a bundle of root certificates."""
    with web_server(Path(certifi.where())) as server:
        yield server


@pytest.fixture(scope="session")
def functions() -> list[str]:
    """Options of `aob dev` that load the functions."""
    return [part for module in FUNCTIONS for part in ("--functions", module)]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, functions: list[str], web: Web) -> Iterator[Stack]:
    """One coordinator, one runner."""
    data_dir = tmp_path_factory.mktemp("e2e") / "data"
    with running(data_dir, *functions, AOB_HTTP_ALLOW=web.address) as started:
        yield started
