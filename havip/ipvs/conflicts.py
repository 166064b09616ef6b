"""What of the virtual services cannot be in one kernel together.  Pure: for the checks at load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from havip.config.balancing import ServiceGroup, VirtualService
from havip.ipvs.marking import Marked, clash, marks_of
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
    marked: list[tuple[str, list[Marked]]] = []
    for service, group in pairs:
        for key in endpoints(service, group):
            first = owner.setdefault(key, service.name)
            if first != service.name and (service.name, first) not in told:
                told.add((service.name, first))
                yield service.name, first, str(key)
        marks = [*marks_of(service, group)]
        for name, others in marked if marks else ():
            what = clash(marks, others)
            if what is not None and (service.name, name) not in told:
                yield service.name, name, what
        if marks:
            marked.append((service.name, marks))


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
