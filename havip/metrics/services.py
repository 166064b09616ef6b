"""The metrics of virtual services, of the servers behind them, and of IPVS as a whole.  Pure.

A server is told in a dozen samples: of its state whether it is up.  The kernel's rates are not told: a
counter says more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from havip.metrics.family import Family, Json, Source, Values, counter, gauge, info

STATES: Final = ("UP", "DOWN", "FAULT")
SERVER_STATES: Final = (*STATES, "UNKNOWN", "DRAINING", "DRAINED")
SERVICE: Final = ("service",)
SERVER: Final = ("service", "server")
DIRECTIONS: Final = ("in", "out")
OPEN: Final = ("active", "inactive", "persistent")
LAST_RESORT: Final = "(sorry)"  # what no server in a file can be called


def of_services(*keys: str) -> Values:
    """Return the values of these keys for each service, its name before them."""
    return lambda source: (
        (one["name"], *(one[key] for key in keys)) for one in source.services.get("shown", ())
    )


def of_servers(*keys: str) -> Values:
    """Return the values of these keys for each server, its service and its name before them."""
    return lambda source: ((*labels, *(one[key] for key in keys)) for labels, one in servers(source))


def servers(source: Source) -> Iterator[tuple[tuple[str, str], Json]]:
    """Yield every server with its labels."""
    for service in source.services.get("shown", ()):
        name = service["name"]
        for server in service["servers"]:
            yield (name, LAST_RESORT if server["sorry"] else server["name"]), server


def of_ipvs(key: str) -> Values:
    """Return what concerns IPVS as a whole, once it is known."""
    return lambda source: (((source.services.get("ipvs") or {}).get(key),),)


def available(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield whether there is IPVS."""
    ipvs = source.services.get("ipvs")
    if ipvs is not None:
        yield (ipvs["why"] is None,)


def versions(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield the version of IPVS."""
    ipvs = source.services.get("ipvs")
    if ipvs is not None and ipvs["version"]:
        yield (ipvs["version"],)


def foreign(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield how many services other programs have."""
    ipvs = source.services.get("ipvs")
    if ipvs is not None:
        yield (len(ipvs["foreign"]),)


def states(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield for each service and each state whether it is in it."""
    for service in source.services.get("shown", ()):
        for state in STATES:
            yield service["name"], state, service["state"] == state


def by_state(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield how many servers of each service are in each state."""
    for service in source.services.get("shown", ()):
        found = [server["state"] for server in service["servers"] if not server["sorry"]]
        for state in SERVER_STATES:
            yield service["name"], state, found.count(state)


def up(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield whether each server is up; nothing of one whose checks have no verdict yet."""
    for labels, server in servers(source):
        if server["state"] != "UNKNOWN":
            yield *labels, server["state"] == "UP"


def opened(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield the connections there are."""
    for labels, server in servers(source):
        for state in OPEN:
            yield *labels, state, server[state]


def counted(what: str) -> Values:
    """Return a counter of the kernel for each server and direction."""
    return lambda source: (
        (*labels, direction, server["counts"][f"{what}_{direction}"])
        for labels, server in servers(source)
        for direction in DIRECTIONS
    )


def counted_whole(what: str) -> Values:
    """Return the same for each service."""
    return lambda source: (
        (service["name"], direction, service["counts"][f"{what}_{direction}"])
        for service in source.services.get("shown", ())
        for direction in DIRECTIONS
    )


def service_transitions(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield how often each service came into each state."""
    for (kind, name, state), count in source.transitions.items():
        if kind == "service":
            yield name, state, count


def server_transitions(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield how often each server came into each state."""
    for (kind, name, state), count in source.transitions.items():
        if kind == "server":
            service, _, server = name.rpartition("/")
            yield service, server, state, count


IPVS: Final[tuple[Family, ...]] = (
    gauge(
        "havip_ipvs_available",
        "1: there is IPVS to program, 0: there is none; absent without virtual services.",
        (),
        available,
    ),
    info("havip_ipvs", "The kernel's version of IPVS.", ("version",), versions),
    counter("havip_ipvs_messages", "Changes that the kernel was asked for.", (), of_ipvs("messages")),
    counter("havip_ipvs_refused", "Changes that it refused.", (), of_ipvs("refused")),
    counter(
        "havip_ipvs_repaired",
        "Times that something was put back that another program had changed.",
        (),
        of_ipvs("repaired"),
    ),
    gauge("havip_ipvs_foreign_services", "Services of other programs, at most 100.", (), foreign),
)

OF_SERVICES: Final[tuple[Family, ...]] = (
    gauge(
        "havip_services",
        "Virtual services by state: UP, DOWN, FAULT.",
        ("state",),
        lambda source: ((state, source.services.get(state.lower())) for state in STATES),
    ),
    gauge(
        "havip_services_stale",
        "1 while the checker worker does not answer, so that what is told of services is old, else 0.",
        (),
        lambda source: ((source.services.get("stale") is not None,),),
    ),
    gauge(
        "havip_server_orders",
        "Servers that an operator has drained or given another weight.",
        (),
        lambda source: ((len(source.services.get("orders", ())),),),
    ),
    info(
        "havip_service",
        "How a virtual service schedules.",
        ("service", "scheduler"),
        of_services("scheduler"),
    ),
    gauge(
        "havip_service_state",
        "1 for the state that a virtual service is in, 0 for the others: UP, DOWN, FAULT.",
        ("service", "state"),
        states,
    ),
    gauge(
        "havip_service_state_since_timestamp_seconds",
        "When it came into that state, in seconds since 1970.",
        SERVICE,
        of_services("since"),
    ),
    counter(
        "havip_service_transitions",
        "Times that a virtual service came into a state, since the daemon started.",
        ("service", "state"),
        service_transitions,
    ),
    gauge(
        "havip_service_alive_weight",
        "The weight of its servers that are alive.",
        SERVICE,
        of_services("alive"),
    ),
    gauge(
        "havip_service_quorum_weight", "The least of it with which it is up.", SERVICE, of_services("quorum")
    ),
    gauge(
        "havip_service_sorry_server_in_use",
        "1 while its server of last resort has its traffic, else 0.",
        SERVICE,
        of_services("sorry"),
    ),
    gauge(
        "havip_service_suspended",
        "1 while its servers are not probed because another router is MASTER, else 0.",
        SERVICE,
        of_services("suspended"),
    ),
    counter(
        "havip_service_repaired",
        "Times that something of it was put back that another program had changed.",
        SERVICE,
        of_services("repaired"),
    ),
    gauge(
        "havip_service_servers",
        "Its servers by state: UP, DOWN, FAULT, UNKNOWN, DRAINING, DRAINED.",
        ("service", "state"),
        by_state,
    ),
    counter(
        "havip_service_connections",
        "Connections that clients have opened.",
        SERVICE,
        lambda source: (
            (one["name"], one["counts"]["connections"]) for one in source.services.get("shown", ())
        ),
    ),
    counter(
        "havip_service_packets",
        "Packets by direction: in, out.",
        ("service", "direction"),
        counted_whole("packets"),
    ),
    counter(
        "havip_service_bytes",
        "Bytes by direction: in, out.",
        ("service", "direction"),
        counted_whole("bytes"),
    ),
)

OF_SERVERS: Final[tuple[Family, ...]] = (
    info(
        "havip_server",
        "Where a server is, and how packets get there.",
        ("service", "server", "address", "port", "method"),
        of_servers("address", "port", "method"),
    ),
    gauge("havip_server_up", "1: a server is up, 0: it is not; absent before its first verdict.", SERVER, up),
    gauge(
        "havip_server_state_since_timestamp_seconds",
        "When it came into its state, in seconds since 1970.",
        SERVER,
        of_servers("since"),
    ),
    counter(
        "havip_server_transitions",
        "Times that a server came into a state, since the daemon started.",
        ("service", "server", "state"),
        server_transitions,
    ),
    gauge("havip_server_weight", "Its weight in force.", SERVER, of_servers("weight")),
    gauge("havip_server_configured_weight", "Its configured weight.", SERVER, of_servers("configured")),
    gauge(
        "havip_server_open_connections",
        "Connections by state: active, inactive, persistent.",
        ("service", "server", "state"),
        opened,
    ),
    counter(
        "havip_server_connections",
        "Connections that it was given.",
        SERVER,
        lambda source: ((*labels, one["counts"]["connections"]) for labels, one in servers(source)),
    ),
    counter(
        "havip_server_packets",
        "Packets by direction: in, out.",
        ("service", "server", "direction"),
        counted("packets"),
    ),
    counter(
        "havip_server_bytes",
        "Bytes by direction: in, out.",
        ("service", "server", "direction"),
        counted("bytes"),
    ),
)

FAMILIES: Final = (*IPVS, *OF_SERVICES, *OF_SERVERS)
