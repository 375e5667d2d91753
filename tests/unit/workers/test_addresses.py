from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.http import AllowList
from workers.http.addresses import refusal

REFUSED = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254"),  # noqa: S104
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
    *("192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255"),
    *("240.0.0.1", "255.255.255.255", "168.63.129.16", "100.100.100.200"),
    *("::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1"),
    *("2001:db8::1", "3fff::1", "2001::1", "4000::1", "64:ff9b:1::1"),
    # IPv4 in IPv6 clothes: mapped, compatible, translated, 6to4, ISATAP.
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1"),
    *("64:ff9b::169.254.169.254", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1"),
    *("2606:4700::5efe:7f00:1", "2606:4700::200:5efe:10.0.0.1"),
    *("localhost", "", "1.2.3", "0x7f.0.0.1", "127.0.0.1/8"),
]

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
    "64:ff9b::8.8.8.8",
]


@pytest.mark.parametrize("text", REFUSED)
def test_not_public(text: str) -> None:
    assert refusal(text)


@pytest.mark.parametrize("text", PUBLIC)
def test_public(text: str) -> None:
    assert refusal(text) is None


@given(st.ip_addresses())
def test_nothing_is_public_that_python_calls_private(address: IPv4Address | IPv6Address) -> None:
    special = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    if special or address.is_unspecified or not address.is_global:
        assert refusal(str(address))


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "::{}", "64:ff9b::{}"]))
def test_what_is_refused_is_refused_in_any_clothes(address: IPv4Address, clothes: str) -> None:
    if refusal(str(address)) and int(address) > 1:
        assert refusal(str(ip_address(clothes.format(address))))


@pytest.mark.parametrize(
    ("host", "address", "port", "allowed"),
    [
        ("localhost", "127.0.0.1", 1, True),
        ("LOCALHOST.", "::1", 2, True),
        ("other", "127.0.0.1", 9000, True),
        ("other", "127.0.0.1", 9001, False),
        ("other", "127.0.0.2", 9000, False),
        ("x", "10.9.8.7", 443, True),
        ("x", "10.9.8.7", 80, False),
        ("x", "::1", 9000, True),
        ("x", "::2", 9000, False),
        ("localhost.evil.example", "127.0.0.1", 1, False),
    ],
)
def test_the_allow_list(host: str, address: str, port: int, allowed: bool) -> None:  # noqa: FBT001
    allow = AllowList("127.0.0.1:9000, localhost:*,10.0.0.0/8:443,[::1]:9000")
    assert allow.allows(host, address, port) is allowed


@pytest.mark.parametrize("text", ["localhost", "::1:80", "a:b", "10.0.0.1/8:*", ":80"])
def test_an_entry_that_cannot_be_understood(text: str) -> None:
    with pytest.raises(ValueError, match="AOB_HTTP_ALLOW"):
        AllowList(text)
