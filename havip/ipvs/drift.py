"""What other programs have changed of our services, in words, for the log and for counters.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from havip.ipvs.model import Destination, Forward, Pool, Service, ServiceFlag, ServiceKey, Table, Tunnel

METHODS: Final = {
    Forward.MASQUERADE: "nat",
    Forward.ROUTE: "direct",
    Forward.TUNNEL: "tunnel",
    Forward.LOCAL: "local",
    Forward.BYPASS: "bypass",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not as we left it."""

    key: ServiceKey
    what: str

    def __str__(self) -> str:
        return f"{self.key}: {self.what}"


def drift(believed: Table, present: Table) -> list[Drift]:
    """Return how ``present``, as just read, differs from what we know that we have put there.

    Services that are not ours, which ``believed`` does not have, do not count.
    """
    found: list[Drift] = []
    for key, pool in believed.items():
        there = present.get(key)
        if there is not pool and there != pool:
            found += [Drift(key, what) for what in differences(pool, there)]
    return found


def differences(ours: Pool, there: Pool | None) -> Iterator[str]:
    """Yield how one service differs, in words."""
    if there is None:
        yield "it was removed"
        return
    yield from of_service(ours.service, there.service)
    for key, one in ours.destinations.items():
        other = there.destinations.get(key)
        if other is None:
            yield f"server {key} was removed"
        elif other != one:
            changed = ", ".join(of_destination(one, other))
            yield f"server {key} was changed: {changed}"
    for key in there.destinations:
        if key not in ours.destinations:
            yield f"server {key} was added"


def of_service(ours: Service, there: Service) -> Iterator[str]:
    """Yield which settings of a service differ."""
    if there.scheduler != ours.scheduler:
        yield f"scheduler {there.scheduler} instead of {ours.scheduler}"
    if there.flags != ours.flags:
        yield f"flags {flags(there.flags)} instead of {flags(ours.flags)}"
    if there.timeout != ours.timeout:
        yield f"persistence of {there.timeout}s instead of {ours.timeout}s"
    if there.prefix_length != ours.prefix_length:
        yield f"persistence by /{there.prefix_length} instead of /{ours.prefix_length}"
    if there.engine != ours.engine:
        yield f"persistence engine {there.engine or 'none'} instead of {ours.engine or 'none'}"


def of_destination(ours: Destination, there: Destination) -> Iterator[str]:
    """Yield which settings of a destination differ."""
    if there.weight != ours.weight:
        yield f"weight {there.weight} instead of {ours.weight}"
    if there.forward != ours.forward:
        yield f"method {METHODS[there.forward]} instead of {METHODS[ours.forward]}"
    elif tunnel(there) != tunnel(ours):
        yield f"tunnel {tunnel(there)} instead of {tunnel(ours)}"
    for name, new, old in (
        ("upper threshold", there.upper_threshold, ours.upper_threshold),
        ("lower threshold", there.lower_threshold, ours.lower_threshold),
    ):
        if new != old:
            yield f"{name} {new} instead of {old}"


def flags(value: ServiceFlag) -> str:
    """Return flags in words."""
    return " and ".join(str(flag.name).lower().replace("_", "-") for flag in value) or "none"


def tunnel(destination: Destination) -> str:
    """Return the outer header of a tunnel in words."""
    words = [destination.tunnel.name.lower()]
    if destination.tunnel == Tunnel.GUE:
        words.append(f"to port {destination.tunnel_port}")
    words += [str(flag.name).lower().replace("_", "-") for flag in destination.tunnel_flags]
    return " ".join(words)
