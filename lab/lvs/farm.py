"""The hosts of the load balancer's stage, cabled and configured as an operator would do it.

Owns what lies outside of the load balancer: networks, tunnels' ends, the servers' virtual addresses and who
may answer for them.  Must never touch an IPVS table.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from lab.lvs.plan import (
    CLIENT,
    DIRECTORS,
    FAMILIES,
    GATEWAY,
    GUE_PORT,
    INSIDE,
    INSIDE_NETWORK,
    LINK_LOCAL,
    OUTSIDE,
    SERVERS,
    WAYS,
    bare,
    both,
)
from lab.netns import Host, Network, Switch, members

#: a table of the servers: answers of their inside addresses go by the gateway, whoever asked
BY_GATEWAY: Final = "100"
#: devices in which tunnels end; each is there in every namespace once its module is
TUNNELS: Final = ("tunl0", "ip6tnl0", "gre0", "ip6gre0")


class Farm:
    """Directors, servers and a client in ``net``."""

    def __init__(self, net: Network, servers: Iterable[str] = ("w1", "w2")) -> None:
        self.net = net
        self.outside: Switch = net.switch("out")
        self.inside: Switch = net.switch("in")
        self.client = net.host("client")
        net.plug(self.client, self.outside, addresses=both(OUTSIDE, CLIENT))
        self.directors = {name: self._director(name) for name in DIRECTORS}
        self.servers = {name: self._server(name) for name in servers}

    def _on_both(self, name: str, number: int) -> Host:
        host = self.net.host(name)
        self.net.plug(host, self.outside, "eth0", both(OUTSIDE, number))
        self.net.plug(host, self.inside, "eth1", both(INSIDE, number))
        return host

    def _director(self, name: str) -> Host:
        host = self._on_both(name, DIRECTORS[name])
        for key in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            host.sysctl(f"net/{key}", 1)
        # A client's port that is used again must not lead to a server that has gone.
        host.sysctl("net/ipv4/vs/expire_nodest_conn", 1)
        for interface in ("all", "eth0", "eth1"):
            host.sysctl(f"net/ipv4/conf/{interface}/rp_filter", 0)
            host.sysctl(f"net/ipv4/conf/{interface}/send_redirects", 0)  # servers and client share a LAN
        return host

    def _server(self, name: str) -> Host:
        """Make a server that accepts what is sent to virtual addresses, and answers no ARP for them."""
        host = self._on_both(name, SERVERS[name])
        for interface in ("all", "default", "eth0", "eth1", "tunl0", "gre0"):
            host.sysctl(
                f"net/ipv4/conf/{interface}/rp_filter", 0
            )  # a tunnel's end has no route to the client
        host.sysctl("net/ipv4/conf/all/arp_ignore", 1)
        host.sysctl("net/ipv4/conf/all/arp_announce", 2)
        for family in FAMILIES:
            accepted = [way.address for way in WAYS if way.family == family and way.forwarding != "-m"]
            batch(
                host,
                *(f"addr add {address} dev lo" for address in accepted),
                f"route add default via {bare(INSIDE[family].format(GATEWAY))} table {BY_GATEWAY}",
                f"rule add from {INSIDE_NETWORK[family]} lookup {BY_GATEWAY}",
                family=family,
            )
        batch(host, *(f"link set {tunnel} up" for tunnel in TUNNELS))
        host.run("ip", "fou", "add", "port", str(GUE_PORT), "gue")
        host.run("ip", "fou", "add", "port", str(GUE_PORT), "gue", "-6")
        return host


def lose_power(host: Host) -> None:
    """Have a director die: not a word from it, and none of its processes lives."""
    host.network.cut(host)
    pids = members(host.namespace)
    for number in (signal.SIGSTOP, signal.SIGKILL):  # none may notice that another is gone
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def boot(host: Host) -> None:
    """Bring a dead director back as a machine that boots: with its own addresses and an empty table."""
    host.run("ipvsadm", "-C")
    for role in ("master", "backup"):
        host.run("ipvsadm", "--stop-daemon", role, check=False)
    for interface, network in (("eth0", OUTSIDE), ("eth1", INSIDE)):
        batch(
            host,
            f"addr flush dev {interface} scope global",
            *(f"addr add {address} dev {interface}" for address in both(network, DIRECTORS[host.name])),
        )
        host.run("ip", "addr", "del", LINK_LOCAL[interface], "dev", interface, check=False)
    host.network.mend(host)


def hold(host: Host, addresses: Iterable[str]) -> None:
    """Give a director addresses by hand, where no daemon does."""
    for address in addresses:
        inside = address.startswith(("10.88.", "fd88:"))
        # Deprecated: else a tunnel would come from there, and a server with that address on lo drops it.
        deprecated = "preferred_lft 0" if ":" in address else ""
        batch(host, f"addr add {address} dev {'eth1' if inside else 'eth0'} {deprecated}")


def batch(host: Host, *lines: str, family: int | None = None) -> None:
    """Run several lines of ``ip`` at once, which is cheaper than one after the other."""
    option = (f"-{family}",) if family else ()
    with tempfile.NamedTemporaryFile("w", suffix=".ip") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        host.run("ip", *option, "-batch", os.fspath(file.name))
