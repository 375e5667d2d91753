from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

if TYPE_CHECKING:
    from aob.dev.process import Probe

HTTP_TIMEOUT_S = 1.0
HTTP_OK = 200


def http_ready(base_url: str) -> Probe:
    """Return a probe that asks `GET base_url/readyz` for a 200."""
    host, port = urlsplit(base_url).hostname or "", urlsplit(base_url).port

    def probe() -> str | None:
        connection = http.client.HTTPConnection(host, port, timeout=HTTP_TIMEOUT_S)
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            body = response.read(500).decode(errors="replace").strip()
        except (OSError, http.client.HTTPException) as error:
            return f"{base_url}/readyz: {error or type(error).__name__}"
        finally:
            connection.close()
        return None if response.status == HTTP_OK else f"{base_url}/readyz: {response.status} {body}"

    return probe


def kafka_ready(bootstrap: str) -> Probe:
    """Return a probe that asks the broker at `bootstrap` (HOST:PORT[,HOST:PORT]) for its metadata."""

    def probe() -> str | None:
        # Asked by TCP first: librdkafka would back off between attempts, a fresh connection does not.
        refusals = [refusal for address in bootstrap.split(",") if (refusal := _refusal(address))]
        if len(refusals) == len(bootstrap.split(",")):
            return "; ".join(refusals)
        try:
            metadata = cluster_metadata(bootstrap, timeout_s=1.5)
        except KafkaException as error:
            return f"{bootstrap}: {error.args[0].str()}"
        return None if metadata.brokers else f"{bootstrap}: no broker has registered yet"

    return probe


def cluster_metadata(bootstrap: str, timeout_s: float) -> ClusterMetadata:
    """Fetch brokers, topics and the cluster id.

    Raises:
        KafkaException: No broker answered within `timeout_s` seconds.
    """
    # Its log lines would go to stderr between those of the processes; the exception says the same.
    admin = AdminClient(
        {"bootstrap.servers": bootstrap, "log_level": 0, "socket.connection.setup.timeout.ms": 1500}
    )
    return admin.list_topics(timeout=timeout_s)


def _refusal(address: str) -> str | None:
    host, _, port = address.strip().rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1.0).close()
    except OSError as error:
        return f"{address}: {error}"
    except ValueError:
        return f"{address}: not HOST:PORT"
    return None
