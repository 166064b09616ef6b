"""Virtual services as the checker worker may report them, for the tests of whatever shows them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from havip.balancing import BalancerReport, Counts, ServerReport, ServiceReport
from havip.config.balancing import (
    Block,
    Forwarding,
    Mark,
    Method,
    RealServer,
    ServiceGroup,
    SorryServer,
    Transport,
    VirtualService,
)
from havip.config.model import Configuration

NOW = 1_700_000_000.0

WEB1 = ServerReport(
    "web1",
    "10.0.0.7",
    80,
    "UP",
    NOW - 7_380,
    "every check is good",
    weight=10,
    configured=10,
    present=True,
    method="nat",
    active=12,
    inactive=340,
    counts=Counts(1_234_567, 2_000_000, 3_000_000, 4_500_000_000, 98_765, 12, 340, 560, 7_800, 90),
    checks=("web/web1/tcp", "disk"),
)
WEB2 = replace(
    WEB1,
    name="web2",
    address="10.0.0.8",
    state="DOWN",
    since=NOW - 192,
    why="check web/web2/tcp: connection refused",
    weight=0,
    present=False,
    active=0,
    inactive=0,
    counts=Counts(),
    checks=("web/web2/tcp", "disk"),
    failed=("web/web2/tcp",),
)
WEB3 = replace(
    WEB1,
    name="web3",
    address="10.0.0.9",
    state="DRAINING",
    since=NOW - 5,
    why="waits for its last connection",
    weight=0,
    order="drain",
    active=3,
    inactive=1,
    counts=Counts(7, 8, 9, 10, 11),
    checks=(),
)
SORRY = replace(
    WEB2,
    name="sorry",
    address="10.0.0.99",
    state="UP",
    why="",
    configured=1,
    sorry=True,
    checks=(),
    failed=(),
)
WEB = ServiceReport(
    "web",
    ("tcp 192.0.2.1:80",),
    "wlc",
    "UP",
    NOW - 7_380,
    "weight 10 of its servers is alive",
    alive=10,
    quorum=1,
    sorry=False,
    suspended=False,
    repaired=2,
    counts=Counts(1_234_574, 2_000_008, 3_000_009, 4_500_000_010, 98_776, 12, 340, 560, 7_800, 90),
    servers=(WEB1, WEB2, WEB3, SORRY),
)
DNS = ServiceReport(
    "dns",
    ("udp [2001:db8::1]:53", "fwmark 7 (IPv6)"),
    "sh",
    "DOWN",
    NOW - 60,
    "weight 0 of its servers is alive, the quorum is 2",
    alive=0,
    quorum=2,
    sorry=True,
    suspended=True,
    repaired=0,
    servers=(
        replace(
            WEB2,
            name="ns1",
            address="2001:db8::53",
            port=53,
            method="direct",
            state="UNKNOWN",
            why="waits for its first result",
            checks=("dns/ns1/dns",),
            failed=(),
        ),
    ),
)
BALANCER = BalancerReport(
    version="1.2.1",
    foreign=("tcp 198.51.100.1:25",),
    sync=("master on eth0, id 51",),
    timeouts=(900, 120, 300),
    messages=42,
    refused=1,
    repaired=2,
)
NO_IPVS = BalancerReport(why="the kernel has no IPVS: modprobe ip_vs")


def real_server(name: str, address: str, **more: Any) -> RealServer:
    """Return a server as it may be configured."""
    return RealServer(name, ip_address(address), **more)


CONFIGURATION = Configuration(
    virtual_services=(
        VirtualService(
            "web",
            (
                real_server("web1", "10.0.0.7", weight=10, checks=("disk",)),
                real_server("web2", "10.0.0.8", weight=10, checks=("disk",)),
                real_server("web3", "10.0.0.9", weight=10),
            ),
            address=ip_address("192.0.2.1"),
            port=80,
            sorry_server=SorryServer(ip_address("10.0.0.99"), 80),
        ),
        VirtualService(
            "dns",
            (real_server("ns1", "2001:db8::53", weight=10),),
            group="resolvers",
            port=53,
            transport=Transport.UDP,
            scheduler="sh",
            forwarding=Forwarding(Method.DIRECT),
            quorum=2,
        ),
    ),
    service_groups=(
        ServiceGroup(
            "resolvers", (Block(ip_address("2001:db8::1"), ip_address("2001:db8::1")),), (Mark(7, 6),)
        ),
    ),
)
