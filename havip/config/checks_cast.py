"""What must hold between unicast peers, sources and groups.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from havip.config.cast import Address, Peer
from havip.config.draft import Draft
from havip.config.model import VirtualRouter
from havip.config.problems import Place, Problems, quote
from havip.config.reader import BAD, Reading


def check(drafts: Sequence[Draft], problems: Problems) -> None:
    """Run every check of this file over the virtual routers of one file."""
    for draft in drafts:
        if "unicast" in draft.reading and "multicast" in draft.reading:
            expected = 'either "unicast" or "multicast"'
            problems.add(draft.at("multicast"), "both", expected, why=of_router(draft))
        elif draft.bad.isdisjoint(("unicast", "multicast", "addresses")):
            check_peers(draft, problems)
            check_multicast(draft, problems)
    check_sources(drafts, problems)
    check_shared_sockets(drafts, problems)


def of_router(draft: Draft) -> str:
    """Return which virtual router is meant: the value may be one of `defaults:`."""
    return f"virtual router {quote(draft.router.name)}"


def part(draft: Draft, key: str) -> Reading:
    """Return the mapping under a key of a router, empty where there is none."""
    read = draft.reading.get(key)
    return {} if read is None else read.value


def peer_places(draft: Draft) -> Iterator[tuple[Peer, Reading, Place]]:
    """Yield each unicast peer with the places of its keys and its own."""
    reads = part(draft, "unicast").get("peers")
    if draft.router.unicast is not None and reads is not None and reads.value is not BAD:
        for peer, read in zip(draft.router.unicast.peers, reads.value, strict=True):
            yield peer, read.value, read.place


def check_peers(draft: Draft, problems: Problems) -> None:
    """Judge the unicast peers of one router, each by itself and beside the others."""
    first: dict[Address | str, Place] = {}
    if draft.router.unicast is not None and "peers" not in part(draft, "unicast"):
        # Never multicast instead: whoever wrote "unicast" may be in a network that has none.
        problems.add(
            draft.at("unicast"), 'missing key "peers"', why="without peers there is nobody to talk to"
        )
    for peer, keys, place in peer_places(draft):
        given = [key for key in ("address", "name") if key in keys]
        if len(given) != 1:
            problems.add(place, "both" if given else "neither", 'either "address" or "name"')
            continue
        if keys[given[0]].value is BAD:
            continue
        where = first.setdefault(peer.address or str(peer.name).lower(), place)
        if where is not place:
            why = f"it stands in {problems.line(where)}, column {problems.column(where)}"
            problems.add(place, f"{peer.address or quote(str(peer.name))} again", why=why)
        check_bounds(draft, peer, keys, problems)
        if peer.address is not None:
            check_peer_address(draft.router, peer.address, keys["address"].place, problems)
    check_ipv6_source(draft, problems)
    if draft.router.unicast is not None and not draft.router.unicast.check_source:
        why = "any host that can reach this one may be master, and take the addresses"
        problems.note(part(draft, "unicast")["check_source"].place, "sources are not checked", why=why)


def check_bounds(draft: Draft, peer: Peer, keys: Reading, problems: Problems) -> None:
    """Refuse bounds that nothing fits, and bounds that nobody looks at."""
    if not peer.bounded:
        return
    place = keys["max_ttl" if "max_ttl" in keys else "min_ttl"].place
    if peer.min_ttl > peer.max_ttl:
        problems.add(place, str(peer.max_ttl), f"at least the min_ttl, {peer.min_ttl}")
    elif draft.router.unicast is not None and not draft.router.unicast.check_source:
        why = "with check_source: false nobody looks which peer an advert comes from"
        problems.add(place, str(peer.max_ttl if "max_ttl" in keys else peer.min_ttl), "no bounds", why=why)


def check_peer_address(router: VirtualRouter, address: Address, place: Place, problems: Problems) -> None:
    """Refuse an address that cannot be another router of ours."""
    if address.version != router.family:
        why = f"the addresses of {quote(router.name)} are IPv{router.family}"
        problems.add(place, f'"{address}"', f"an IPv{router.family} address", why=why)
    elif router.unicast is not None and address == router.unicast.source:
        problems.add(place, f'"{address}"', "another router", why="it is our own source")
    elif address in {virtual.address for virtual in (*router.addresses, *router.excluded_addresses)}:
        why = "it is one of the virtual addresses, which moves"
        problems.add(place, f'"{address}"', "the peer's own address", why=why)


def check_ipv6_source(draft: Draft, problems: Problems) -> None:
    """Over IPv6 the primary address is link-local, and reaches link-local peers only."""
    unicast, family = draft.router.unicast, draft.router.family
    if unicast is None or family != 6 or (unicast.source is not None and not unicast.source.is_link_local):
        return
    for peer, _, place in peer_places(draft):
        if peer.name or (
            peer.address is not None and peer.address.version == 6 and not peer.address.is_link_local
        ):
            why = f"{peer.name or peer.address} may be out of reach of a link-local address"
            if unicast.source is None:
                problems.add(place, 'no "source"', 'a "source" beside these peers', why=why)
            else:
                source = part(draft, "unicast")["source"].place
                problems.add(source, f'"{unicast.source}"', "an address that is not link-local", why=why)
            return


def check_multicast(draft: Draft, problems: Problems) -> None:
    """Judge the group and its family."""
    router, keys = draft.router, part(draft, "multicast")
    group, source = router.multicast.group, router.multicast.source
    if group is not None and group.version != router.family:
        problems.add(keys["group"].place, f'"{group}"', f"an IPv{router.family} group", why=of_router(draft))
    if source is not None and source.version == router.family == 6 and not source.is_link_local:
        # RFC 9568 section 5.1.2.1.
        why = "IPv6 adverts to a group come from a link-local address"
        problems.add(keys["source"].place, f'"{source}"', "a link-local address", why=why)


def check_sources(drafts: Iterable[Draft], problems: Problems) -> None:
    """Refuse a source of the wrong family, or one that is a virtual address and moves."""
    virtual = {
        one.address: draft
        for draft in drafts
        for key in ("addresses", "excluded_addresses")
        if key not in draft.bad
        for one in getattr(draft.router, key)
    }
    for draft in drafts:
        router = draft.router
        for key in ("unicast", "multicast"):
            if key not in draft.reading or not draft.bad.isdisjoint((key, "addresses")):
                continue
            read = part(draft, key).get("source")
            if read is None or read.value is BAD:
                continue
            source: Address = read.value
            if source.version != router.family:
                expected = f"an IPv{router.family} address"
                problems.add(read.place, f'"{source}"', expected, why=of_router(draft))
            elif (holder := virtual.get(source)) is not None:
                why = f"it is a virtual address of {quote(holder.router.name)}, which moves"
                problems.add(read.place, f'"{source}"', "an address of this host alone", why=why)


def check_shared_sockets(drafts: Iterable[Draft], problems: Problems) -> None:
    """Refuse two unicast routers of one VRID that may listen on one address."""
    first: dict[tuple[str, int, int], Draft] = {}
    for draft in drafts:
        router = draft.router
        if router.unicast is None or not draft.bad.isdisjoint(("interface", "vrid", "addresses", "unicast")):
            continue
        other = first.setdefault((router.interface, router.vrid, router.family), draft)
        if other is draft or other.router.key == router.key or other.router.unicast is None:
            continue
        if router.unicast.source is None or other.router.unicast.source is None:
            problems.add(
                draft.at("vrid"),
                f"vrid {router.vrid} again on {router.interface} for IPv{router.family}",
                why=f"{quote(other.router.name)} has it; unicast routers of one vrid each need a source",
            )
