from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from aob.dev.errors import DevError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KAFKA_VERSION = "4.3.0"
MIN_JAVA = 17
MAVEN_TIMEOUT_S = 300
INSTALL_JAVA = "On Debian and Ubuntu: apt install default-jre-headless."
INSTALL_MAVEN = "On Debian and Ubuntu: apt install maven."


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that was found.

    Args:
        path: Its executable.
        version: Feature version, such as 17.
        build: What `java -version` prints: tells one build from another.
    """

    path: str
    version: int
    build: str


def find_java() -> Java | None:
    """Return the Java of JAVA_HOME or PATH, of whatever version; None when there is none that runs."""
    home = os.environ.get("JAVA_HOME")
    path = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    path = path or shutil.which("java")
    if path is None:
        return None
    shown = subprocess.run([path, "-version"], capture_output=True, text=True, check=False, timeout=20)
    version = re.search(r'version "(\d+)', shown.stderr)
    # macOS has a java that only says where to get one.
    return Java(path, int(version.group(1)), shown.stderr) if shown.returncode == 0 and version else None


def cache_dir() -> Path:
    """Return the folder of this Kafka version: below AOB_CACHE_DIR, else below the user's cache."""
    chosen = os.environ.get("AOB_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser().resolve() / f"kafka-{KAFKA_VERSION}"
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return base / "aob" / f"kafka-{KAFKA_VERSION}"


def class_archive_path(java: Java) -> Path:
    """Return where the class-data archive for this build of Java lies, which other builds refuse."""
    return cache_dir() / f"classes-{hashlib.sha256(java.build.encode()).hexdigest()[:12]}.jsa"


def find_kafka_jars() -> tuple[Path, ...]:
    """Return the jars of the cache in a fixed order, () when they were not fetched yet.

    The class-data archive is valid for one exact class path, so the order counts.
    """
    return tuple(sorted((cache_dir() / "lib").glob("*.jar")))


def kafka_jars(say: Callable[[str], None]) -> tuple[Path, ...]:
    """Return the jars of the broker; Maven fetches them when they are missing.

    Args:
        say: Told when something takes long.

    Raises:
        DevError: They are missing and Maven is missing or fails.
    """
    if jars := find_kafka_jars():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise DevError(
            f"Kafka {KAFKA_VERSION} is not in {cache_dir()} and Maven, which fetches it, is not installed. "
            f"{INSTALL_MAVEN} Or name a running broker: --broker HOST:PORT or AOB_KAFKA_BOOTSTRAP."
        )
    with _exclusive(cache_dir()):
        # Another process may have fetched them meanwhile.
        if not find_kafka_jars():
            say(f"fetching Kafka {KAFKA_VERSION} by Maven (54 MB, once)")
            _fetch(maven, cache_dir())
    return find_kafka_jars()


def _fetch(maven: str, cache: Path) -> None:
    with (
        tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as temporary,
        resources.as_file(resources.files("aob.dev") / "kafka-pom.xml") as pom,
    ):
        lib = Path(temporary) / "lib"
        command = [
            maven,
            "-q",
            "-B",
            "-f",
            str(pom),
            "dependency:copy-dependencies",
            f"-DoutputDirectory={lib}",
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=MAVEN_TIMEOUT_S
            )
        except subprocess.TimeoutExpired as error:
            raise DevError(
                f"Maven did not fetch Kafka within {MAVEN_TIMEOUT_S} s. Is the network up?"
            ) from error
        if done.returncode != 0 or not any(lib.glob("kafka_2.13-*.jar")):
            lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("[ERROR]")]
            raise DevError("Maven could not fetch Kafka:\n" + "\n".join(lines[:5]))
        # One rename: a folder that exists is complete.
        lib.rename(cache / "lib")


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise DevError(
            f"cannot write the cache {folder}: {error.strerror}. Set AOB_CACHE_DIR to another."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
