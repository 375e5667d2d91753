from __future__ import annotations

import base64
import shutil
import signal
import subprocess
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aob.dev.errors import DevError
from aob.dev.kafka_jars import KAFKA_VERSION, Java, class_archive_path, find_kafka_jars, kafka_jars
from aob.dev.ports import HOST, PortBook
from aob.dev.probes import kafka_ready
from aob.dev.process import ProcessSpec
from aob.dev.running import running

if TYPE_CHECKING:
    from collections.abc import Callable

# The serial collector: on a small heap its pauses are short, and it runs no threads beside the processes.
HEAP = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
)
# Quiet about a class-data archive that does not fit: the JVM then starts without it.
QUIET_JVM = ("-Xlog:disable", "-Djava.awt.headless=true")
FORMAT_TIMEOUT_S = 60

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=BROKER://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=BROKER://{host}:{port}
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={log_dir}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
offsets.retention.minutes=525600
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.retention.hours=168
# One member is the usual group; nobody waits for others to join.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A transaction whose owner was killed holds back readers until it is aborted: look often.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
# A cleaner of 128 MB is the default; the data here are small.
log.cleaner.dedupe.buffer.size=8388608
offsets.load.buffer.size=1048576
transaction.state.log.load.buffer.size=1048576
# After a kill -9 the controller holds the broker's old session to be alive for so long: 9 s by default.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
background.threads=2
group.coordinator.threads=1
share.coordinator.threads=1
num.recovery.threads.per.data.dir=2
"""

LOG4J2_PROPERTIES = """\
status=off
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
"""


def prepare_kafka(
    folder: Path, port: int, controller_port: int, java: Java, say: Callable[[str], None]
) -> ProcessSpec:
    """Make ready a KRaft broker with its data in `folder`, which is formatted when it is new.

    Args:
        folder: Data and configuration; created when missing.
        port: Port of its listener for clients, on the loopback interface only.
        controller_port: Port of its listener for itself.
        java: What runs it.
        say: Told when something takes long.

    Raises:
        DevError: Its jars cannot be had, or the folder was written by a newer Kafka or is damaged.
    """
    jars = find_kafka_jars() or prepared_jars(java, say)
    spec = _prepare_folder(folder, port, controller_port, java, jars)
    archive = class_archive_path(java)
    # The class path of the archive and of the JVM must be the same text.
    return (
        replace(spec, argv=_with_archive(spec.argv, f"-XX:SharedArchiveFile={archive}"))
        if archive.exists()
        else spec
    )


def prepared_jars(java: Java, say: Callable[[str], None]) -> tuple[Path, ...]:
    """Return the jars, fetched when missing, with the class-data archive that halves a start.

    Raises:
        DevError: The jars cannot be had, or the broker does not run.
    """
    jars = kafka_jars(say)
    if not class_archive_path(java).exists():
        say("preparing Kafka for quick starts (10 s, once)")
        make_class_archive(java, jars)
    return jars


def make_class_archive(java: Java, jars: tuple[Path, ...]) -> None:
    """Run a broker once on a folder of its own and keep the classes it loaded as this Java's archive.

    Raises:
        DevError: The broker does not run.
    """
    archive = class_archive_path(java)
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".archive-") as temporary:
        folder, made = Path(temporary), Path(temporary) / archive.name
        ports = PortBook(folder / "ports.json")
        spec = _prepare_folder(folder, ports.allot("kafka"), ports.allot("controller"), java, jars)
        argv = _with_archive(spec.argv, f"-XX:ArchiveClassesAtExit={made}")
        # The JVM writes the archive between the signal and its end.
        with running(replace(spec, argv=argv, stop_after_s=60.0), folder / "kafka.log"):
            pass
        if made.exists():
            made.rename(archive)


def _prepare_folder(
    folder: Path, port: int, controller_port: int, java: Java, jars: tuple[Path, ...]
) -> ProcessSpec:
    folder.mkdir(parents=True, exist_ok=True)
    _check_version(folder)
    (folder / "log4j2.properties").write_text(LOG4J2_PROPERTIES)
    ports = {"host": HOST, "port": port, "controller_port": controller_port}
    (folder / "server.properties").write_text(SERVER_PROPERTIES.format(log_dir="log", **ports))
    jvm = (
        java.path,
        *QUIET_JVM,
        "-cp",
        ":".join(map(str, jars)),
        "-Dlog4j2.configurationFile=log4j2.properties",
    )
    if not (folder / "log").exists():
        (folder / "format.properties").write_text(SERVER_PROPERTIES.format(log_dir="log.new", **ports))
        _format(jvm, folder)
    if not (folder / "log" / "meta.properties").exists():
        raise DevError(
            f"{folder / 'log'} holds no data of Kafka (meta.properties is missing). Choose another data dir."
        )
    (folder / "version").write_text(KAFKA_VERSION)
    return ProcessSpec(
        name="kafka",
        argv=(*jvm, *HEAP, "kafka.Kafka", "server.properties"),
        cwd=folder,
        probe=kafka_ready(f"{HOST}:{port}"),
        essential=True,
        on_console=False,
        # It closes its log in half a second, so that the next start has nothing to recover.
        orphan_signal=signal.SIGTERM,
    )


def _with_archive(argv: tuple[str, ...], option: str) -> tuple[str, ...]:
    return (argv[0], option, *argv[1:])


def _check_version(folder: Path) -> None:
    marker = folder / "version"
    written = marker.read_text().strip() if marker.exists() else KAFKA_VERSION
    if tuple(map(int, written.split("."))) > tuple(map(int, KAFKA_VERSION.split("."))):
        raise DevError(
            f"{folder} was written by Kafka {written}, which is newer than the {KAFKA_VERSION} of this aob. "
            "Use the newer aob, or another --data-dir."
        )


def _cluster_id() -> str:
    # As Kafka's own ids: one that began with a dash would be read as an option.
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return made


def _format(jvm: tuple[str, ...], folder: Path) -> None:
    shutil.rmtree(folder / "log.new", ignore_errors=True)
    cluster_id = _cluster_id()
    tool = ("-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format")
    command = (*jvm, *tool, "--cluster-id", cluster_id, "--config", "format.properties")
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=FORMAT_TIMEOUT_S
    )
    if done.returncode != 0:
        raise DevError(f"Kafka's storage could not be formatted:\n{(done.stdout + done.stderr)[-2000:]}")
    # One rename: a folder that exists is formatted whole.
    (folder / "log.new").rename(folder / "log")
