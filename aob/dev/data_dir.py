from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aob.dev.errors import DevError
from aob.dev.process import is_running

if TYPE_CHECKING:
    from collections.abc import Iterator

ORPHANS_END_WITHIN_S = 10.0


class DataDir:
    """Where the embedded stack keeps everything.

    Args:
        root: The folder itself, absolute: logs, ports, secrets, dev.json and the lock.
        data: Where broker, database, processor state and blobs lie; `root` when None.
    """

    def __init__(self, root: Path, data: Path | None = None) -> None:
        self.root = root
        self.data = data or root
        self.kafka = self.data / "kafka"
        self.postgres = self.data / "postgres"
        self.state = self.data / "state"
        self.cas = self.data / "cas"
        self.cluster_file = self.data / "cluster.json"
        self.logs = root / "logs"
        self.dev_json = root / "dev.json"
        self.secrets_file = root / "secrets.json"
        self.ports_file = root / "ports.json"
        self.lock_file = root / "lock"

    def forgetful(self) -> DataDir:
        """Return the same with its data in a folder of their own, emptied now.

        A broker that forgets needs a database and processors that do: they hold offsets of its log.
        """
        data = self.root / "memory"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        return DataDir(self.root, data)


def open_data_dir(path: Path) -> DataDir:
    """Create the folder, readable by its owner only, when it does not exist.

    Raises:
        DevError: It cannot be created or written.
    """
    root = path.expanduser().resolve()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise DevError(
            f"cannot write the data dir {root}: {error.strerror}. Choose another with --data-dir."
        ) from error
    opened = DataDir(root)
    opened.logs.mkdir(exist_ok=True)
    return opened


@contextmanager
def locked(data_dir: DataDir) -> Iterator[int]:
    """Hold the data dir for this process; yields the lock's file descriptor.

    A process that inherits the descriptor goes on holding the lock. Broker and database do, so that the next
    start after a kill -9 waits until they have ended.

    Raises:
        DevError: Another process holds it, or what an earlier one left behind does not end.
    """
    descriptor = os.open(data_dir.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, data_dir.root)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, root: Path) -> None:
    deadline = time.monotonic() + ORPHANS_END_WITHIN_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode()
            if holder.isdigit() and is_running(int(holder)):
                raise DevError(
                    f"the data dir {root} is in use by process {holder}. "
                    "Stop that `aob dev` first, or choose another --data-dir."
                ) from None
            if time.monotonic() > deadline:
                raise DevError(
                    f"the data dir {root} is held by a broker or a database that an earlier `aob dev` "
                    f"left behind. End it first: fuser {root / 'lock'} names it."
                ) from None
            time.sleep(0.05)
        else:
            return


def write_private(path: Path, content: bytes) -> None:
    """Replace a file's content in one step, readable by its owner only; a reader never sees half of it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
