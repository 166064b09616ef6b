"""The load balancer's part of the text that keepalived writes on a signal, said of our services.  Pure.

Programs read it by the words of single lines, as `havip.services.dumptext` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import Final

from havip.clock import to_seconds
from havip.config.balancing import (
    Encapsulation,
    Forwarding,
    Method,
    Persistence,
    Programs,
    RealServer,
    ServiceGroup,
    TunnelChecksum,
    VirtualService,
    WhenFailed,
)
from havip.config.health import Check
from havip.config.model import Configuration
from havip.ipvs.wanted import family_of_mark
from havip.services.dumped import Json, quoted

METHODS: Final = {Method.NAT: "NAT", Method.DIRECT: "DR", Method.TUNNEL: "TUN"}
CHECKSUMS: Final = {
    TunnelChecksum.NONE: "",
    TunnelChecksum.FULL: ", checksum",
    TunnelChecksum.REMOTE: ", remote checksum",
}
SERVER: Final = "   ------< Real server >------"


def balancing_lines(configuration: Configuration, shown: Json) -> Iterator[str]:
    """Yield what there is to say of groups, services and servers; ``shown`` is the verb `services`."""
    if not configuration.virtual_services:
        return
    yield "------< LVS Topology >------"
    if version := (shown.get("ipvs") or {}).get("version"):
        yield f" System is compiled with LVS v{version}"
    if configuration.service_groups:
        yield " ------< Virtual server group >------"
    for group in configuration.service_groups:
        yield from group_lines(group)
    known = {service["name"]: service for service in shown.get("shown", ())}
    for service in configuration.virtual_services:
        yield from service_lines(configuration, service, known.get(service.name))
    checkers = [
        line
        for service in configuration.virtual_services
        for server in service.servers
        for line in checker_lines(service, server, known.get(service.name))
    ]
    if checkers:
        yield "------< Health checkers >------"
        yield from checkers


def group_lines(group: ServiceGroup) -> Iterator[str]:
    """Yield the members of a group."""
    families = {block.first.version for block in group.addresses}
    has = (f"IPv{family} = {yes(family in families)}" for family in (4, 6))
    yield f" Virtual Server Group = {group.name}, {', '.join(has)}"
    for block in group.addresses:
        port = f"VPORT = {block.port or 0}"
        if block.first == block.last:
            yield f"   VIP = {block.first}, {port}"
        else:
            yield f"   VIP Range = {block.first}-{block.last}, {port}"
    for mark in group.fwmarks:
        yield f"   FWMARK = {mark.fwmark}"


def service_lines(configuration: Configuration, service: VirtualService, shown: Json | None) -> Iterator[str]:
    """Yield what there is to say of a service and its servers."""
    family = family_of(configuration, service)
    probe = first(service.probes)
    yield " ------< Virtual server >------"
    yield f" VS {identity(service)}"
    yield f"   Name = {service.name}"
    if service.host:
        yield f"   VirtualHost = {service.host}"
    yield f"   Address family = {'inet' if family == 4 else 'inet6'}"
    yield from pace_lines(probe, "delay_loop")
    yield f"   lvs_sched = {service.scheduler}"
    yield "   Hashed = disabled"
    yield from flag_lines(service)
    yield f"   One packet scheduling = {switch(service.one_packet)}"
    if service.persistence is not None:
        yield from persistence_lines(service.persistence, family)
    yield f"   protocol = {'none' if service.fwmark is not None else service.transport.name}"
    yield f"   alpha is {on(service.start_failed)}"
    yield f"   omega is {on(service.announce_stop)}"
    yield f"   Inhibit on failure is {on(service.when_failed is WhenFailed.INHIBIT)}"
    yield f"   quorum = {service.quorum}, hysteresis = {service.hysteresis}"
    yield from program_lines("   Quorum", service.notify)
    yield f"   Using smtp notification = {yes(mails(configuration, service.notify))}"
    default = "" if service.forwarding.method is Method.TUNNEL else "default "
    yield f"   {default}{forwarding_line(service.forwarding)}"
    if service.sorry_server is not None:
        sorry = service.sorry_server
        yield f"   sorry server = [{sorry.address}]:{service.transport}:{service.port_of(sorry)}"
        yield f"     {forwarding_line(service.forwarding_to(sorry))}"
        yield f"     Inhibit on failure is {on(sorry.inhibit)}"
    state = "INIT" if shown is None else shown["state"]
    yield f"   alive = {int(state == 'UP')}"
    yield f"   quorum_state_up = {int(state == 'UP')}"
    if shown is not None:
        yield f"   State = {state} ({shown['why']})"
    known = {one["name"]: one for one in ([] if shown is None else shown["servers"]) if not one["sorry"]}
    for server in service.servers:
        yield from server_lines(configuration, service, server, known.get(server.name))


def server_lines(
    configuration: Configuration, service: VirtualService, server: RealServer, shown: Json | None
) -> Iterator[str]:
    """Yield what there is to say of a server."""
    up = shown is not None and shown["state"] == "UP"
    weight = shown["weight"] if up and shown is not None else server.weight
    notify = server.notify or Programs()
    place = f"RIP = {server.address}, RPORT = {service.port_of(server)}"
    yield SERVER
    yield f"   {place}, WEIGHT = {server.weight} EFF WEIGHT = {weight}"
    yield f"   Name = {server.name}"
    yield f"   {forwarding_line(service.forwarding_to(server))}"
    yield f"   Alpha is {on(service.start_failed)}"
    yield f"   connection limit range = {server.lower_threshold} -> {server.upper_threshold}"
    yield from pace_lines(first(service.probes_of(server)), "Delay loop")
    failed = server.when_failed or service.when_failed
    yield f"   Inhibit on failure is {on(failed is WhenFailed.INHIBIT)}"
    yield from program_lines("     RS", notify)
    yield f"   Using smtp notification = {yes(mails(configuration, notify))}"
    yield f"   initial weight = {server.weight}"
    yield f"   effective weight = {weight}"
    yield f"   alive = {int(up)}"
    yield f"   num failed checkers = {0 if shown is None else len(shown['failed'])}"
    yield f"   RS set = {int(shown is not None and shown['present'])}"
    if shown is not None:
        yield f"   State = {shown['state']} ({shown['why']})"
        if shown["order"]:
            yield f"   Order = {shown['order']}"


def checker_lines(service: VirtualService, server: RealServer, shown: Json | None) -> Iterator[str]:
    """Yield what there is to say of the probes of a server."""
    known = [one for one in ([] if shown is None else shown["servers"]) if one["name"] == server.name]
    state, failed = (known[0]["state"], known[0]["failed"]) if known else ("UNKNOWN", [])
    transport = str(service.transport)
    for check in service.probes_of(server):
        there = f"[{server.address}]:{transport}:{service.port_of(server)}"
        yield f" {target(service)} -> {there}"
        yield f"   Name = {check.name}"
        yield f"   Enabled = {yes(shown is not None and not shown['suspended'])}"
        yield f"   Up = {yes(state != 'UNKNOWN' and check.name not in failed)}"
        yield f"   Has run = {yes(state != 'UNKNOWN')}"
        yield f"   Alpha = {yes(service.start_failed)}"
        yield f"   Delay loop = {check.interval // 1000} us"
        yield f"   Retries = {check.fall - 1}"
        yield f"   Default delay before retry = {(check.retry_interval or check.interval) // 1000} us"
        yield f"   Log all failures = {yes(check.log_failures)}"
        yield f"   Keepalive method = {check.kind.upper()}_CHECK"


def identity(service: VirtualService) -> str:
    """Return what clients reach."""
    if service.fwmark is not None:
        return f"FWMARK = {service.fwmark}"
    if service.group:
        return f"GROUP = [{service.group}]:{service.port or 0}"
    return f"VIP = {service.address}, VPORT = {service.port or 0}"


def target(service: VirtualService) -> str:
    """Return the same for a line of a checker."""
    if service.fwmark is not None:
        return f"FWM {service.fwmark}"
    return f"[{service.group or service.address}]:{service.transport}:{service.port or 0}"


def family_of(configuration: Configuration, service: VirtualService) -> int:
    """Return the family of what clients reach."""
    if service.address is not None:
        return service.address.version
    for group in configuration.service_groups:
        if group.name == service.group and group.addresses:
            return group.addresses[0].first.version
    return family_of_mark(service)


def flag_lines(service: VirtualService) -> Iterator[str]:
    """Yield the scheduler's flags by the names that they have with it."""
    flags = set(service.scheduler_flags)
    name = service.scheduler
    if name in ("sh", "mh"):
        yield f"   {name}-port = {switch(bool(flags & {f'{name}-port', 'flag-2'}))}"
        yield f"   {name}-fallback = {switch(bool(flags & {f'{name}-fallback', 'flag-1'}))}"
        return
    for number in (1, 2, 3):
        yield f"   flag-{number} = {switch(f'flag-{number}' in flags)}"


def persistence_lines(persistence: Persistence, family: int) -> Iterator[str]:
    """Yield how long clients stay with their server, and which are one."""
    length = persistence.prefix_length
    yield f"   persistence timeout = {round(to_seconds(persistence.timeout))}"
    if length is not None:
        granularity = str(ip_network(f"0.0.0.0/{length}").netmask) if family == 4 else str(length)
        yield f"   persistence granularity = {granularity}"


def forwarding_line(forwarding: Forwarding) -> str:
    """Return how packets get to a server."""
    line = f"forwarding method = {METHODS[forwarding.method]}"
    if forwarding.method is not Method.TUNNEL:
        return line
    port = f", port = {forwarding.port}" if forwarding.port is not None else ""
    plain = forwarding.encapsulation is Encapsulation.IPIP
    checksum = "" if plain else CHECKSUMS[forwarding.checksum]
    return f"{line}, type = {forwarding.encapsulation.upper()}{port}{checksum}"


def pace_lines(probe: Check | None, name: str) -> Iterator[str]:
    """Yield how a server is probed; nothing where it is not."""
    if probe is not None:
        yield f"   connection timeout = {to_seconds(probe.timeout):.6f}"
        yield f"   {name} = {to_seconds(probe.interval):.6f}"


def program_lines(title: str, notify: Programs) -> Iterator[str]:
    """Yield the programs that are run at a change."""
    for name, words in (("up", notify.up), ("down", notify.down)):
        if words:
            yield f"{title} {name} notify script = {quoted(words)}"


def mails(configuration: Configuration, notify: Programs) -> bool:
    """Say whether mail tells of a change."""
    return configuration.notify.mail is not None and notify.mail


def first(checks: Sequence[Check]) -> Check | None:
    """Return the probe whose pace is told."""
    return checks[0] if checks else None


def yes(value: bool) -> str:
    """Return yes or no."""
    return "yes" if value else "no"


def on(value: bool) -> str:
    """Return ON or OFF."""
    return "ON" if value else "OFF"


def switch(value: bool) -> str:
    """Return enabled or disabled."""
    return "enabled" if value else "disabled"
