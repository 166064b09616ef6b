"""`havip.netlink.routes` and `rules`: bytes by hand, what pyroute2 reads in them, and malformed ones."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.marshal import MarshalRtnl

from havip.clock import milliseconds
from havip.config.routing import Lockable, NextHop, Prefix, RouteType, VirtualRoute, VirtualRule
from havip.netlink import routes, rules
from havip.netlink.codec import Malformed
from havip.netlink.routes import RouteKey

TEN = Prefix(ip_address("10.1.0.0"), 16)


def index(name: str) -> int:
    """Return the number of an interface of these tests."""
    return {"eth0": 2, "eth1": 3}[name]


def read_by_pyroute2(message: bytes) -> Any:
    (read,) = MarshalRtnl().parse(message)
    return read


def test_a_route_to_a_gateway_is_these_bytes() -> None:
    route = VirtualRoute(TEN, via=ip_address("192.0.2.9"), device="eth0", metric=7)
    assert routes.add_route(0x11223344, route, index, 112) == bytes.fromhex(
        "44000000 1800 0106 44332211 00000000"  # 68 bytes, RTM_NEWROUTE, REQUEST|EXCL|CREATE
        "02 10 00 00 fe 70 00 01 00000000"  # IPv4, /16, table 254, protocol 112, universe, unicast
        "0800 0f00 fe000000"  # RTA_TABLE
        "0800 0100 0a010000"  # RTA_DST
        "0800 0600 07000000"  # RTA_PRIORITY
        "0800 0500 c0000209"  # RTA_GATEWAY
        "0800 0400 02000000"  # RTA_OIF
    )


def test_the_removal_of_a_route_names_what_identifies_it_and_whose_it_is() -> None:
    key = RouteKey(2, 70000, ip_address("10.1.0.0").packed, 16, 0, 7)
    assert routes.delete_route(1, key, 112) == bytes.fromhex(
        "34000000 1900 0100 01000000 00000000"  # 52 bytes, RTM_DELROUTE, REQUEST
        "02 10 00 00 fc 70 ff 00 00000000"  # table 252: see the attribute; scope nowhere, any type
        "0800 0f00 70110100"
        "0800 0100 0a010000"
        "0800 0600 07000000"
    )


def test_a_rule_is_these_bytes() -> None:
    rule = VirtualRule(1000, source=Prefix(ip_address("192.0.2.0"), 24), table=100)
    assert rules.add_rule(1, rule, 112) == bytes.fromhex(
        "3c000000 2000 0106 01000000 00000000"  # 60 bytes, RTM_NEWRULE, REQUEST|EXCL|CREATE
        "02 00 18 00 64 0000 01 00000000"  # IPv4, from /24, table 100, to a table
        "0800 0600 e8030000"  # FRA_PRIORITY
        "0800 0f00 64000000"  # FRA_TABLE
        "0500 1500 70 000000"  # FRA_PROTOCOL
        "0800 0200 c0000200"  # FRA_SRC
    )


def test_metrics_are_counted_as_the_kernel_counts_them() -> None:
    route = VirtualRoute(
        TEN,
        device="eth0",
        rtt=milliseconds(20),
        rttvar=milliseconds(5),
        rto_min=milliseconds(50),
        fastopen_no_cookie=True,
        quickack=False,
        mtu=1400,
        lock=(Lockable.MTU, Lockable.RTT),
    )
    message = routes.add_route(1, route, index, 112)
    assert bytes.fromhex("0800 1100 01000000") in message  # RTAX_FASTOPEN_NO_COOKIE
    metrics = dict(read_by_pyroute2(message).get_attr("RTA_METRICS")["attrs"])
    metrics.pop("UNKNOWN")  # pyroute2 does not know it
    assert metrics == {
        "RTAX_LOCK": 1 << 2 | 1 << 4,
        "RTAX_MTU": 1400,
        "RTAX_RTT": 160,  # eighths of a millisecond
        "RTAX_RTTVAR": 20,  # quarters
        "RTAX_RTO_MIN": 50,
        "RTAX_QUICKACK": 0,
    }


def test_several_ways_are_what_pyroute2_reads() -> None:
    hops = (
        NextHop(ip_address("192.0.2.9"), "eth0", 3),
        NextHop(ip_address("192.0.2.8"), "eth1", onlink=True),
    )
    read = read_by_pyroute2(routes.add_route(1, VirtualRoute(TEN, next_hops=hops), index, 112))
    assert [
        (hop["oif"], hop["hops"], hop["flags"], hop.get_attr("RTA_GATEWAY"))
        for hop in read.get_attr("RTA_MULTIPATH")
    ] == [(2, 2, 0, "192.0.2.9"), (3, 0, 4, "192.0.2.8")]


def test_a_gateway_of_the_other_family_is_told_in_its_own_way() -> None:
    read = read_by_pyroute2(
        routes.add_route(1, VirtualRoute(TEN, via=ip_address("fe80::9"), device="eth0"), index, 112)
    )
    assert read.get_attr("RTA_VIA") == {"family": 10, "addr": "fe80::9"}
    assert read.get_attr("RTA_GATEWAY") is None


@pytest.mark.parametrize(
    ("options", "scope"),
    [
        ({"device": "eth0"}, 253),
        ({"via": ip_address("192.0.2.9")}, 0),
        ({"device": "eth0", "scope": 200}, 200),
        ({"device": "eth0", "type": RouteType.LOCAL}, 254),
        ({"type": RouteType.BLACKHOLE}, 0),
    ],
)
def test_a_route_reaches_as_far_as_ip_would_have_it(options: dict[str, Any], scope: int) -> None:
    assert read_by_pyroute2(routes.add_route(1, VirtualRoute(TEN, **options), index, 112))["scope"] == scope


def test_an_ipv6_route_has_the_kernels_metric_unless_told_otherwise() -> None:
    network = Prefix(ip_address("2001:db8::"), 32)
    for metric, expected in ((0, 1024), (5, 5)):
        body = routes.route_body(VirtualRoute(network, device="eth0", metric=metric), index, 112)
        route = routes.parse_route(body)
        assert route is not None
        assert route.key.metric == expected


def test_an_entry_of_a_cache_is_no_route() -> None:
    body = struct.pack("=BBBBBBBBI", 10, 128, 0, 0, 254, 112, 0, 1, 0x200)
    assert routes.parse_route(body) is None


def test_other_families_are_nothing_to_us() -> None:
    assert routes.parse_route(struct.pack("=BBBBBBBBI", 28, 20, 0, 0, 254, 112, 0, 1, 0)) is None
    assert rules.parse_rule(struct.pack("=BBBBB2xBI", 128, 0, 0, 0, 254, 1, 0)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"\x02",
        struct.pack("=BBBBBBBBI", 2, 16, 0, 0, 254, 112, 0, 1, 0) + b"\x08\x00\x01",
        struct.pack("=BBBBBBBBI", 2, 33, 0, 0, 254, 112, 0, 1, 0),
        struct.pack("=BBBBBBBBI", 2, 16, 0, 0, 254, 112, 0, 1, 0) + struct.pack("=HH16s", 20, 1, bytes(16)),
    ],
)
def test_bytes_that_no_kernel_sends_are_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        routes.parse_route(body)


@given(st.binary(max_size=80))
def test_whatever_the_bytes_are_parsing_ends_in_a_value_or_malformed(body: bytes) -> None:
    for parse in (routes.parse_route, rules.parse_rule):
        for family in (b"\x02", b"\x0a"):
            try:
                parse(family + body)
            except Malformed:
                continue


def test_a_message_about_somebody_elses_route_is_told_by_a_look_at_two_numbers() -> None:
    theirs = struct.pack("=BBBBBBBBI", 2, 16, 0, 0, 254, 186, 0, 1, 0)
    assert not routes.may_concern(0x600, theirs, 112)
    assert routes.may_concern(0x100, theirs, 112)  # it may have taken the place of ours
    assert routes.may_concern(0x600, theirs[:5] + b"\x70" + theirs[6:], 112)
