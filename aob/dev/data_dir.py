from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from aob.dev.errors import DevError

ORPHANS_END_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class DataDir:
    """Where the embedded stack keeps everything.

    Args:
        root: The folder itself, absolute.
        data: Where broker, database, state and blobs lie: `root`, or a folder below it that is emptied at each start
            when the broker forgets everything.
    """

    root: Path
    data: Path

    @property
    def kafka(self) -> Path:
        return self.data / "kafka"

    @property
    def postgres(self) -> Path:
        return self.data / "postgres"

    @property
    def state(self) -> Path:
        return self.data / "state"

    @property
    def cas(self) -> Path:
        return self.data / "cas"

    @property
    def cluster_file(self) -> Path:
        return self.data / "cluster.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def dev_json(self) -> Path:
        return self.root / "dev.json"

    @property
    def secrets_file(self) -> Path:
        return self.root / "secrets.json"

    @property
    def ports_file(self) -> Path:
        return self.root / "ports.json"

    @property
    def lock_file(self) -> Path:
        return self.root / "lock"


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
        raise DevError(f"cannot write the data dir {root}: {error.strerror}. Choose another with --data-dir.") from error
    opened = DataDir(root, root)
    opened.logs.mkdir(exist_ok=True)
    return opened


@contextmanager
def locked(data_dir: DataDir) -> Iterator[int]:
    """Hold the data dir for this process; yields the lock's file descriptor.

    A process that inherits the descriptor goes on holding the lock. Broker and database do, so that the next start
    after a kill -9 waits until they have ended.

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
            if holder.isdigit() and psutil.pid_exists(int(holder)):
                raise DevError(
                    f"the data dir {root} is in use by process {holder}. "
                    "Stop that `aob dev` first, or choose another --data-dir."
                ) from None
            if time.monotonic() > deadline:
                raise DevError(
                    f"the data dir {root} is held by a broker or database that an earlier `aob dev` left behind. "
                    f"End it first: fuser {root / 'lock'} names it."
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
