"""What was read, merged with `defaults:` and checked as a whole: readings to a `Configuration`.  Pure.

A draft is a virtual router that need not be valid yet.  Keys that could not be read are listed as bad
and hold a stand-in, so a check runs exactly when all that it looks at was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any

from havip.config.balancing import VirtualService, checks_made
from havip.config.fields import Group, ListOf, Named, Shape
from havip.config.keys import CONFIGURATION, ROUTER
from havip.config.keys.addresses import ADDRESS
from havip.config.model import Configuration, VirtualAddress, VirtualRouter
from havip.config.problems import Place
from havip.config.reader import BAD, Read, Reading, missing, whole
from havip.config.syncgroups import shared

#: what a draft holds for required keys that could not be read; no check sees them
STAND_IN = {"interface": "?", "vrid": 0, "addresses": (VirtualAddress(IPv4Address(0), 32),)}


@dataclass(frozen=True, slots=True)
class Draft:
    """A virtual router as far as it could be read, and where its parts stand."""

    router: VirtualRouter
    place: Place  # of its name
    reading: Mapping[str, Read]
    bad: frozenset[str]  # keys whose values mean nothing

    def at(self, key: str) -> Place:
        """Return where the value of ``key`` stands; the router itself for a value nobody wrote."""
        read = self.reading.get(key)
        return self.place if read is None else read.place

    def address_places(self) -> Iterable[tuple[VirtualAddress, Place]]:
        """Yield each address that could be read with its place."""
        if "addresses" in self.bad:
            return ()
        reads = self.reading["addresses"].value
        return ((value_of(read, ADDRESS), read.place) for read in reads)


def items_of(reading: Mapping[str, Read], key: str, shape: ListOf) -> Iterator[tuple[Any, Read]]:
    """Yield each value of a list that was read whole, with what was read."""
    for item in list_of(reading, key):
        if whole(item, shape.item):
            yield value_of(item, shape.item), item


def routers(root: Reading) -> list[Draft]:
    """Return every virtual router of a file, merged with the defaults."""
    defaults = group_of(root, "defaults")
    return [draft(name, read, defaults) for name, read in group_of(root, "virtual_routers").items()]


def configuration(
    root: Reading, drafts: Iterable[Draft], services: tuple[VirtualService, ...] = ()
) -> Configuration:
    """Return what a file means, once nothing in it is wrong."""
    merged = ("defaults", "virtual_routers", "service_defaults", "virtual_services")
    bare = Configuration(**values(root, CONFIGURATION, merged), virtual_services=services)
    bare = replace(bare, checks=(*bare.checks, *checks_made(services)))
    resolve = bare.tracked.resolve
    groups = [replace(group, track=resolve(group.track)) for group in bare.sync_groups]
    routers = [one.router for one in drafts]
    tracks = shared(groups, {router.name: resolve(router.track) for router in routers})
    return replace(
        bare, virtual_routers=tuple(replace(router, track=tracks[router.name]) for router in routers)
    )


def good(reading: Mapping[str, Read], key: str) -> Read | None:
    """Return what was read for ``key``; None: there is nothing, or it could not be read."""
    read = reading.get(key)
    return None if read is None or read.value is BAD else read


def group_of(reading: Mapping[str, Read], key: str) -> Reading:
    """Return the mapping under ``key``, empty where there is none or none that could be read."""
    read = good(reading, key)
    return {} if read is None else read.value


def list_of(reading: Mapping[str, Read], key: str) -> list[Read]:
    """Return the items under ``key`` that could be read, if only in part; none where there is no list."""
    read = good(reading, key)
    return [] if read is None else [item for item in read.value if item.value is not BAD]


def draft(name: str, read: Read, defaults: Reading) -> Draft:
    """Return one virtual router upon the defaults."""
    reading = merge(defaults, {} if read.value is BAD else read.value)
    listed = reading.get("addresses")
    if listed is not None and listed.value is not BAD:  # judge the good ones of the list all the same
        good = tuple(item for item in listed.value if whole(item, ADDRESS))
        reading = {**reading, "addresses": Read(good, listed.place)}
    bad = missing(reading, ROUTER)
    if "addresses" not in bad and not reading["addresses"].value:
        bad.add("addresses")  # none of the list could be read
    router = VirtualRouter(name=name, **{**STAND_IN, **values(reading, ROUTER, bad)})
    return Draft(router, read.place, reading, frozenset(bad))


def merge(below: Reading, above: Reading) -> Reading:
    """Lay one reading over another; a mapping within is merged key by key."""
    if not below:
        return above
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key].value, dict) and isinstance(above[key].value, dict):
            merged[key] = Read(merge(below[key].value, above[key].value), above[key].place)
    return merged


def values(reading: Reading, group: Group, leave_out: Iterable[str] = ()) -> dict[str, Any]:
    """Return the arguments of the group's dataclass, without keys of which no value can be made."""
    return {
        key: value_of(read, group.by_name[key].shape)
        for key, read in reading.items()
        if key not in leave_out and whole(read, group.by_name[key].shape)
    }


def value_of(read: Read, shape: Shape) -> Any:
    """Return a value freed of places."""
    match shape:
        case Group():
            return shape.make(**values(read.value, shape))
        case Named():
            return tuple(
                shape.group.make(**{shape.key: shape.name.read(name)}, **values(item.value, shape.group))
                for name, item in read.value.items()
            )
        case ListOf():
            return tuple(value_of(item, shape.item) for item in read.value)
        case _:
            return read.value
