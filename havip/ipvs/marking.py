"""Which packets nftables marks so that the addresses of a group are one service in the kernel.  Pure.

A service for each of a thousand addresses costs the kernel a thousand schedulers and us a thousand messages
for each server that fails; with a mark it is one for each family.  The table is ours alone: it is made,
replaced and removed as a whole, in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from havip.config.balancing import UNSPECIFIED, ServiceGroup, VirtualService
from havip.config.cast import Address
from havip.config.model import Configuration

EVERY_PORT: Final = 0
#: Clients come through prerouting, those on this host through output.  The exact port has the last word.
CHAIN: Final = """\
  chain {name} {{
    type filter hook {name} priority {priority}; policy accept;
    meta mark set ip daddr . meta l4proto map @ipv4
    meta mark set ip6 daddr . meta l4proto map @ipv6
    meta mark set ip daddr . meta l4proto . th dport map @ipv4_port
    meta mark set ip6 daddr . meta l4proto . th dport map @ipv6_port
  }}
"""
CHAINS: Final = ("prerouting", "output")


@dataclass(frozen=True, slots=True)
class Marked:
    """Packets to some addresses, and the mark that they get."""

    protocol: str  # tcp, udp or sctp
    port: int  # `EVERY_PORT`: whatever it is
    first: Address
    last: Address
    mark: int

    def __str__(self) -> str:
        span = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.protocol} {span}{f' port {self.port}' if self.port else ''}"


@dataclass(frozen=True, slots=True)
class Marking:
    """All that is marked, at the place among others' chains that is wanted.

    Two are or-ed into what marks for both; where they disagree the second one is right.
    """

    marked: tuple[Marked, ...] = ()
    priority: int = -150

    def __bool__(self) -> bool:
        return bool(self.marked)

    def __or__(self, other: Marking) -> Marking:
        return Marking(tuple(merged((*self.marked, *other.marked))), other.priority)

    def at(self, priority: int) -> Marking:
        """Return the same at another place."""
        return Marking(self.marked, priority)


def marks_of(service: VirtualService, group: ServiceGroup | None) -> Iterator[Marked]:
    """Yield what is marked for one virtual service."""
    if service.nftables_mark is not None and group is not None:
        for block in group.addresses:
            port = block.port or service.port or EVERY_PORT
            yield Marked(service.transport.value, port, block.first, block.last, service.nftables_mark)


def marking(configuration: Configuration) -> Marking:
    """Return everything that a configuration has marked."""
    groups = {group.name: group for group in configuration.service_groups}
    every = [
        one
        for service in configuration.virtual_services
        for one in marks_of(service, groups.get(service.group))
    ]
    return Marking(tuple(merged(every)), configuration.load_balancer.nftables_priority)


def merged(marked: Iterable[Marked]) -> Iterator[Marked]:
    """Yield the same packets in spans that neither meet nor overlap, ordered: nft takes no other.

    Where two marks meet, the later one has what both claim.
    """
    by_kind: dict[tuple[int, str, int], list[Marked]] = {}
    for one in marked:
        by_kind.setdefault((one.first.version, one.protocol, one.port), []).append(one)
    for (version, protocol, port), spans in sorted(by_kind.items()):
        base = UNSPECIFIED[version]
        for start, end, mark in disjoint(spans):
            yield Marked(protocol, port, base + start, base + end, mark)


def disjoint(spans: list[Marked]) -> list[tuple[int, int, int]]:
    """Return (first, last, mark) of spans that do not meet, in order; a later span goes over earlier ones."""
    marks: dict[tuple[int, int], int] = {}
    for span in spans:
        place = int(span.first), int(span.last)
        marks.pop(place, None)
        marks[place] = span.mark
    ordered = sorted(marks)
    apart = all(before[1] < after[0] for before, after in pairwise(ordered))
    found = [(*place, marks[place]) for place in ordered] if apart else covered(marks)
    joined: list[tuple[int, int, int]] = []
    for low, high, mark in found:
        if joined and joined[-1][1] + 1 == low and joined[-1][2] == mark:
            joined[-1] = (joined[-1][0], high, mark)
        else:
            joined.append((low, high, mark))
    return joined


def covered(marks: dict[tuple[int, int], int]) -> list[tuple[int, int, int]]:
    """Return the same for spans that do overlap."""
    found: list[tuple[int, int, int]] = []
    for (start, end), new in marks.items():
        cut: list[tuple[int, int, int]] = []
        for low, high, mark in found:
            if high < start or low > end:
                cut.append((low, high, mark))
                continue
            if low < start:
                cut.append((low, start - 1, mark))
            if high > end:
                cut.append((end + 1, high, mark))
        found = [*cut, (start, end, new)]
    return sorted(found)


def table_of(instance: str) -> str:
    """Return the name of the instance's table, of family inet."""
    return f"havip_ipvs-{instance}" if instance else "havip_ipvs"


def script(table: str, wanted: Marking) -> str:
    """Return what `nft -f -` must read so that exactly ``wanted`` is marked; nothing: the table is gone."""
    clear = f"add table inet {table}\ndelete table inet {table}\n"
    if not wanted:
        return clear
    maps = "".join(
        declared(version, exact, [one for one in wanted.marked if fits(one, version, exact)])
        for version in (4, 6)
        for exact in (False, True)
    )
    chains = "".join(CHAIN.format(name=name, priority=wanted.priority) for name in CHAINS)
    return f"{clear}table inet {table} {{\n{maps}{chains}}}\n"


def fits(one: Marked, version: int, exact: bool) -> bool:
    """Say whether it belongs into the map of a family, of those with a port or without."""
    return one.first.version == version and (one.port != EVERY_PORT) == exact


def declared(version: int, exact: bool, marked: list[Marked]) -> str:
    """Return a map's declaration."""
    name = f"ipv{version}_port" if exact else f"ipv{version}"
    kind = f"ipv{version}_addr . inet_proto{' . inet_service' if exact else ''}"
    listed = ", ".join(element(one) for one in marked)
    elements = f" elements = {{ {listed} }};" if listed else ""
    return f"  map {name} {{ type {kind} : mark; flags interval;{elements} }}\n"


def element(one: Marked) -> str:
    """Return one element of a map."""
    span = str(one.first) if one.first == one.last else f"{one.first}-{one.last}"
    port = f" . {one.port}" if one.port else ""
    return f"{span} . {one.protocol}{port} : {one.mark}"
