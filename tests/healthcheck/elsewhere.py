"""What tests of the way of probes share: a client with two uplinks, routers, and a server behind them.

The client sends through eth0 unless a rule says otherwise.  The server has 198.51.100.10 and 2001:db8:99::10;
each router answers for what lies behind it with errors where a test wants them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from lab.netns import Host, Network

SERVER, SERVER6 = "198.51.100.10", "2001:db8:99::10"
FIRST, SECOND = "10.71.0.2", "10.72.0.2"  # the client's address on each uplink
FIRST_ROUTER = "10.71.0.1"
UNREACHABLE = "203.0.113.1"  # the first router says so
PROHIBITED = "203.0.113.129"  # the same, by order of its administrator
MARK = 7
REFUSALS = (
    "table ip refusals { chain forward { type filter hook forward priority 0;"
    f" ip daddr {UNREACHABLE} reject with icmp type host-unreachable;"
    f" ip daddr {PROHIBITED} reject with icmp type admin-prohibited; }}; }}"
)


@dataclass(frozen=True)
class Ways:
    """The hosts."""

    client: Host
    server: Host
    second: Host  # the router of the second uplink


@contextlib.contextmanager
def two_ways() -> Iterator[Ways]:
    """Build the network; it is gone afterwards."""
    with Network("hvw") as net:
        client, server, routers = net.host("client"), net.host("server"), [net.host("r1"), net.host("r2")]
        behind = net.switch("behind")
        net.plug(server, behind, addresses=(f"{SERVER}/24", f"{SERVER6}/64"))
        for number in (1, 2):
            uplink, router = net.switch(f"up{number}"), routers[number - 1]
            net.plug(router, uplink, addresses=(f"10.7{number}.0.1/24", f"2001:db8:{number}::1/64"))
            net.plug(
                router, behind, "eth1", addresses=(f"198.51.100.{number}/24", f"2001:db8:99::{number}/64")
            )
            net.plug(client, uplink, f"eth{number - 1}", (f"10.7{number}.0.2/24", f"2001:db8:{number}::2/64"))
            router.sysctl("net.ipv4.icmp_ratelimit", 0)  # errors for every test, not one a second
            router.sysctl("net.ipv4.ip_forward", 1)
            router.sysctl("net.ipv6.conf.all.forwarding", 1)
            # not by routes of the types unreachable and prohibit: their errors are bounded to one a second
            router.run("ip", "route", "add", "203.0.113.0/24", "via", SERVER)
            router.run("nft", REFUSALS)
            server.run("ip", "route", "add", f"10.7{number}.0.0/24", "via", f"198.51.100.{number}")
            server.run("ip", "-6", "route", "add", f"2001:db8:{number}::/64", "via", f"2001:db8:99::{number}")
            table = ("table", str(100 + number))
            for way in (("default", *table), ("default", "metric", str(number))):
                client.run("ip", "route", "add", *way, "via", f"10.7{number}.0.1")
                client.run("ip", "-6", "route", "add", *way, "via", f"2001:db8:{number}::1")
        for family in ("-4", "-6"):
            client.run("ip", family, "rule", "add", "fwmark", str(MARK), "table", "102")
        client.run("ip", "rule", "add", "from", SECOND, "table", "102")
        yield Ways(client, server, routers[1])
