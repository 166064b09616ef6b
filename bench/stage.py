"""The LANs that every measurement runs on, and the virtual routers that stand on them.

One switch per interface, two hosts.  No measurement; nothing here depends on the daemon under test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from bench.wire import Capture
from havip.clock import ZERO, Duration
from havip.config.model import Announcing, VirtualAddress, VirtualRouter
from lab.netns import Host, Network, Switch

ROUTERS_PER_LAN: Final = 250
PEER, DAEMON = 1, 2  # last byte of the hosts' addresses
#: no second burst of announcements: it would fall into some windows and not into others
ONE_BURST: Final = Announcing(delay=ZERO, lower_priority_delay=ZERO)


@dataclass(frozen=True, slots=True)
class Stage:
    """``peer`` and ``daemon`` share every LAN; ``eth0`` is on the first, ``eth1`` on the second..."""

    peer: Host
    daemon: Host
    lans: tuple[Switch, ...]

    def capture(self, lan: int = 0) -> Capture:
        """Listen to both hosts on one LAN."""
        ports = {f"{host.name}-eth{lan}": host.name for host in (self.peer, self.daemon)}
        return Capture(self.lans[lan], ports)

    def sources(self, number: int) -> dict[str, IPv4Address]:
        """Return the address of a host on each of its interfaces."""
        return {f"eth{lan}": IPv4Address(f"10.77.{lan}.{number}") for lan in range(len(self.lans))}


@contextmanager
def stage(lans: int = 1) -> Iterator[Stage]:
    """Build the LANs and remove them afterwards."""
    with Network("bench") as network:
        peer, daemon = network.host("peer"), network.host("dut")
        switches = tuple(network.switch(f"lan{lan}") for lan in range(lans))
        for lan, switch in enumerate(switches):
            for host, number in ((peer, PEER), (daemon, DAEMON)):
                network.plug(host, switch, f"eth{lan}", (f"10.77.{lan}.{number}/24",))
        yield Stage(peer, daemon, switches)


def lans_for(count: int) -> int:
    """Return how many LANs hold ``count`` virtual routers."""
    return -(-count // ROUTERS_PER_LAN)


def fleet(count: int, interval: Duration, priority: int) -> list[VirtualRouter]:
    """Return ``count`` virtual routers of one address each, up to 250 on an interface."""
    return [
        VirtualRouter(
            name=f"r{number}",
            interface=f"eth{number // ROUTERS_PER_LAN}",
            vrid=number % ROUTERS_PER_LAN + 1,
            addresses=(VirtualAddress(IPv4Address(f"10.78.{number // 250}.{number % 250 + 1}"), 32),),
            priority=priority,
            interval=interval,
            announce=ONE_BURST,
        )
        for number in range(count)
    ]
