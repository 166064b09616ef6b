"""What must hold between the keys of virtual services, and between virtual services.  Pure.

How servers are reached is judged in `checks_balancing_servers`, their probes in `checks_balancing_probes`,
the kernel's settings in `checks_balancing_kernel`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from havip.config import balancing_draft, checks_balancing_kernel, checks_balancing_probes
from havip.config.balancing import ServiceGroup, Transport, VirtualService
from havip.config.balancing_draft import ServiceDraft
from havip.config.checks_balancing_kernel import check_router
from havip.config.checks_balancing_servers import Reach, check_forwarding, check_servers
from havip.config.draft import good, group_of
from havip.config.problems import Problems, nearest_of, quote
from havip.config.reader import Reading
from havip.ipvs.conflicts import doubled, same_mark, shared
from havip.ipvs.wanted import MOST_ENDPOINTS, count, families, family_of_mark

WAYS: Final[tuple[str, ...]] = ("address", "fwmark", "group")
FLAG_OF: Final = {"sh-port": "sh", "sh-fallback": "sh", "mh-port": "mh", "mh-fallback": "mh"}


def check(root: Reading, drafts: Sequence[ServiceDraft], problems: Problems) -> None:
    """Run every check over the load balancer of one file."""
    groups = balancing_draft.groups(root)
    synchronised = "sync_daemon" in group_of(root, "load_balancer")
    for draft in drafts:
        group = groups.get(draft.service.group)
        check_way(draft, root, problems)
        check_port(draft, group, problems)
        check_scheduling(draft, problems)
        check_persistence(draft, group, problems)
        check_quorum(draft, problems)
        check_forwarding(good(draft.reading, "forwarding"), problems)
        reach = Reach(families_of(draft.service, group), ports_of(draft.service, group), synchronised)
        check_servers(root, draft, reach, problems)
        check_router(root, good(draft.reading, "probe_as_master_of"), problems)
    checks_balancing_probes.check(root, drafts, problems)
    checks_balancing_kernel.check(root, problems)
    check_endpoints(drafts, groups, problems)
    used = {draft.service.group for draft in drafts}
    for name, read in group_of(root, "service_groups").items():
        if name not in used:
            problems.note(read.place, f"no virtual service uses {quote(name)}")


def families_of(service: VirtualService, group: ServiceGroup | None) -> set[int]:
    """Return which families its clients have: marks without one have that of the servers."""
    of_marks = family_of_mark(service)
    if group is not None:
        return {*families(group), *(mark.family or of_marks for mark in group.fwmarks)}
    if service.address is not None:
        return {service.address.version}
    return {of_marks} if service.fwmark is not None else set()


def ports_of(service: VirtualService, group: ServiceGroup | None) -> set[int | None]:
    """Return which ports clients reach; None: whichever they ask for.  Nothing is known of marks."""
    if group is not None:
        return {block.port or service.port for block in group.addresses}
    return {service.port} if service.address is not None else set()


def check_way(draft: ServiceDraft, root: Reading, problems: Problems) -> None:
    """Demand one way in which clients come, and only keys that it has."""
    ways = [key for key in WAYS if key in draft.reading]
    if not ways:
        return
    for key in ways[1:]:
        problems.add(draft.at(key), f'"{key}" beside "{ways[0]}"', "one of them")
    way: str = ways[0]
    why = {
        "port": "a firewall mark is for whatever port has it",
        "family": "only a firewall mark has no family of its own",
        "nftables_mark": "it is for the addresses of a group",
    }
    for key, fits in (
        ("port", way != "fwmark"),
        ("family", way == "fwmark"),
        ("nftables_mark", way == "group"),
    ):
        if key in draft.reading and not fits and len(ways) == 1:
            problems.add(draft.at(key), f'"{key}" beside "{way}"', why=why[key])
    if way == "group" and "group" not in draft.bad:
        known, name = group_of(root, "service_groups"), draft.service.group
        if name not in known:
            nearest = nearest_of(name, known)
            problems.add(
                draft.at("group"),
                quote(name),
                "the name of a service group",
                nearest=nearest,
                why='none below "service_groups"',
            )


def check_port(draft: ServiceDraft, group: ServiceGroup | None, problems: Problems) -> None:
    """A service for every port is one of clients that stay; a group is addresses if it is to be marked."""
    service = draft.service
    if "nftables_mark" in draft.reading and group is not None and not group.addresses:
        problems.add(
            draft.at("nftables_mark"), f"no addresses in {quote(group.name)}", why="there is nothing to mark"
        )
    if "port" in draft.reading or "persistence" in draft.reading or service.nftables_mark is not None:
        return
    open_to_all = (
        service.address is not None if group is None else any(block.port is None for block in group.addresses)
    )
    if open_to_all:
        problems.add(
            draft.at("group" if group else "address"),
            "no port",
            'the key "port" or "persistence"',
            why="a service for every port needs clients that stay with their server",
        )


def check_scheduling(draft: ServiceDraft, problems: Problems) -> None:
    """Flags belong to their scheduler, and single packets to what has no connections."""
    service = draft.service
    if draft.bad.isdisjoint(("scheduler", "scheduler_flags")) and "scheduler_flags" in draft.reading:
        seen: set[str] = set()
        for read in draft.reading["scheduler_flags"].value:
            scheduler = FLAG_OF.get(read.value, service.scheduler)
            if scheduler != service.scheduler:
                problems.add(
                    read.place,
                    quote(read.value),
                    why=f"it is of the scheduler {scheduler}, and this is {service.scheduler}",
                )
            if read.value in seen:
                problems.add(read.place, f"{quote(read.value)} again", why="once is enough")
            seen.add(read.value)
    if (
        service.one_packet
        and service.transport != Transport.UDP
        and "fwmark" not in draft.reading
        and draft.bad.isdisjoint(("one_packet", "transport"))
    ):
        problems.add(
            draft.at("one_packet"),
            f'"one_packet" of {service.transport}',
            "transport: udp",
            why="TCP and SCTP have connections",
        )


def check_persistence(draft: ServiceDraft, group: ServiceGroup | None, problems: Problems) -> None:
    """No more bits than an address has; an engine reads what it knows."""
    service = draft.service
    if service.persistence is None or "persistence" in draft.bad:
        return
    keys = group_of(draft.reading, "persistence")
    bits = service.persistence.prefix_length
    if bits is not None and bits > 32 and families_of(service, group) == {4}:
        problems.add(keys["prefix_length"].place, str(bits), "at most 32", why="the addresses are IPv4")
    if service.persistence.engine and service.transport != Transport.UDP and service.fwmark is None:
        problems.add(
            keys["engine"].place,
            f'"engine" of {service.transport}',
            "transport: udp",
            why="the kernel reads SIP over UDP alone",
        )
    if service.one_packet:
        problems.note(
            draft.at("one_packet"),
            "single packets of clients that stay",
            why="persistence decides before one_packet does",
        )


def check_quorum(draft: ServiceDraft, problems: Problems) -> None:
    """A quorum can be lost again, and had better be in reach."""
    service = draft.service
    if not draft.bad.isdisjoint(("quorum", "hysteresis", "servers")):
        return
    if service.hysteresis >= service.quorum:
        problems.add(
            draft.at("hysteresis"), str(service.hysteresis), f"less than the quorum, {service.quorum}"
        )
        return
    if not service.servers:
        if service.sorry_server is None:
            problems.note(draft.place, f"{quote(service.name)} has no servers")
        return
    weight, needed = sum(server.weight for server in service.servers), service.quorum + service.hysteresis
    if weight < needed:
        at = draft.at("quorum" if "quorum" in draft.reading else "servers")
        problems.note(
            at,
            f"the quorum is never reached: it takes {needed}",
            why=f"the servers of {quote(service.name)} weigh {weight} together",
        )


def check_endpoints(
    drafts: Sequence[ServiceDraft], groups: Mapping[str, ServiceGroup], problems: Problems
) -> None:
    """Refuse what two virtual services would be in the kernel, and more than it should bear."""
    by_name: dict[str, ServiceDraft] = {}
    pairs: list[tuple[VirtualService, ServiceGroup | None]] = []
    for draft in drafts:
        service, group = draft.service, groups.get(draft.service.group)
        if not draft.bad.isdisjoint((*WAYS, "port", "transport", "family", "servers", "nftables_mark")):
            continue
        number = count(service, group)
        if number > MOST_ENDPOINTS:
            why = "with nftables_mark they are one service"
            found = f"{number} addresses and marks"
            problems.add(draft.at("group"), found, f"at most {MOST_ENDPOINTS}", why=why)
        else:
            by_name[service.name] = draft
            pairs.append((service, group))
            check_doubles(draft, group, problems)
    told: set[tuple[str, str]] = set()
    for name, earlier, mark in same_mark(service for service, _ in pairs):
        told.add((name, earlier))
        blame(by_name[name], by_name[earlier], f"{mark} again", problems, "nftables_mark")
    for name, earlier, what in shared(pairs):
        if (name, earlier) not in told:
            blame(by_name[name], by_name[earlier], f"{what} again", problems)


def check_doubles(draft: ServiceDraft, group: ServiceGroup | None, problems: Problems) -> None:
    """Refuse two servers that are one behind some address of the service."""
    servers = group_of(draft.reading, "servers")
    for name, earlier, what in doubled(draft.service, group):
        why = f"{quote(earlier)} has it in {problems.line(servers[earlier].place)}"
        problems.add(servers[name].value["address"].place, f"{what} again", why=why)


def blame(draft: ServiceDraft, earlier: ServiceDraft, what: str, problems: Problems, key: str = "") -> None:
    """Report what two virtual services would both be."""
    place = draft.at(key or next((way for way in WAYS if way in draft.reading), ""))
    why = f"{quote(earlier.service.name)} has it in {problems.line(earlier.place)}"
    problems.add(place, what, why=why)
