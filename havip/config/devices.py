"""Virtual MACs: the interface of its own that a virtual router may hold its addresses on.  Pure.

A macvlan on the router's interface carries the virtual MAC address of RFC 9568 section 7.3; an ipvlan
shares the interface's own.  What is made and removed is `havip.config.device_plan`'s to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from havip.config.cast import Key

if TYPE_CHECKING:
    from havip.config.model import Configuration, VirtualRouter

VIRTUAL_MAC_PREFIX: Final = {4: "00:00:5e:00:01", 6: "00:00:5e:00:02"}  #: RFC 9568 section 7.3
OCTETS: Final = 6


class IpvlanMode(StrEnum):
    """Whether the ipvlans of one interface hear each other, as in ip-link(8)."""

    BRIDGE = "bridge"
    PRIVATE = "private"
    VEPA = "vepa"


@dataclass(frozen=True, slots=True)
class VirtualMac:
    """A macvlan of the router's own.  None: the name and the MAC address that are usual."""

    enabled: bool = True
    name: str | None = None
    mac: str | None = None  # of six octets, or of five to which the VRID is appended
    transmit_on_parent: bool = False  # adverts leave with the interface's own MAC address
    group: int = 0  # the link group of ip-link(8)


@dataclass(frozen=True, slots=True)
class Ipvlan:
    """An ipvlan (L2) of the router's own; ``address`` is one that it holds whatever the router's state."""

    enabled: bool = True
    name: str | None = None
    mode: IpvlanMode = IpvlanMode.BRIDGE
    address: str | None = None  # with its prefix length
    group: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """An interface as a router wants it."""

    router: str  # for people
    key: Key
    kind: str  # "macvlan" or "ipvlan"
    name: str
    parent: str
    mac: str = ""  # of a macvlan
    mode: str = ""  # of an ipvlan
    address: str = ""  # that an ipvlan holds besides, with its prefix length
    group: int = 0


def has_device(router: VirtualRouter) -> bool:
    """Say whether a router holds its addresses on an interface of its own."""
    return router.virtual_mac.enabled or router.ipvlan.enabled


def device_name(router: VirtualRouter) -> str:
    """Return the name of a router's own interface; empty: it has none, or no name yet."""
    if router.virtual_mac.enabled:
        return router.virtual_mac.name or ""
    return (router.ipvlan.name or "") if router.ipvlan.enabled else ""


def sends_from_device(router: VirtualRouter) -> bool:
    """Say whether adverts leave from the router's own interface.

    RFC 9568 section 7.2 wants them to come from the virtual MAC address.  An ipvlan hears nothing that its
    interface sends and the other way round, and has no MAC address of its own: nothing would be won.
    """
    return router.virtual_mac.enabled and not router.virtual_mac.transmit_on_parent


def mac_of(router: VirtualRouter) -> str:
    """Return the MAC address of a router's macvlan; empty: it has none."""
    if not router.virtual_mac.enabled:
        return ""
    given = (router.virtual_mac.mac or VIRTUAL_MAC_PREFIX[router.family]).lower()
    octets = given.split(":")
    return ":".join([*octets, f"{router.vrid:02x}"][:OCTETS])


def device_of(router: VirtualRouter) -> Device | None:
    """Return the interface that a router wants to itself; None: it needs none."""
    who, name = (router.name, router.key), device_name(router)
    if router.virtual_mac.enabled:
        group = router.virtual_mac.group
        return Device(*who, "macvlan", name, router.interface, mac=mac_of(router), group=group)
    if router.ipvlan.enabled:
        mode, address, group = router.ipvlan.mode.value, router.ipvlan.address or "", router.ipvlan.group
        return Device(*who, "ipvlan", name, router.interface, mode=mode, address=address, group=group)
    return None


def devices_of(routers: Iterable[VirtualRouter]) -> list[Device]:
    """Return every interface that is wanted, in the order of the routers."""
    return [device for router in routers if (device := device_of(router)) is not None]


def named(
    routers: Iterable[VirtualRouter], before: Mapping[Key, str] | None = None
) -> tuple[VirtualRouter, ...]:
    """Return the routers with a name for every interface that has none in the file.

    The usual one is ``vrrp.VRID``; for IPv6, where IPv4 has that, ``vrrp6.VRID``; then they are numbered.
    ``before`` are the names that are in use by key: whoever has one keeps it, whatever stands around him.
    """
    routers, before = tuple(routers), before or {}
    taken = {router.interface for router in routers} | set(filter(None, map(device_name, routers)))
    unnamed = [router for router in routers if has_device(router) and not device_name(router)]
    chosen: dict[Key, str] = {}
    for router in unnamed:
        name = before.get(router.key, "")
        if is_derived(name, router.vrid) and name not in taken:
            chosen[router.key] = name
            taken.add(name)
    for router in unnamed:
        if router.key not in chosen:
            name = next(name for name in usual_names(router) if name not in taken)
            chosen[router.key] = name
            taken.add(name)
    return tuple(
        with_name(router, chosen[router.key]) if router.key in chosen else router for router in routers
    )


def is_derived(name: str, vrid: int) -> bool:
    """Say whether a name is one that `named` would give to a router of this VRID."""
    return name in (f"vrrp.{vrid}", f"vrrp6.{vrid}") or name.startswith(f"vrrp.{vrid}.")


def usual_names(router: VirtualRouter) -> Iterable[str]:
    """Yield the names that a router's interface may get, the best first."""
    yield f"vrrp.{router.vrid}"
    if router.family == 6:
        yield f"vrrp6.{router.vrid}"
    yield from (f"vrrp.{router.vrid}.{number}" for number in range(1, 100_000))


def with_name(router: VirtualRouter, name: str) -> VirtualRouter:
    """Return the router whose own interface has that name."""
    if router.virtual_mac.enabled:
        return replace(router, virtual_mac=replace(router.virtual_mac, name=name))
    return replace(router, ipvlan=replace(router.ipvlan, name=name))


def keep_names(new: Configuration, running: Configuration | None = None) -> Configuration:
    """Return a configuration in which every interface of a router's own has a name.

    What runs keeps the name that it has.
    """
    routers = running.virtual_routers if running is not None else ()
    before = {router.key: name for router in routers if (name := device_name(router))}
    return replace(new, virtual_routers=named(new.virtual_routers, before))
