"""What must hold of addresses and their options, of routes and of rules, each and together.  Pure.

An item in which something could not be read is not judged: one mistake is reported once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, TypeAlias

from havip.clock import ZERO, spell
from havip.config.draft import Draft, group_of, items_of, list_of
from havip.config.fields import ListOf
from havip.config.keys.addresses import ADDRESSES, MORE_ADDRESSES
from havip.config.keys.routing import ROUTES, RULES
from havip.config.model import VirtualAddress, claim
from havip.config.problems import Place, Problems, nearest_of, quote
from havip.config.reader import Read, Reading
from havip.config.routing import RouteType, VirtualRoute, VirtualRule
from havip.config.routing_kinds import FOREVER

#: key, what is there, what should be, why
Objection: TypeAlias = tuple[str, str, str, str]
Given: TypeAlias = Mapping[str, Read]

ONLY_IPV4_ADDRESS: Final = ("label", "broadcast", "scope")
ONLY_IPV6_ADDRESS: Final = ("duplicate_detection", "home", "manage_temporary")
ONLY_IPV4_ROUTE: Final = ("scope", "tos", "realms")
ONLY_IPV6_ROUTE: Final = ("preference",)
NO_WAY: Final = (RouteType.BLACKHOLE, RouteType.UNREACHABLE, RouteType.PROHIBIT, RouteType.THROW)


@dataclass(frozen=True)
class Holder:
    """A virtual router, or the section `static`."""

    name: str
    reading: Given
    home: str  # the interface of addresses that name none; empty: there is none, or it could not be read
    listed: tuple[str, ...]  # its lists of addresses

    def items(self, key: str, shape: ListOf, broken: Sequence[str]) -> Iterator[tuple[Any, Read]]:
        """Yield each value of a list with what was read, but those that one of the paths ``broken`` is in."""
        for value, read in items_of(self.reading, key, shape):
            within = (path for path in broken if path.startswith(f"{read.place.path}."))
            if next(within, None) is None:
                yield value, read


def check(root: Reading, drafts: Sequence[Draft], problems: Problems) -> None:
    """Run every check of this file over one file."""
    holders = [
        Holder(
            quote(draft.router.name),
            draft.reading,
            "" if "interface" in draft.bad else draft.router.home,
            ("addresses", "excluded_addresses"),
        )
        for draft in drafts
    ]
    static = Holder('"static"', group_of(root, "static"), "", ("addresses",))
    broken = [problem.path for problem in problems.errors]
    for virtual, read in static.items("addresses", MORE_ADDRESSES, broken):
        if not virtual.device:
            problems.add(
                read.place, 'missing key "device"', why="a static address belongs to no virtual router"
            )
    holders.append(static)
    for holder in holders:
        check_items(holder, broken, problems)
    check_claims(holders, problems)
    check_twice(holders, "routes", ROUTES, attrgetter("place"), broken, problems)
    check_twice(holders, "rules", RULES, attrgetter("place"), broken, problems)
    check_needed(list_of(static.reading, "needed_by"), {draft.router.name for draft in drafts}, problems)


def check_needed(listed: Sequence[Read], known: Collection[str], problems: Problems) -> None:
    """Refuse a name under ``needed_by`` that no virtual router has."""
    for read in listed:
        if read.value not in known:
            nearest = nearest_of(read.value, known)
            expected, why = "the name of a virtual router", 'none below "virtual_routers"'
            problems.add(read.place, quote(read.value), expected, nearest=nearest, why=why)


def check_items(holder: Holder, broken: Sequence[str], problems: Problems) -> None:
    """Judge every address, route and rule by itself."""
    judges: list[tuple[str, ListOf, Callable[[Any, Given], Iterator[Objection]]]] = [
        *((key, ADDRESSES if key == "addresses" else MORE_ADDRESSES, of_address) for key in holder.listed),
        ("routes", ROUTES, of_route),
        ("rules", RULES, of_rule),
    ]
    for key, shape, judge in judges:
        for value, read in holder.items(key, shape, broken):
            for blamed, found, expected, why in judge(value, read.value):
                place = read.value[blamed].place if blamed in read.value else read.place
                problems.add(place, found, expected, why=why)


def only(keys: Sequence[str], given: Given, version: int, wanted: int) -> Iterator[Objection]:
    """Object to keys that the other family does not have."""
    for key in keys:
        if key in given and version != wanted:
            yield key, quote(key), f"an IPv{wanted} address beside it", f"IPv{version} does not have this"


def of_address(virtual: VirtualAddress, given: Given) -> Iterator[Objection]:
    """Judge the options of an address."""
    version = virtual.address.version
    yield from only(ONLY_IPV4_ADDRESS, given, version, 4)
    yield from only(ONLY_IPV6_ADDRESS, given, version, 6)
    if version == 4 and virtual.preferred_lifetime not in (None, ZERO, FOREVER):
        found = spell(virtual.preferred_lifetime)
        yield "preferred_lifetime", found, "0s or forever", "IPv4 knows no other"
    if virtual.peer is not None and virtual.peer.version != version:
        yield "peer", quote(str(virtual.peer)), f"an IPv{version} address", "both ends have one family"


def of_route(route: VirtualRoute, given: Given) -> Iterator[Objection]:
    """Judge a route."""
    version = route.to.version
    yield from only(ONLY_IPV4_ROUTE, given, version, 4)
    yield from only(ONLY_IPV6_ROUTE, given, version, 6)
    if route.source is not None and route.source.version != version:
        yield "source", quote(str(route.source)), f"an IPv{version} address", "both ends have one family"
    ways = [key for key in ("via", "device", "next_hops") if key in given]
    if route.type in NO_WAY:
        for key in ways:
            yield key, quote(key), "none", f"a route of type {route.type} leads nowhere"
        return
    if route.type is RouteType.UNICAST and not ways:
        yield "to", "neither", '"via", "device" or "next_hops"', "it must lead somewhere"
    if "next_hops" in given:
        for key in ("via", "device", "onlink"):
            if key in given:
                yield key, quote(key), 'either it or "next_hops"', "each of the next hops has its own"
    if route.onlink and not (route.via is not None and route.device):
        yield "onlink", "true", '"via" and "device" beside it', "it is about a gateway on a link"
    for number, hop in enumerate(route.next_hops):
        if hop.via is None and not hop.device:
            yield (
                "next_hops",
                f"neither in number {number + 1}",
                '"via" or "device"',
                "it must lead somewhere",
            )
        if hop.onlink and not (hop.via is not None and hop.device):
            why = "it is about a gateway on a link"
            yield "next_hops", f"onlink in number {number + 1}", '"via" and "device" beside it', why
    for key, via in (("via", route.via), *(("next_hops", hop.via) for hop in route.next_hops)):
        if via is not None and version == 6 and via.version == 4:
            yield key, quote(str(via)), "an IPv6 address", "IPv6 has no gateways of IPv4"


def of_rule(rule: VirtualRule, given: Given) -> Iterator[Objection]:
    """Judge a rule."""
    networks = [(key, network) for key, network in (("source", rule.source), ("to", rule.to)) if network]
    if not networks and "family" not in given:
        yield "priority", 'missing key "family"', "", "no network tells it"
    for key, network in networks:
        if network.version != rule.family:
            yield key, quote(str(network)), f"an IPv{rule.family} network", "a rule has one family"
    does = [key for key in ("table", "action", "goto") if key in given] + ["l3mdev"] * rule.l3mdev
    if len(does) != 1:
        found = " and ".join(map(quote, does)) or "none"
        yield (
            does[-1] if does else "priority",
            found,
            'one of "table", "action", "goto" and "l3mdev"',
            "a rule does one thing",
        )
    here = rule.priority
    if rule.goto is not None and rule.goto <= here:
        yield "goto", str(rule.goto), f"more than {here}", "rules go on forwards only"
    for key in ("suppress_prefix_length", "suppress_group"):
        if key in given and "table" not in given and not rule.l3mdev:
            yield key, quote(key), '"table" beside it', "it is about the routes of a table"
    if rule.realms is not None and rule.family == 6:
        yield "realms", quote("realms"), "an IPv4 rule", "IPv6 does not have this"
    for key in ("source_ports", "destination_ports"):
        if key in given and "ip_protocol" not in given:
            yield key, quote(key), '"ip_protocol" beside it', "not every protocol has ports"


def check_claims(holders: Sequence[Holder], problems: Problems) -> None:
    """Refuse an address that stands twice: with one holder, or with two that would fight for it."""
    first: dict[Any, tuple[Holder, Place]] = {}
    for holder in holders:
        for key in holder.listed:
            for virtual, read in items_of(holder.reading, key, MORE_ADDRESSES):
                where = virtual.device or holder.home
                if virtual.address.is_link_local and not where:
                    continue
                again(f"{virtual.address} again", claim(where, virtual), holder, read.place, first, problems)


def check_twice(
    holders: Sequence[Holder],
    key: str,
    shape: ListOf,
    identity: Callable[[Any], Any],
    broken: Sequence[str],
    problems: Problems,
) -> None:
    """Refuse what the kernel has room for only once."""
    first: dict[Any, tuple[Holder, Place]] = {}
    for holder in holders:
        for value, read in holder.items(key, shape, broken):
            again(f"{value} again", identity(value), holder, read.place, first, problems)


def again(
    words: str,
    identity: Any,
    holder: Holder,
    place: Place,
    first: dict[Any, tuple[Holder, Place]],
    problems: Problems,
) -> None:
    """Take note of a holding, or say that somebody has it already."""
    owner, where = first.setdefault(identity, (holder, place))
    if where is not place:
        by = "it stands" if owner is holder else f"{owner.name} has it"
        problems.add(place, words, why=f"{by} in {problems.line(where)}, column {problems.column(where)}")
