from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from aob.cli.main import main
from tests.unit.cli.server import FakeServer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Aob:
    """The command, called in this process."""

    server: FakeServer
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    out: str = ""
    err: str = ""

    def __call__(self, *arguments: str, stdin: str = "") -> int:
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = main(arguments)
        self.out, self.err = self.capsys.readouterr()
        return code


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


@pytest.fixture
def aob(
    server: FakeServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Aob:
    monkeypatch.chdir(tmp_path)
    for name in ("AOB_FANOUT_URL", "AOB_DATA_DIR", "AOB_OUTPUT", "AOB_JWT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AOB_API_URL", server.url)
    monkeypatch.setenv("AOB_API_KEY", "key")
    monkeypatch.setenv("TZ", "UTC")
    return Aob(server, capsys, monkeypatch)
