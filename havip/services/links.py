"""Interfaces in the kernel, by pyroute2: what is there, and the steps of a device plan carried out.

Blocks: called from a thread.  pyroute2 is imported only where a virtual router wants an interface of its
own: that costs 0.25 s and 14 MB.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from typing import Any, Final, assert_never

from havip.config.cast import Key
from havip.config.device_plan import MACVLAN_MODE, Adjust, Create, DevicePlan, Present, Remove
from havip.config.devices import Device
from havip.config.sysctl_plan import AS_PARENT, on_device
from havip.netlink import codec
from havip.netlink.codec import Link
from havip.netlink.socket import Heard
from havip.services.sysctls import Sysctls

IFF_UP: Final = 0x1
IFF_MULTICAST: Final = 0x1000
#: With an MTU below 1280 an interface has no IPv6.  Made like this it is there without IPv6 until it can no
#: longer join the group of all routers, and report that to the switches from the virtual MAC address.
WITHOUT_IPV6: Final = 1279
MANY: Final = 4  # interfaces to be removed at once rather than one by one
GROUP: Final = 0x68617669  # "havi": the group into which they come for that

MACVLAN_MODES: Final = {1: "private", 2: "vepa", 4: "bridge", 8: "passthru", 16: "source"}
IPVLAN_L2: Final = 0
IPVLAN_FLAGS: Final = {"bridge": 0, "private": 1, "vepa": 2}
IPVLAN_OTHER_MODES: Final = {1: "l3", 2: "l3s"}


class Links:
    """The kernel's interfaces, one netlink socket for each occasion."""

    def __init__(self, sysctls: Sysctls) -> None:
        self._sysctls = sysctls

    def look(self) -> list[Present]:
        """Return every interface.  Raises `OSError`."""
        with netlink() as ip:
            return [present_of(message) for message in ask(ip.get_links)]

    def carry_out(self, plan: DevicePlan) -> dict[Key, str]:
        """Do every step; return why a router cannot have its interface, in words.  Raises `OSError`."""
        refused: dict[Key, str] = {}
        if not plan.steps:
            return refused
        with netlink() as ip:
            remove_together(ip, [step.present.ifindex for step in plan.steps if isinstance(step, Remove)])
            for step in plan.steps:
                if isinstance(step, Remove):
                    continue
                try:
                    match step:
                        case Create():
                            self._create(ip, step)
                        case Adjust():
                            self._adjust(ip, step)
                        case _:
                            assert_never(step)
                except OSError as error:
                    words = f"cannot make the {step.device.kind} {step.device.name}: {explain(error)}"
                    refused[step.device.key] = words
        return refused

    def settings(self, device: Device) -> dict[str, str]:
        """Return the settings that a device needs of its own."""
        theirs = self._sysctls.read(path.format(device.parent) for path in AS_PARENT)
        return on_device(device.name, device.parent, theirs)

    def _create(self, ip: Any, step: Create) -> None:
        device, parent = step.device, step.parent
        wanted: dict[str, Any] = {"ifname": device.name, "kind": device.kind, "link": parent.ifindex}
        if device.kind == "macvlan":
            wanted |= {"macvlan_mode": MACVLAN_MODE, "address": device.mac}
        else:
            wanted |= {"ipvlan_mode": IPVLAN_L2, "ipvlan_flags": IPVLAN_FLAGS[device.mode]}
        ask(ip.link, "add", mtu=min(parent.mtu, WITHOUT_IPV6), **wanted)
        (index,) = ask(ip.link_lookup, ifname=device.name)
        try:
            ask(ip.link, "set", index=index, ifalias=step.alias)
            ask(ip.link, "set", index=index, flags=0, change=IFF_MULTICAST)
            self._finish(ip, device, index, parent.mtu, step.vrf)
        except OSError:
            remove(ip, index)  # half an interface is worse than none
            raise

    def _adjust(self, ip: Any, step: Adjust) -> None:
        if step.alias != step.present.alias:
            ask(ip.link, "set", index=step.present.ifindex, ifalias=step.alias)
        self._finish(ip, step.device, step.present.ifindex, step.mtu, step.vrf)

    def _finish(self, ip: Any, device: Device, index: int, mtu: int, vrf: int) -> None:
        ask(ip.link, "set", index=index, mtu=mtu, master=vrf, group=device.group)
        objections = self._sysctls.write(self.settings(device))
        if objections:
            raise OSError(errno.EPERM, next(iter(objections.values())))
        if device.address:
            address, _, length = device.address.partition("/")
            with contextlib.suppress(FileExistsError):  # since an earlier life
                ask(ip.addr, "add", index=index, address=address, prefixlen=int(length))
        ask(ip.link, "set", index=index, flags=IFF_UP, change=IFF_UP)


@contextlib.contextmanager
def netlink() -> Iterator[Any]:
    """Open pyroute2's socket.  Raises `OSError`."""
    from pyroute2 import IPRoute

    know_ipvlan_flags()
    with IPRoute() as ip:
        yield ip


def know_ipvlan_flags() -> None:
    """Teach pyroute2 the flags of an ipvlan (linux/if_link.h), which it has left out."""
    from pyroute2.netlink import nla
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

    class Ipvlan(nla):  # type: ignore[misc]
        prefix = "IFLA_"
        nla_map = (
            ("IFLA_IPVLAN_UNSPEC", "none"),
            ("IFLA_IPVLAN_MODE", "uint16"),
            ("IFLA_IPVLAN_FLAGS", "uint16"),
        )

    ifinfmsg.ifinfo.register_link_kind(module={"ipvlan": Ipvlan})


def ask(request: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Do one request of pyroute2.  What the kernel objects becomes an `OSError`."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        answer = request(*arguments, **options)
        return list(answer) if answer is not None else []
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from error


def remove_together(ip: Any, indices: list[int]) -> None:
    """Remove interfaces; what cannot be removed stays.

    One by one each takes 17 ms: the kernel waits until no CPU can be looking at it any more.  A group of them
    takes that once, and nobody else's interface may be in it.
    """
    if len(indices) >= MANY:
        with contextlib.suppress(OSError):
            for index in indices:
                ask(ip.link, "set", index=index, group=GROUP)
            links = ask(ip.get_links)
            if {one["index"] for one in links if one.get_attr("IFLA_GROUP") == GROUP} == set(indices):
                ask(ip.link, "del", group=GROUP)
                return
    for index in indices:
        with contextlib.suppress(OSError):
            remove(ip, index)


def remove(ip: Any, index: int) -> None:
    """Remove an interface; it may have gone with its parent."""
    try:
        ask(ip.link, "del", index=index)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise


def explain(error: OSError) -> str:
    """Return the kernel's words."""
    if error.errno == errno.EOPNOTSUPP:
        return "the kernel has no such type of interface (Operation not supported)"
    return error.strerror or str(error)


def present_of(message: Any) -> Present:
    """Return an interface as it is described by a message of the kernel."""
    info = message.get_attr("IFLA_LINKINFO")
    kind = (info.get_attr("IFLA_INFO_KIND") or "") if info else ""
    data = info.get_attr("IFLA_INFO_DATA") if info else None
    return Present(
        name=message.get_attr("IFLA_IFNAME") or "",
        ifindex=message["index"],
        hardware=message["ifi_type"],
        kind=kind,
        parent=message.get_attr("IFLA_LINK") or 0,
        mac=(message.get_attr("IFLA_ADDRESS") or "").lower(),
        mode=mode_of(kind, data),
        alias=message.get_attr("IFLA_IFALIAS") or "",
        mtu=message.get_attr("IFLA_MTU") or 0,
        up=bool(message["flags"] & IFF_UP),
        master=message.get_attr("IFLA_MASTER") or 0,
        group=message.get_attr("IFLA_GROUP") or 0,
    )


def mode_of(kind: str, data: Any) -> str:
    """Return the mode of a macvlan or an ipvlan, in the words of ip-link(8); of an L2 ipvlan its flag."""
    if data is None:
        return ""
    if kind == "macvlan":
        number = data.get_attr("IFLA_MACVLAN_MODE")
        return number if isinstance(number, str) else MACVLAN_MODES.get(number, "")
    if kind == "ipvlan":
        mode = data.get_attr("IFLA_IPVLAN_MODE") or IPVLAN_L2
        if mode != IPVLAN_L2:
            return IPVLAN_OTHER_MODES.get(mode, "")
        flags = data.get_attr("IFLA_IPVLAN_FLAGS") or 0
        return next(name for name, flag in IPVLAN_FLAGS.items() if flags & 3 == flag)
    return ""


def links_in(heard: Heard) -> list[Link] | None:
    """Return the interfaces that events tell of; None: some were lost, or make no sense."""
    if heard.overrun:
        return None
    try:
        found = [codec.parse_link(message.body) for message in heard.messages]
    except codec.Malformed:
        return None
    return [link for link in found if link is not None]
