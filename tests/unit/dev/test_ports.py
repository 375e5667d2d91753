from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aob.dev.errors import DevError
from aob.dev.ports import FIRST_PORT, HOST, LAST_PORT, PortBook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_is_kept_across_restarts(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"

    first = PortBook(file).allot("kafka")

    assert PortBook(file).allot("kafka") == first
    assert FIRST_PORT <= first <= LAST_PORT


def test_another_port_is_chosen_and_kept_when_the_preferred_one_is_taken(
    tmp_path: Path, taken_port: int
) -> None:
    file = tmp_path / "ports.json"

    chosen = PortBook(file).allot("api", taken_port)

    assert chosen != taken_port
    assert PortBook(file).allot("api", taken_port) == chosen


def test_a_remembered_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path, taken_port: int) -> None:
    file = tmp_path / "ports.json"
    file.write_text(f'{{"api": {taken_port}}}')

    assert PortBook(file).allot("api") != taken_port


def test_names_never_share_a_port(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")

    ports = [book.allot(f"health.{index}") for index in range(20)]

    assert len(set(ports)) == 20


def test_a_port_that_was_asked_for_is_taken_or_refused(tmp_path: Path, taken_port: int) -> None:
    book = PortBook(tmp_path / "ports.json")
    free = book.allot("other")

    assert PortBook(tmp_path / "ports.json").claim("api", free, "--port") == free
    with pytest.raises(DevError, match=rf"port {taken_port} is taken .* --port"):
        book.claim("api", taken_port, "--port")


RESERVE = """
import sys
from aob.dev.ports import reserve
print(reserve(int(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def test_a_port_on_which_another_stack_does_not_listen_yet_is_left_to_it(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
    command = [sys.executable, "-c", RESERVE, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert PortBook(tmp_path / "ports.json").allot("kafka", port) != port
        other.communicate("")

    assert PortBook(tmp_path / "other.json").allot("kafka", port) == port
