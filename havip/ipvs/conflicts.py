"""What of the virtual services cannot be in one kernel together.  Pure: for the checks at load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

from havip.config.balancing import ServiceGroup, VirtualService
from havip.ipvs.marking import Marked, marks_of
from havip.ipvs.model import DestinationKey, ServiceKey
from havip.ipvs.wanted import destination_key, endpoints

#: each virtual service with the group that it names
Pairs = Iterable[tuple[VirtualService, ServiceGroup | None]]


def shared(pairs: Pairs) -> Iterator[tuple[str, str, str]]:
    """Yield (service, an earlier one, what both are in the kernel), the first thing of each such pair.

    Raises ValueError for a group of too many addresses.
    """
    owner: dict[ServiceKey, str] = {}
    told: set[tuple[str, str]] = set()
    marked: list[Claim] = []
    for number, (service, group) in enumerate(pairs):
        for key in endpoints(service, group):
            first = owner.setdefault(key, service.name)
            if first != service.name and (service.name, first) not in told:
                told.add((service.name, first))
                yield service.name, first, str(key)
        marked += [Claim(number, service.name, one) for one in marks_of(service, group)]
    for later, earlier in claimed_twice(marked):
        if (later.name, earlier.name) not in told:
            told.add((later.name, earlier.name))
            yield later.name, earlier.name, str(later.marked)


class Claim(NamedTuple):
    """Packets that one virtual service has marked."""

    number: int  # of the service, in the order of the file
    name: str
    marked: Marked

    @property
    def ends(self) -> tuple[int, int]:
        """Return the first and the last address as numbers."""
        return int(self.marked.first), int(self.marked.last)


def claimed_twice(claims: Iterable[Claim]) -> Iterator[tuple[Claim, Claim]]:
    """Yield (later, earlier) of two services that claim the same packets, in the order of the file."""
    by_kind: dict[tuple[str, int, int], list[Claim]] = {}
    for claim in claims:
        marked = claim.marked
        by_kind.setdefault((marked.protocol, marked.port, marked.first.version), []).append(claim)
    for same in by_kind.values():
        reaching: list[Claim] = []  # those that begin before the next one and may reach it
        for claim in sorted(same, key=lambda one: one.ends):
            first, _ = claim.ends
            reaching = [one for one in reaching if one.ends[1] >= first]
            for other in reaching:
                if other.number != claim.number:
                    earlier, later = sorted((claim, other), key=lambda one: one.number)
                    yield later, earlier
            reaching.append(claim)


def doubled(service: VirtualService, group: ServiceGroup | None = None) -> Iterator[tuple[str, str, str]]:
    """Yield (server, an earlier one, the address and port that both have behind some endpoint)."""
    told: set[tuple[str, str]] = set()
    ports = {key.port: key for key in endpoints(service, group)}
    for key in ports.values():
        owner: dict[DestinationKey, str] = {}
        for server in service.servers:
            place = destination_key(server, key)
            first = owner.setdefault(place, server.name)
            if first != server.name and (server.name, first) not in told:
                told.add((server.name, first))
                yield server.name, first, str(place)


def same_mark(services: Iterable[VirtualService]) -> Iterator[tuple[str, str, int]]:
    """Yield (service, an earlier one, the mark that nftables would set for both)."""
    marks = [(one.name, one.nftables_mark) for one in services if one.nftables_mark is not None]
    for (first, mark), (second, other) in combinations(marks, 2):
        if mark == other:
            yield second, first, mark
