"""From the interfaces that are there to those that routers want to themselves: what to do, in order.  Pure.

An interface of ours is known by its alias, which names the instance and the virtual router: so it is found
again after a daemon that was killed, and one that fits is adopted as it is.  Nothing that lacks our alias
is ever changed or removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from havip.config.cast import Key
from havip.config.devices import Device

ETHERNET: Final = 1  # ARPHRD_ETHER
#: In mode "private" a frame that comes from the macvlan's own MAC address, as every advert of a master with
#: a virtual MAC does, never reaches the parent.  In this mode it does; nothing else differs.
MACVLAN_MODE: Final = "vepa"
MODE: Final = {"macvlan": MACVLAN_MODE}


@dataclass(frozen=True, slots=True)
class Present:
    """An interface as the kernel has it."""

    name: str
    ifindex: int
    hardware: int = ETHERNET  # ARPHRD_*
    kind: str = ""  # of what the kernel made it: "macvlan", "veth", ...; empty: hardware
    parent: int = 0  # the ifindex of the interface that it stands on
    mac: str = ""
    mode: str = ""
    alias: str = ""
    mtu: int = 1500
    up: bool = True
    master: int = 0  # the ifindex of the bridge, bond or VRF that it belongs to
    group: int = 0


@dataclass(frozen=True, slots=True)
class Create:
    """Make an interface, in the same VRF as its parent, which is there."""

    device: Device
    parent: Present
    alias: str
    vrf: int = 0


@dataclass(frozen=True, slots=True)
class Adjust:
    """Bring an interface that fits to the parent's MTU, into its VRF and its group, up, under our alias."""

    device: Device
    present: Present
    mtu: int
    alias: str
    vrf: int = 0


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove an interface of ours that is not wanted any more, or not like this."""

    present: Present


Step: TypeAlias = Create | Adjust | Remove


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """Steps in their order, and why a router cannot have its interface, in words."""

    steps: tuple[Step, ...] = ()
    refused: Mapping[Key, str] = field(default_factory=dict)


def alias_of(instance: str, key: Key) -> str:
    """Return the alias that marks an interface as ours and for which router it is."""
    interface, vrid, family, segment = key
    return f"{prefix_of(instance)}{interface} {vrid} ipv{family} {segment}".rstrip()


def prefix_of(instance: str) -> str:
    """Return how every alias of an instance begins."""
    return f"havip {instance or '-'} "


def plan_devices(
    wanted: Sequence[Device], present: Iterable[Present], instance: str, *, remove: bool
) -> DevicePlan:
    """Return what leads from ``present`` to ``wanted``.

    Without ``remove`` nothing is taken away: routers that the VRRP worker still runs may stand on it.
    """
    by_name = {one.name: one for one in present}
    ours = {name: one for name, one in by_name.items() if one.alias.startswith(prefix_of(instance))}
    make: list[Step] = []
    going = set(ours) - {device.name for device in wanted}
    refused: dict[Key, str] = {}
    for device in wanted:
        parent, there = by_name.get(device.parent), by_name.get(device.name)
        if parent is None:
            # The router says itself that its interface does not exist.  It may only have been renamed: what
            # stands on it waits for it.
            continue
        alias, vrf = alias_of(instance, device.key), vrf_of(parent, by_name.values())
        why = "" if there is None else misfit(device, there, parent)
        if parent.hardware != ETHERNET:
            refused[device.key] = f"interface {device.parent} is not Ethernet: it can carry no {device.kind}"
        elif why and device.name not in ours:
            refused[device.key] = f"interface {device.name} exists and is not ours: {why}"
        elif why and remove:
            going.add(device.name)
            make.append(Create(device, parent, alias, vrf))
        elif there is None:
            # Under another name it still is a running router's, and the kernel gives the address only once.
            busy = any((one.parent, one.mac) == (parent.ifindex, device.mac) for one in ours.values())
            if remove or not busy:
                make.append(Create(device, parent, alias, vrf))
        elif not why and is_to_adjust(device, there, parent, alias, vrf) and device.name in ours:
            # What somebody else has made for us is used as it is, and stays when we go.
            make.append(Adjust(device, there, parent.mtu, alias, vrf))
    leave = [Remove(ours[name]) for name in ours if name in going] if remove else []
    return DevicePlan((*leave, *make), refused)


def is_to_adjust(device: Device, there: Present, parent: Present, alias: str, vrf: int) -> bool:
    """Say whether an interface that fits is not quite as it should be."""
    wanted = (parent.mtu, True, alias, vrf, device.group)
    return (there.mtu, there.up, there.alias, there.master, there.group) != wanted


def vrf_of(parent: Present, present: Iterable[Present]) -> int:
    """Return the ifindex of the VRF that an interface is in; 0: it is in none."""
    return next((one.ifindex for one in present if one.kind == "vrf" and one.ifindex == parent.master), 0)


def misfit(device: Device, there: Present, parent: Present) -> str:
    """Return why an interface is not the one that is wanted, in words; empty: it is."""
    mode = device.mode or MODE.get(device.kind, "")
    if there.kind != device.kind:
        return f"it is no {device.kind}"
    if there.parent != parent.ifindex:
        return f"it does not stand on {device.parent}"
    if device.mac and there.mac != device.mac:
        return f"its MAC address is {there.mac}, not {device.mac}"
    if there.mode != mode:
        return f"its mode is {there.mode}, not {mode}"
    return ""
