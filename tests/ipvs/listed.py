"""Holds what `havip services` says to what ipvsadm lists: an independent witness of the same kernel."""

from __future__ import annotations

from collections.abc import Iterator

from havip.control.serviceviews import Server, Service
from lab.lvs.tables import read

FORWARDING = {"nat": "Masq", "direct": "Route", "tunnel": "Tunnel"}
#: the columns of ``ipvsadm -L -n --stats --exact`` after the name of a row
COUNTERS = ("connections", "packets_in", "packets_out", "bytes_in", "bytes_out")


def counters(text: str) -> dict[tuple[str, str], tuple[int, ...]]:
    """Return the counters of each server, by its service and itself; of a service itself by an empty name."""
    found: dict[tuple[str, str], tuple[int, ...]] = {}
    service = ""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["->"] and words[2:]:
            found[service, words[1]] = tuple(map(int, words[2:7]))
        elif words[:1] and words[0] in ("TCP", "UDP", "SCTP", "FWM"):
            service = f"{words[0]} {words[1]}"
            found[service, ""] = tuple(map(int, words[-5:]))
    return found


def listed_as(endpoint: str) -> str:
    """Return how ipvsadm calls what we call "tcp 192.0.2.1:80" or "fwmark 7 (IPv4)"."""
    kind, name, *_ = endpoint.split()
    return f"FWM {name}" if kind == "fwmark" else f"{kind.upper()} {name}"


def place(server: Server) -> str:
    """Return how ipvsadm calls a server."""
    return f"[{server.address}]:{server.port}" if ":" in server.address else f"{server.address}:{server.port}"


def differences(services: tuple[Service, ...], listing: str, stats: str = "") -> list[str]:
    """Return what of services that have one endpoint each ipvsadm tells otherwise.

    ``listing`` is what ``ipvsadm -L -n`` shows, ``stats`` what it shows with ``--stats --exact``: both can be
    the same only while no traffic flows.
    """
    return list(differ(services, listing, stats))


def differ(services: tuple[Service, ...], listing: str, stats: str) -> Iterator[str]:
    """Yield the differences."""
    table, counted = read(listing), counters(stats)
    known = {listed_as(service.endpoints[0]): service for service in services}
    yield from (f"{name} is not in the kernel" for name in known.keys() - table.keys())
    yield from (f"{name} is not among our services" for name in table.keys() - known.keys())
    for name in known.keys() & table.keys():
        service, theirs = known[name], table[name]
        if theirs.scheduler != service.scheduler:
            yield f"{name}: scheduler {theirs.scheduler}, not {service.scheduler}"
        ours = {place(server): server for server in service.servers if server.present}
        if ours.keys() != theirs.weights.keys():
            yield f"{name}: servers {sorted(theirs.weights)}, not {sorted(ours)}"
            continue
        for server, shown in ours.items():
            there = (theirs.weights[server], theirs.forwarding[server], *theirs.connections[server])
            here = (shown.weight, FORWARDING[shown.method], shown.active, shown.inactive)
            if there != here:
                yield f"{name} -> {server}: {there}, not {here}"
        rows = [("", service.counts), *((server, shown.counts) for server, shown in ours.items())]
        for row, counts in rows if stats else ():
            numbers = tuple(counts[key] for key in COUNTERS)
            if counted.get((name, row)) != numbers:
                yield f"{name} -> {row or 'all'}: counted {counted.get((name, row))}, not {numbers}"
