"""`AllowList`: which addresses HTTP nodes may reach although they are not public."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network


@dataclass(frozen=True, slots=True)
class _Entry:
    """A host name or a network, with a port or any."""

    name: str | None
    network: IPv4Network | IPv6Network | None
    port: int | None

    def matches(self, host: str, address: str, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is None:
            return self.name == host.lower().rstrip(".")
        found = ip_address(address)
        return found.version == self.network.version and found in self.network


class AllowList:
    """Entries `HOST:PORT` with commas between; HOST is a name, an address or a network, PORT a number or `*`.

    `127.0.0.1:9000,localhost:*,[::1]:9000,10.0.0.0/8:443`. A name allows whatever it resolves to.
    ValueError for an entry that cannot be understood.
    """

    def __init__(self, text: str = "") -> None:
        self._entries = [_entry(part.strip()) for part in text.split(",") if part.strip()]

    def allows(self, host: str, address: str, port: int) -> bool:
        """Whether a connection to `address`, found for `host`, may be made."""
        return any(entry.matches(host, address, port) for entry in self._entries)


def _entry(text: str) -> _Entry:
    host, colon, port = text.rpartition(":")
    if not colon or not host or (":" in host and not host.startswith("[")):
        raise ValueError(f"{text!r} in AOB_HTTP_ALLOW is not HOST:PORT (an IPv6 address stands in brackets)")
    if port != "*" and not (port.isascii() and port.isdigit()):
        raise ValueError(f"{text!r} in AOB_HTTP_ALLOW has the port {port!r}: write a number or *")
    number = None if port == "*" else int(port)
    try:
        return _Entry(None, ip_network(host.replace("[", "").replace("]", "")), number)
    except ValueError:
        if "/" in host:
            raise ValueError(
                f"{text!r} in AOB_HTTP_ALLOW has a network with host bits or a bad mask"
            ) from None
        return _Entry(host.lower().rstrip("."), None, number)
