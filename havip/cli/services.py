"""`havip services`: the virtual services of the running daemon with their servers, for people or as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from havip.cli import GOOD, VERBS, add_socket_argument
from havip.cli.table import age, at_time, table
from havip.clock import wall
from havip.control.client import DEFAULT_SOCKET, Client
from havip.control.serviceviews import SERVER_STATES, UP, Server, Service, Services

HELP = VERBS["services"]

EPILOG = """\
For each virtual service: its state, why, the weight of its servers that are alive, and a line a server:
  weight     in force, and the configured one where they differ
  forward    how packets get there: nat, direct or tunnel
  active     connections; inactive: those that have ended or are none, as of UDP
  conns, bytes in, bytes out   since the kernel has it; with --stats also packets, with --rates a second
  why        what led to the state; what an operator ordered, who and why

examples:
  havip services
  havip services web 'mail-*' --rates
  havip services --failed
  havip services --json | jq '.shown[] | {name, state, alive}'

exit codes:
  0  printed, whatever the states are
  1  no virtual service has the NAME
  2  wrong usage
  3  no daemon answers on the control socket
  4  not permitted: be root or a member of the group havip
"""

STEPS: Final = (("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000))
BRIEF: Final = ("SERVICE", "STATE", "FOR", "ALIVE", "QUORUM", "SERVERS", "WHY")
SERVER: Final = ("SERVER", "ADDRESS", "STATE", "FOR", "WEIGHT", "FORWARD", "ACTIVE", "INACTIVE")
SOME: Final = {"connections": "CONNS", "bytes_in": "BYTES IN", "bytes_out": "BYTES OUT"}
ALL: Final = {
    "connections": "CONNS",
    "packets_in": "PACKETS IN",
    "packets_out": "PACKETS OUT",
    "bytes_in": "BYTES IN",
    "bytes_out": "BYTES OUT",
}
RATES: Final = {f"{name}_rate": f"{heading}/S" for name, heading in ALL.items()}

Spell: TypeAlias = Callable[[int], str]


def add_arguments(parser: ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.epilog = EPILOG
    parser.add_argument(
        "name", metavar="NAME", nargs="*", help="show only the services of these names or patterns"
    )
    parser.add_argument(
        "--failed", action="store_true", help="show only services and servers that are not as they should be"
    )
    parser.add_argument("--exact", action="store_true", help="show counters in full: 1234567, not 1.23M")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("-b", "--brief", action="store_true", help="one line for each service")
    form.add_argument("--stats", action="store_true", help="show every counter")
    form.add_argument("--rates", action="store_true", help="show rates instead of counters")
    form.add_argument("--json", action="store_true", help="print JSON (docs/cli.md lists its keys)")
    add_socket_argument(parser, DEFAULT_SOCKET)


def run(options: Namespace) -> int:
    """Print the services."""
    client = Client(options.socket)
    if options.json:
        print(json.dumps(client.services_as_dict(*options.name, failed=options.failed), indent=2))
        return GOOD
    services = client.services(*options.name, failed=options.failed)
    for line in lines_of(services, options, wall()):
        print(line)
    return GOOD


def lines_of(services: Services, options: Namespace, now: float) -> Iterator[str]:
    """Yield everything that is printed."""
    if services.stale:
        yield f"OLD: {services.stale}"
    if options.brief:
        yield from brief_lines(services.shown, now, options.failed)
    else:
        counters = ALL if options.stats else RATES if options.rates else SOME
        spelled = str if options.exact else scaled
        said = said_of(services)
        for service in services.shown:
            yield from service_lines(service, counters, spelled, said, now)
            yield ""
    yield summary(services)
    yield from ipvs_lines(services)


def service_lines(
    service: Service,
    counters: Mapping[str, str],
    spelled: Spell,
    said: Mapping[tuple[str, str], str],
    now: float,
) -> Iterator[str]:
    """Yield one service: its state, its endpoints, its own counters, and a table of its servers."""
    yield f"{service.name}  {service.state}  for {age(now - service.since)}, since {at_time(service.since)}"
    yield f"  why        {service.why or service.state}"
    for number, endpoint in enumerate(service.endpoints):
        yield f"  {' ' if number else 'service'}".ljust(13) + endpoint
    yield f"  scheduler  {service.scheduler}"
    yield f"  alive      weight {service.alive}, quorum {service.quorum}"
    if service.sorry:
        yield "  SORRY      the server of last resort is in use"
    if service.suspended:
        yield "  probed     not here: another router is MASTER"
    if service.repaired:
        yield f"  REPAIRED   {service.repaired} times: another program has changed it"
    told = [f"{heading.lower()} {spelled(service.counts.get(key, 0))}" for key, heading in counters.items()]
    yield f"  traffic    {', '.join(told)}"
    if service.servers:
        heading = (*SERVER, *counters.values(), "WHY")
        rows = [server_row(service, one, counters, spelled, said, now) for one in service.servers]
        yield from (f"  {line}" for line in table(heading, rows))


def server_row(
    service: Service,
    server: Server,
    counters: Iterable[str],
    spelled: Spell,
    said: Mapping[tuple[str, str], str],
    now: float,
) -> tuple[str, ...]:
    """Return the columns of one server."""
    order = said.get((service.name, server.name)) or server.order
    state = server.state if server.present or server.state != UP else f"{UP} (idle)"
    return (
        "(sorry)" if server.sorry else server.name,
        place(server),
        state,
        age(now - server.since),
        weight(server),
        server.method,
        spelled(server.active),
        spelled(server.inactive),
        *(spelled(server.counts.get(key, 0)) for key in counters),
        "; ".join(filter(None, (f"ORDER: {order}" if order else "", server.why))),
    )


def said_of(services: Services) -> dict[tuple[str, str], str]:
    """Return what operators have said of servers, in words, by service and server."""
    return {(one["service"], one["server"]): order_words(one) for one in services.orders}


def order_words(order: Mapping[str, Any]) -> str:
    """Return an order, who gave it, when and why."""
    what = ["drain"] * bool(order["drain"])
    what += [] if order["weight"] is None else [f"weight {order['weight']}"]
    words = f"{' and '.join(what)} by {order['by']} on {at_time(order['at'])}"
    return f"{words}: {order['reason']}" if order.get("reason") else words


def place(server: Server) -> str:
    """Return where a server is; without a port it is asked on the client's."""
    address = f"[{server.address}]" if ":" in server.address else server.address
    return f"{address}:{server.port}" if server.port else address


def weight(server: Server) -> str:
    """Return the weight in force, and the configured one where they differ."""
    if server.sorry or server.weight == server.configured:
        return str(server.weight)
    return f"{server.weight} of {server.configured}"


def brief_lines(services: Iterable[Service], now: float, failed: bool) -> Iterator[str]:
    """Yield a heading and a line for each service; nothing where there are none.

    ``failed``: of the servers those alone are known that are in trouble.
    """
    rows = [
        (
            service.name,
            service.state,
            age(now - service.since),
            str(service.alive),
            str(service.quorum),
            how_many(real(service), failed),
            ("SORRY SERVER IN USE; " if service.sorry else "") + service.why,
        )
        for service in services
    ]
    if rows:
        yield from table(BRIEF, rows)


def how_many(servers: Iterable[Server], failed: bool) -> str:
    """Return how many servers are up, or only how many are not as they should be."""
    there = list(servers)
    if failed:
        return f"{len(there)} in trouble" if there else ""
    return f"{sum(one.state == UP for one in there)} of {len(there)}"


def real(service: Service) -> list[Server]:
    """Return the servers without that of last resort."""
    return [server for server in service.servers if not server.sorry]


def section(services: Services, now: float) -> Iterator[str]:
    """Yield what `havip status` shows of all services: a line each, and the servers that are not UP."""
    yield summary(services)
    if services.stale:
        yield f"  OLD: {services.stale}"
    for line in ipvs_lines(services):
        yield f"  {line}"
    rows = [
        (
            service.name,
            service.state,
            age(now - service.since),
            f"{service.alive}/{service.quorum}",
            service.why,
        )
        for service in services.shown
    ]
    if rows:
        yield from (f"  {line}" for line in table(("SERVICE", "STATE", "FOR", "ALIVE", "WHY"), rows))
    said = said_of(services)
    servers = [
        (f"{service.name}/{one.name}", one.state, age(now - one.since), weight(one), why)
        for service in services.shown
        for one in real(service)
        if (why := trouble(one, said.get((service.name, one.name), "")))
    ]
    if servers:
        yield from (f"  {line}" for line in table(("SERVER", "STATE", "FOR", "WEIGHT", "WHY"), servers))


def trouble(server: Server, said: str) -> str:
    """Return why somebody should look at a server; empty: nobody need."""
    order = said or server.order
    if server.state == UP and not order:
        return ""
    return "; ".join(filter(None, (f"ORDER: {order}" if order else "", server.why or server.state)))


def summary(services: Services) -> str:
    """Return all services in numbers."""
    if not services.total:
        return "there are no virtual services"
    parts = [f"{services.up} up"]
    parts += [f"{services.down} DOWN"] if services.down else []
    parts += [f"{services.fault} in FAULT"] if services.fault else []
    parts += [f"{services.sorry} with the SORRY SERVER in use"] if services.sorry else []
    servers = [f"{services.servers[state]} {state}" for state in SERVER_STATES if services.servers.get(state)]
    number = f"{services.total} service" + "s" * (services.total != 1)
    return f"{number}: {', '.join(parts)}; servers: {', '.join(servers) or 'none'}"


def ipvs_lines(services: Services) -> Iterator[str]:
    """Yield what is wrong with IPVS as a whole, and with the record of orders."""
    ipvs = services.ipvs or {}
    if ipvs.get("why"):
        yield f"IPVS: FAULT: {ipvs['why']}"
    if ipvs.get("refused"):
        yield f"IPVS: {ipvs['refused']} of {ipvs['messages']} changes were REFUSED by the kernel"
    if ipvs.get("foreign"):
        yield f"IPVS: services of other programs: {', '.join(ipvs['foreign'])}"
    if ipvs.get("sync"):
        yield f"IPVS: connection sync: {', '.join(ipvs['sync'])}"
    if services.damage:
        yield f"ORDERS LOST: {services.damage}"


def scaled(number: int) -> str:
    """Return a number in at most five characters: 1.23M."""
    for unit, size in STEPS:
        if number >= size:
            return f"{number / size:.3g}{unit}" if number < 1000 * size else f"{number // size}{unit}"
    return str(number)
