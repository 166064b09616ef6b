"""Who is who on the stage of the load balancer: names, networks and addresses.

Owns the constants, and the ways on which a request may come to a server.

    client -- outside -- d1, d2 -- inside -- w1, w2, w3
                 `------------------------------'

The servers stand on both LANs.  Masqueraded requests come to their inside address, and the answers go back by
the inside gateway that the active director holds.  What is routed directly or comes through a tunnel comes to
their outside address, and they answer the client themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

OUTSIDE: Final = {4: "10.77.0.{}/24", 6: "fd77::{}/64"}
INSIDE: Final = {4: "10.88.0.{}/24", 6: "fd88::{}/64"}
INSIDE_NETWORK: Final = {4: "10.88.0.0/24", 6: "fd88::/64"}
FAMILIES: Final = (4, 6)

DIRECTORS: Final = {"d1": 1, "d2": 2}  # name -> last part of its addresses
SERVERS: Final = {"w1": 11, "w2": 12, "w3": 13}
CLIENT: Final = 100
#: of the virtual routers for IPv6, by interface
LINK_LOCAL: Final = {"eth0": "fe80::77:fe/64", "eth1": "fe80::88:fe/64"}
GATEWAY: Final = 254  # of the inside: who answers there brings masqueraded answers back

HTTP: Final = 80
ECHO: Final = 7  # TCP: gives back what it gets; UDP: tells who answers
GUE_PORT: Final = 6080

#: what the guest's kernel must have
MODULES: Final = (
    *("af_packet", "ipv6", "veth", "bridge", "ip_vs"),
    *("ip_vs_rr", "ip_vs_wrr", "ip_vs_wlc", "ip_vs_sh", "ip_vs_mh"),
    *("ipip", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6"),
)


@dataclass(frozen=True, slots=True)
class Way:
    """How a request comes to a server."""

    name: str
    family: int
    host: int  # last part of the virtual address
    forwarding: str  # as ipvsadm has it: -m, -g, -i
    tunnel: str = ""  # ipip, gue, gre

    @property
    def address(self) -> str:
        """Return the virtual address."""
        return bare(OUTSIDE[self.family].format(self.host))

    def server(self, name: str) -> str:
        """Return the address of a server as this way has it."""
        network = INSIDE if self.forwarding == "-m" else OUTSIDE
        return bare(network[self.family].format(SERVERS[name]))

    @property
    def options(self) -> tuple[str, ...]:
        """Return what ipvsadm wants to be told of it."""
        if self.tunnel in ("", "ipip"):
            return (self.forwarding,)
        port = ("--tun-port", str(GUE_PORT)) if self.tunnel == "gue" else ()
        # IPv6 has no datagram without a checksum, unless its receiver was told to take them.
        checksum = ("--tun-csum",) if self.tunnel == "gue" and self.family == 6 else ()
        return (self.forwarding, "--tun-type", self.tunnel, *port, *checksum)


NAT: Final = Way("nat", 4, 201, "-m")
DIRECT: Final = Way("direct", 4, 202, "-g")
IPIP: Final = Way("ipip", 4, 203, "-i", "ipip")
GUE: Final = Way("gue", 4, 204, "-i", "gue")
GRE: Final = Way("gre", 4, 205, "-i", "gre")
NAT6: Final = Way("nat6", 6, 201, "-m")
DIRECT6: Final = Way("direct6", 6, 202, "-g")
IPIP6: Final = Way("ipip6", 6, 203, "-i", "ipip")
GUE6: Final = Way("gue6", 6, 204, "-i", "gue")
GRE6: Final = Way("gre6", 6, 205, "-i", "gre")
WAYS: Final = (NAT, DIRECT, IPIP, GUE, GRE, NAT6, DIRECT6, IPIP6, GUE6, GRE6)


def bare(address: str) -> str:
    """Return an address without its prefix length, as the kernel spells it."""
    return str(ip_address(address.partition("/")[0]))


def both(network: dict[int, str], host: int) -> tuple[str, ...]:
    """Return a host's addresses on a network, IPv4 and IPv6, with prefix lengths."""
    return tuple(network[family].format(host) for family in FAMILIES)


def place(address: str, port: int) -> str:
    """Return address and port in one."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
