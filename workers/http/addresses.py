"""Which addresses are public. What is not known to be, is not."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_V4_REFUSED = {
    "unspecified": ["0.0.0.0/8"],
    "private": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
    "shared (carrier-grade NAT)": ["100.64.0.0/10"],
    "loopback": ["127.0.0.0/8"],
    "link-local": ["169.254.0.0/16"],
    "reserved": ["192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"],
    "documentation": ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"],
    "multicast": ["224.0.0.0/4"],
    # Public by number, but inside Azure it answers as the host's own agent.
    "a cloud host's agent": ["168.63.129.16/32"],
}
_V4_NETWORKS = [(IPv4Network(text), why) for why, texts in _V4_REFUSED.items() for text in texts]

_V6_REFUSED = {
    "reserved": ["2001::/23", "2620:4f:8000::/48"],
    "documentation": ["2001:db8::/32", "3fff::/20"],
}
_V6_NETWORKS = [(IPv6Network(text), why) for why, texts in _V6_REFUSED.items() for text in texts]
_V6_GLOBAL = IPv6Network("2000::/3")
_V6_NAMED = [
    (IPv6Network("::1/128"), "loopback"),
    (IPv6Network("::/128"), "unspecified"),
    (IPv6Network("fc00::/7"), "private"),
    (IPv6Network("fe80::/10"), "link-local"),
    (IPv6Network("ff00::/8"), "multicast"),
]

_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_ISATAP = (0x00005EFE, 0x02005EFE)
_LOW_32 = 0xFFFFFFFF


def refusal(text: str) -> str | None:
    """Why an address (as text) is not public; None if it is."""
    try:
        address = ip_address(text)
    except ValueError:
        return "no address"
    if isinstance(address, IPv4Address):
        return _refusal_v4(address)
    embedded = _embedded(address)
    if embedded is not None:
        why = _refusal_v4(embedded)
        # An IPv4 address in IPv6 clothes reaches what the IPv4 address reaches. NAT64 alone is in real use.
        return (why and f"{why}, as {embedded} inside IPv6") or (
            None if address in _NAT64 else "IPv4 inside IPv6"
        )
    return _refusal_v6(address)


def _refusal_v4(address: IPv4Address) -> str | None:
    return next((why for network, why in _V4_NETWORKS if address in network), None)


def _refusal_v6(address: IPv6Address) -> str | None:
    if address not in _V6_GLOBAL:
        return next((why for network, why in _V6_NAMED if address in network), "reserved")
    return next((why for network, why in _V6_NETWORKS if address in network), None)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that this one stands for, if it does."""
    number = int(address)
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or (address in _COMPATIBLE and number > 1):
        return IPv4Address(number & _LOW_32)
    if address in _SIX_TO_FOUR:
        return IPv4Address(number >> 80 & _LOW_32)
    if (number >> 32) & _LOW_32 in _ISATAP:
        return IPv4Address(number & _LOW_32)
    return None
