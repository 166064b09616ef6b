"""The numbers and MAC addresses of this network namespace's interfaces, asked of the kernel."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
from collections.abc import Iterable
from typing import Final

from havip.snmp.view import NOWHERE, Interface

SIOCGIFHWADDR: Final = 0x8927
ETHERNET: Final = 1  # ARPHRD_ETHER
REQUEST: Final = struct.Struct("16sH6s16x")  # struct ifreq with a struct sockaddr


def interfaces(with_mac: Iterable[str]) -> dict[str, Interface]:
    """Return every interface by its name; the MAC address of those in ``with_mac``.  Never blocks."""
    try:
        numbers = {name: index for index, name in socket.if_nameindex()}
    except OSError:  # no memory: as good as none
        return {}
    found = {name: Interface(index) for name, index in numbers.items()}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for name in with_mac:
            if name in found:
                found[name] = Interface(numbers[name], mac(asking, name))
    return found


def interface(name: str) -> Interface:
    """Return one interface, without its MAC address."""
    try:
        return Interface(socket.if_nametoindex(name))
    except OSError:
        return NOWHERE


def mac(asking: socket.socket, name: str) -> bytes:
    """Return an interface's Ethernet address; empty where it has none."""
    with contextlib.suppress(OSError):  # it has gone
        answer = fcntl.ioctl(asking, SIOCGIFHWADDR, REQUEST.pack(name.encode(), 0, b""))
        _, kind, address = REQUEST.unpack(answer)
        if kind == ETHERNET:
            return bytes(address)
    return b""
