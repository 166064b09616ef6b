"""What must hold for real servers: how packets get there, and whether IPVS can send them.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from havip.config.balancing import Encapsulation, Method, RealServer, SorryServer, TunnelChecksum
from havip.config.balancing_draft import ServiceDraft
from havip.config.draft import good, group_of, list_of
from havip.config.problems import Problems, nearest_of, quote
from havip.config.reader import BAD, Read, Reading

OF_A_TUNNEL = ("encapsulation", "port", "checksum")


@dataclass(frozen=True, slots=True)
class Reach:
    """What clients of one virtual service reach."""

    families: set[int]
    ports: set[int | None]  # None: whichever they ask for
    synchronised: bool  # there is a sync daemon


def check_forwarding(read: Read | None, problems: Problems) -> None:
    """Demand what a tunnel needs, and refuse what it, or another method, has not."""
    if read is None:
        return
    keys: Reading = read.value
    method, encapsulation, checksum = (
        value_of(keys, key, default)
        for key, default in (
            ("method", None),
            ("encapsulation", Encapsulation.IPIP),
            ("checksum", TunnelChecksum.NONE),
        )
    )
    if method is not None and method != Method.TUNNEL:
        for key in OF_A_TUNNEL:
            if key in keys:
                problems.add(
                    keys[key].place, f'"{key}" beside "method: {method}"', why="only a tunnel has it"
                )
        return
    if encapsulation == Encapsulation.GUE and "port" not in keys:
        problems.add(keys["encapsulation"].place, "gue without a port", 'the key "port" beside it')
    if encapsulation != Encapsulation.GUE and "port" in keys:
        problems.add(
            keys["port"].place, f'"port" beside "encapsulation: {encapsulation}"', why="only GUE has it"
        )
    if encapsulation == Encapsulation.IPIP and checksum != TunnelChecksum.NONE:
        problems.add(keys["checksum"].place, '"checksum" beside "encapsulation: ipip"', why="ipip has none")
    if encapsulation == Encapsulation.GRE and checksum == TunnelChecksum.REMOTE:
        problems.add(
            keys["checksum"].place, '"checksum: remote" beside "encapsulation: gre"', why="only GUE has it"
        )


def value_of(reading: Reading, key: str, default: object) -> object:
    """Return a value, or what stands for it; None for one that could not be read."""
    if key not in reading:
        return default
    return None if reading[key].value is BAD else reading[key].value


def check_servers(root: Reading, draft: ServiceDraft, reach: Reach, problems: Problems) -> None:
    """Check every server of one virtual service."""
    known = group_of(root, "checks")
    for read in group_of(draft.reading, "servers").values():
        keys = {} if read.value is BAD else read.value
        check_forwarding(good(keys, "forwarding"), problems)
        check_thresholds(keys, problems)
        for item in list_of(keys, "checks"):
            if item.value not in known:
                nearest, why = nearest_of(item.value, known), 'none below "checks"'
                problems.add(
                    item.place, quote(item.value), "the name of a health check", nearest=nearest, why=why
                )
    sorry = group_of(draft.reading, "sorry_server")
    check_forwarding(good(sorry, "forwarding"), problems)
    if not draft.bad.isdisjoint(("servers", "sorry_server", "forwarding", "port", "address", "fwmark")):
        return
    for server, read in draft.servers():
        check_reach(draft, server, read.value, reach, problems)
    if draft.service.sorry_server is not None:
        check_reach(draft, draft.service.sorry_server, sorry, reach, problems)


def check_thresholds(keys: Reading, problems: Problems) -> None:
    """A server that is full can have room again."""
    upper, lower = (value_of(keys, f"{which}_threshold", 0) for which in ("upper", "lower"))
    if isinstance(upper, int) and isinstance(lower, int) and lower > upper:
        problems.add(
            keys["lower_threshold"].place,
            str(lower),
            f"at most the upper_threshold, {upper}" if upper else 'the key "upper_threshold" beside it',
        )


def check_reach(
    draft: ServiceDraft,
    server: RealServer | SorryServer,
    keys: Reading,
    reach: Reach,
    problems: Problems,
) -> None:
    """Only a tunnel leads into another family, and only NAT to another port."""
    service = draft.service
    forwarding, place = service.forwarding_to(server), keys["address"].place
    method = forwarding.method
    drops = forwarding.encapsulation == Encapsulation.GUE and forwarding.checksum == TunnelChecksum.NONE
    if method == Method.TUNNEL and drops and server.address.version == 6:
        why = 'a server drops UDP without a checksum over IPv6; "checksum: full" has one'
        problems.note(place, "a tunnel of GUE without a checksum over IPv6", why=why)
    if (
        method == Method.NAT
        and service.one_packet
        and not (service.persistence and service.persistence.engine)
    ):
        why = "the kernel remembers no client of theirs; answers come back by direct and tunnel"
        problems.note(draft.at("one_packet"), "single packets that NAT brings no answer to", why=why)
    others = reach.families - {server.address.version}
    if others and method != Method.TUNNEL:
        why = f"only a tunnel leads from IPv{min(others)} to a server of another family"
        problems.add(place, quote(str(server.address)), f"an IPv{min(others)} address", why=why)
    elif others and reach.synchronised:
        why = "the kernel has no sync daemon beside a server of another family than its clients"
        problems.add(place, quote(str(server.address)), f"an IPv{min(others)} address", why=why)
    if server.port is not None and method != Method.NAT:
        for port in reach.ports - {server.port}:
            why = f"the port stays as it is with forwarding: {method}"
            problems.add(keys["port"].place, str(server.port), str(port or "no port"), why=why)
