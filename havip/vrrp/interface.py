"""An interface as the virtual routers of one family see it: usable, or the reason why not.

Pure: it looks at what `havip.netlink.mirror` knows and never asks the kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from havip.config.model import Family
from havip.netlink import codec
from havip.netlink.codec import Address
from havip.netlink.mirror import Mirror

SOCKET_FAMILY: Final = {Family.IPV4: codec.AF_INET, Family.IPV6: codec.AF_INET6}


@dataclass(frozen=True, slots=True)
class InterfaceView:
    """One interface as the routers of one family see it.

    ``fault`` says in words why it cannot be used; None: it can.  ``address`` is the primary address,
    packed, empty if there is none; ``mtu`` is in bytes; ``forwards`` is about IPv6 and False for IPv4.
    ``link`` is the fault of the link alone, ``lack`` what would keep us from using it were the link good.
    """

    fault: str | None
    ifindex: int
    mac: bytes
    address: bytes
    mtu: int
    forwards: bool = False
    link: str | None = None
    lack: str | None = None


def despite_link(view: InterfaceView) -> InterfaceView:
    """Return the view as if the link were good."""
    return replace(view, fault=view.lack, link=None)


def link_fault(mirror: Mirror, interface: str) -> str | None:
    """Return in words why an interface carries nothing; None: it is up and running."""
    link = mirror.link(interface)
    if link is None:
        return absent(mirror, interface)
    if not link.flags & codec.IFF_UP:
        return f"interface {interface} is down"
    if not (link.flags & codec.IFF_RUNNING and link.flags & codec.IFF_LOWER_UP):
        return f"interface {interface} has no carrier"
    return None


@dataclass(frozen=True, slots=True)
class DeviceView:
    """An interface that is to hold something of ours and carries no adverts.

    ``fault`` says in words why nothing can be put there; None: it can.
    """

    fault: str | None
    ifindex: int
    mac: bytes
    forwards: bool  # IPv6


def device_of(mirror: Mirror, name: str) -> DeviceView:
    """Return the view of an interface that carries no adverts."""
    link = mirror.link(name)
    if link is None:
        return DeviceView(absent(mirror, name), 0, b"", False)
    fault = None if link.flags & codec.IFF_UP else f"interface {name} is down"
    return DeviceView(fault, link.ifindex, link.mac, mirror.forwards(link.ifindex))


def absent(mirror: Mirror, name: str) -> str:
    """Return in words that there is no such interface."""
    other = mirror.renamed_to(name)
    return f"interface {name} does not exist" + (f" (renamed to {other})" if other else "")


def view_of(
    mirror: Mirror, interface: str, family: Family, is_ours: Callable[[Address], bool], source: bytes = b""
) -> InterfaceView:
    """Return the view of an interface.

    ``is_ours`` tells virtual addresses that we put there.  ``source``, packed, is the address that must
    serve as the primary one; empty: any may.
    """
    bad = link_fault(mirror, interface)
    link = mirror.link(interface)
    if link is None:
        return InterfaceView(bad, 0, b"", b"", 0, link=bad, lack=bad)
    theirs = [
        address for address in mirror.addresses(link.ifindex, SOCKET_FAMILY[family]) if not is_ours(address)
    ]
    primary = chosen(theirs, source) if source else primary_address(theirs, family)
    lack = None
    if not primary and source:
        why = why_unusable([address for address in theirs if address.address == source])
        lack = f"interface {interface} has no address {ip_address(source)} to send from{why}"
    elif not primary and family is Family.IPV4:
        lack = f"interface {interface} has no IPv4 address"
    elif not primary:
        why = why_unusable(list(filter(is_link_local, theirs)))
        lack = f"interface {interface} has no usable IPv6 link-local address{why}"
    forwards = family is Family.IPV6 and mirror.forwards(link.ifindex)
    return InterfaceView(bad or lack, link.ifindex, link.mac, primary, link.mtu, forwards, bad, lack)


def primary_address(candidates: list[Address], family: Family) -> bytes:
    """Return the packed address that adverts are sent from; empty: there is none.

    Among IPv4 addresses it is the one that the kernel itself would send link-local multicast from.  A
    secondary address only serves where there is no other: its primary one may be ours.  Among IPv6
    link-local addresses it is the oldest, so that a later one does not make us another router.
    """
    if family is Family.IPV4:
        ipv4 = filter(usable_ipv4, candidates)
        best = min(ipv4, key=lambda one: (one.flags & codec.SECONDARY, one.scope), default=None)
    else:
        best = min(filter(usable_ipv6, candidates), key=lambda one: (one.created, one.address), default=None)
    return best.address if best else b""


def chosen(candidates: list[Address], source: bytes) -> bytes:
    """Return ``source`` if it is among the candidates and can be sent from; empty otherwise."""
    settled = (one.address for one in candidates if not one.flags & (codec.TENTATIVE | codec.DAD_FAILED))
    return source if source in settled else b""


def why_unusable(candidates: list[Address]) -> str:
    """Return, in brackets, what is wrong with the first address; nothing if there is none."""
    for address in candidates:
        failed = address.flags & codec.DAD_FAILED
        words = "failed duplicate address detection" if failed else "is still tentative"
        return f" ({ip_address(address.address)} {words})"
    return ""


def usable_ipv4(address: Address) -> bool:
    """Say whether link-local multicast may be sent from an IPv4 address: its scope reaches the link."""
    return address.scope <= codec.SCOPE_LINK


def usable_ipv6(address: Address) -> bool:
    """Say whether adverts may be sent from an IPv6 address: RFC 9568 section 5.1.2.1."""
    return is_link_local(address) and not address.flags & (codec.TENTATIVE | codec.DAD_FAILED)


def is_link_local(address: Address) -> bool:
    """Say whether an IPv6 address is in fe80::/10."""
    return address.address[0] == 0xFE and address.address[1] & 0xC0 == 0x80


def outlet_fault(mirror: Mirror, name: str, parent: int, mac: bytes) -> str | None:
    """Return in words why a router cannot use an interface as its own; None: it can.

    It must stand on the interface ``parent`` and have the address ``mac``, unless that is empty.  Its carrier
    is its parent's, which is looked at there, with the delays that count for it.
    """
    link = mirror.link(name)
    if link is not None and link.parent != parent:
        return f"interface {name} stands on another interface"
    if link is not None and mac and link.mac != mac:
        return f"interface {name} has another MAC address than the virtual one"
    return device_of(mirror, name).fault
