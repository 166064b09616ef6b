"""The kernel settings that a virtual MAC needs, and how they are put back.  Pure.

A setting is named by its path below /proc/sys, its value is the kernel's text without the line's end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

IPV4: Final = "net/ipv4/conf"
IPV6: Final = "net/ipv6/conf"

Values: TypeAlias = Mapping[str, str]

#: On the parent.  Without the first it answers ARP for the addresses on its macvlans, with its own MAC
#: address.  Without the second its own ARP requests, for an answer from a virtual address to a client, name
#: that address as the sender's with its own MAC address: the client would leave the virtual one.
#: keepalived sets arp_filter too: then the parent is silent about its own address as soon as the route to
#: the client leads through the macvlan, as it does once the parent's address is renewed.
ON_PARENT: Final[Values] = {f"{IPV4}/{{}}/arp_ignore": "1", f"{IPV4}/{{}}/arp_announce": "2"}

#: On the interface with the virtual MAC address.  A client may live on this host, and the way back to a
#: client leads through the parent; of several addresses of one subnet each must outlive the others.
#: In BACKUP it must be silent: no address that the kernel makes up (both routers would have the same one), no
#: duplicate address detection, no router solicitation.
ON_DEVICE: Final[Values] = {
    f"{IPV4}/{{}}/arp_ignore": "1",
    f"{IPV4}/{{}}/arp_announce": "2",
    f"{IPV4}/{{}}/accept_local": "1",
    f"{IPV4}/{{}}/rp_filter": "0",
    f"{IPV4}/{{}}/promote_secondaries": "1",
    f"{IPV6}/{{}}/addr_gen_mode": "1",
    f"{IPV6}/{{}}/accept_dad": "0",
    f"{IPV6}/{{}}/accept_ra": "0",
    f"{IPV6}/{{}}/autoconf": "0",
    f"{IPV6}/{{}}/router_solicitations": "0",
}
#: What the device has in common with its parent: packets to a virtual MAC address come in through the device.
AS_PARENT: Final = (f"{IPV4}/{{}}/forwarding", f"{IPV6}/{{}}/forwarding")

RP_FILTER: Final = "rp_filter"
EVERYWHERE: Final = f"{IPV4}/all/{RP_FILTER}"


@dataclass(frozen=True, slots=True)
class Memory:
    """A setting that we changed: what it was, what we made of it."""

    original: str
    written: str


@dataclass(frozen=True, slots=True)
class SysctlPlan:
    """What to write, and what to remember once it is written."""

    writes: Values = field(default_factory=dict)
    memory: Mapping[str, Memory] = field(default_factory=dict)


def on_parents(parents: Iterable[str]) -> dict[str, str]:
    """Return what the parents of devices need."""
    return {path.format(parent): value for parent in parents for path, value in ON_PARENT.items()}


def on_device(name: str, parent: str, present: Values) -> dict[str, str]:
    """Return what a device needs; ``present`` holds the parent's settings of `AS_PARENT`."""
    alike = {
        path.format(name): present[path.format(parent)]
        for path in AS_PARENT
        if path.format(parent) in present
    }
    return {path.format(name): value for path, value in ON_DEVICE.items()} | alike


def loose_everywhere(present: Values, devices: Iterable[str], memory: Mapping[str, Memory]) -> dict[str, str]:
    """Return how every interface keeps its reverse path filter while none holds for all of them.

    The kernel takes the stricter of an interface's and of everybody's, so a device could never be without.
    ``present`` are the filters by interface, with ``all`` and ``default``.
    """
    known = memory.get(EVERYWHERE)
    strict = known.original if known is not None else present.get("all", "0")
    if strict == "0":
        return {}
    others = {
        f"{IPV4}/{interface}/{RP_FILTER}": stricter(value, strict)
        for interface, value in present.items()
        if interface != "all" and interface not in devices
    }
    # The interfaces first: there is no moment without a filter.
    return {**others, EVERYWHERE: "0"}


def stricter(one: str, other: str) -> str:
    """Return the reverse path filter that the kernel makes of two: the greater number."""
    return max(one, other, key=int)


def plan_sysctls(wanted: Values, present: Values, memory: Mapping[str, Memory]) -> SysctlPlan:
    """Return what to write so that ``wanted`` holds and what is not wanted any more is as it was.

    What is absent in ``present`` has gone with its interface.  What somebody else has changed since is his.
    """
    writes: dict[str, str] = {}
    kept: dict[str, Memory] = {}
    for path, known in memory.items():
        if path not in wanted and present.get(path) == known.written:
            writes[path] = known.original
    for path, value in wanted.items():
        now = present.get(path)
        if now is None:
            continue
        if now != value:
            writes[path] = value
            kept[path] = Memory(now, value)
        elif path in memory:
            kept[path] = memory[path]
    return SysctlPlan(writes, kept)
