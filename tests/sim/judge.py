"""What a test demands of a simulated LAN beyond the rules that `watch` holds at every instant.

Each demand raises a `Violation` under a rule's name, with the timeline.
"""

from __future__ import annotations

from havip.clock import ZERO, Duration, Instant
from tests.sim.host import Host
from tests.sim.lan import Lan


def only_master(lan: Lan, *hosts: Host) -> None:
    """Demand that these hosts, and no others, are master now."""
    wanted = tuple(host.name for host in hosts)
    found = lan.watch.masters()
    if found != wanted:
        raise lan.watch.broken("the right master", f"{found} instead of {wanted}")


def clients_reach(lan: Lan, host: Host) -> None:
    """Demand that every client on the LAN sends what is for the virtual addresses to ``host``."""
    for name, neighbour in lan.neighbours.items():
        for address in host.addresses:
            believed = neighbour.cache.get(address)
            if believed != host.mac:
                who = next((other.name for other in lan.hosts.values() if other.mac == believed), "nobody")
                raise lan.watch.broken(
                    "clients reach the master", f"the client beside {name} sends to {who}, not to {host.name}"
                )


def never_two(lan: Lan, start: Instant, end: Instant, longer_than: Duration = ZERO) -> None:
    """Demand that from ``start`` to ``end`` there were never two masters for ``longer_than``."""
    longest = lan.watch.longest(start, end, masters=2)
    if longest > longer_than:
        raise lan.watch.broken("never two masters", f"two for {longest / 1e9:.6f}s")


def never_none(lan: Lan, start: Instant, end: Instant, longer_than: Duration = ZERO) -> None:
    """Demand that from ``start`` to ``end`` there was never no master for ``longer_than``."""
    longest = lan.watch.longest(start, end, masters=0)
    if longest > longer_than:
        raise lan.watch.broken("a master in time", f"none for {longest / 1e9:.6f}s")


def unchanged(lan: Lan, start: Instant, host: Host) -> None:
    """Demand that since ``start`` this host was the one master, and nobody became it even for an instant."""
    reigns = [reign.masters for reign in lan.watch.reigns(start, lan.now)]
    if reigns != [(host.name,)]:
        raise lan.watch.broken("no needless change", f"{reigns} instead of {host.name} throughout")
    takeovers = lan.watch.takeovers_since(start)
    if takeovers:
        raise lan.watch.broken("no needless change", f"{takeovers} became master in passing")
