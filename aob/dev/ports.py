from __future__ import annotations

import fcntl
import os
import socket
import tempfile
import zlib
from pathlib import Path

import orjson

from aob.dev.data_dir import write_private
from aob.dev.errors import DevError

HOST = "127.0.0.1"
# Below the range from which the kernel takes ports of outgoing connections: a port from there could be gone
# when its process restarts.
FIRST_PORT, LAST_PORT = 15_000, 31_999

_reserved: dict[int, int] = {}
"""Port -> the open file whose lock says that this process means to use it."""


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        # As servers do: connections that only linger do not count.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((HOST, port))
            candidate.listen(1)
        except OSError:
            return False
    return True


def reserve(port: int) -> bool:
    """Take a port for the life of this process; False when another stack of this user has it.

    A broker listens seconds after its port was chosen: without this, two stacks that start together would
    choose the same one, and the slower would work on the other's broker.
    """
    if port in _reserved:
        return True
    folder = Path(tempfile.gettempdir()) / f"aob-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / str(port), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _reserved[port] = descriptor
    return True


class PortBook:
    """The ports of one data dir, chosen once and kept across restarts while they are free.

    Args:
        path: File that remembers them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._remembered: dict[str, int] = orjson.loads(path.read_bytes()) if path.exists() else {}
        self._taken: set[int] = set()
        # Two stacks that start together begin to search at different places.
        span = LAST_PORT - FIRST_PORT
        self._next = FIRST_PORT + zlib.crc32(bytes(path.resolve())) % span

    def allot(self, name: str, preferred: int | None = None) -> int:
        """Return the port of `name`: the remembered one, else the preferred one, else any free one."""
        for port in (self._remembered.get(name), preferred):
            if port is not None and self._may_have(port):
                return self._keep(name, port)
        return self._keep(name, self._search())

    def claim(self, name: str, port: int, option: str) -> int:
        """Return `port`, which the user asked for by `option`.

        Raises:
            DevError: It is taken.
        """
        if not self._may_have(port):
            raise DevError(
                f"port {port} is taken by another process. Choose another with {option}, or leave it out."
            )
        return self._keep(name, port)

    def _search(self) -> int:
        for _ in range(FIRST_PORT, LAST_PORT):
            port = self._next
            self._next = port + 1 if port < LAST_PORT else FIRST_PORT
            if self._may_have(port):
                return port
        raise DevError(f"no free port between {FIRST_PORT} and {LAST_PORT} on {HOST}")

    def _may_have(self, port: int) -> bool:
        return port not in self._taken and is_free(port) and reserve(port)

    def _keep(self, name: str, port: int) -> int:
        self._taken.add(port)
        if self._remembered.get(name) != port:
            self._remembered[name] = port
            write_private(self._path, orjson.dumps(self._remembered, option=orjson.OPT_INDENT_2))
        return port
