"""Witnesses that need no daemon's word: the addresses and the carrier of a host, the adverts on the wire.

Owns one thread per host watched.  Must never ask a daemon anything.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import Final

from lab.capture import Capture, Frame
from lab.netns import ADDRESS_EVENTS, LINK_EVENTS, Host, Switch

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
IFLA_IFNAME: Final = 3
IFA_ADDRESS: Final = 1
IFA_LOCAL: Final = 2
IFF_LOWER_UP: Final = 0x10000
VRRP: Final = 112
#: EtherType of the frames that carry adverts -> where the VRRP message begins without IP options
MESSAGE_AT: Final = {b"\x08\x00": 14 + 20, b"\x86\xdd": 14 + 40}


@dataclass(frozen=True, slots=True)
class AddressSeen:
    """An address came to a host, or left it."""

    at: int  # ns of CLOCK_MONOTONIC
    address: str
    held: bool


@dataclass(frozen=True, slots=True)
class CarrierSeen:
    """An interface gained or lost its carrier."""

    at: int
    interface: str
    up: bool


@dataclass(frozen=True, slots=True)
class AdvertSeen:
    """A VRRP advertisement passed the switch."""

    at: int
    family: int
    source: str  # the sender's own address
    vrid: int
    priority: int


class HostWatch:
    """Tells every change of a host's addresses and carriers, on a thread of its own, until closed."""

    def __init__(self, host: Host, tell: Callable[[AddressSeen | CarrierSeen], None]) -> None:
        self._tell = tell
        with host.entered():
            self._events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._events.bind((0, ADDRESS_EVENTS | LINK_EVENTS))
        self._stop = os.eventfd(0)
        self._thread = threading.Thread(target=self._listen, name=f"watch {host.name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> HostWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop watching."""
        if self._thread.is_alive():
            os.eventfd_write(self._stop, 1)
            self._thread.join()
            self._events.close()
            os.close(self._stop)

    def _listen(self) -> None:
        while True:
            ready = select.select([self._events.fileno(), self._stop], [], [])[0]
            if self._stop in ready:
                return
            data = self._events.recv(65536)
            now = time.monotonic_ns()
            for seen in changes(data, now):
                self._tell(seen)


def changes(data: bytes, now: int) -> Iterator[AddressSeen | CarrierSeen]:
    """Yield what a datagram of rtnetlink notifications says about addresses and carriers."""
    at = 0
    while at + 16 <= len(data):
        size, kind = struct.unpack_from("=IH", data, at)
        body = data[at + 16 : at + size]
        at += (max(size, 16) + 3) & ~3
        if kind in (RTM_NEWADDR, RTM_DELADDR):
            found = dict(attributes(body[8:]))
            raw = found.get(IFA_LOCAL) or found.get(IFA_ADDRESS)
            if raw:
                yield AddressSeen(now, str(ip_address(raw)), kind == RTM_NEWADDR)
        elif kind in (RTM_NEWLINK, RTM_DELLINK):
            (flags,) = struct.unpack_from("=I", body, 8)
            name = dict(attributes(body[16:])).get(IFLA_IFNAME, b"").rstrip(b"\0").decode()
            yield CarrierSeen(now, name, kind == RTM_NEWLINK and bool(flags & IFF_LOWER_UP))


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (type, value) of each netlink attribute."""
    at = 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        yield kind & 0x3FFF, data[at + 4 : at + size]
        at += (max(size, 4) + 3) & ~3


def advert(frame: Frame) -> AdvertSeen | None:
    """Return the advert that a frame carries, by the fields that all versions share; None if none."""
    data = frame.data
    start = MESSAGE_AT.get(data[12:14])
    if start is None or len(data) < start + 3:
        return None
    if start == MESSAGE_AT[b"\x08\x00"]:
        family, protocol, source = 4, data[14 + 9], data[14 + 12 : 14 + 16]
        start = 14 + (data[14] & 0x0F) * 4
    else:
        family, protocol, source = 6, data[14 + 6], data[14 + 8 : 14 + 24]
    if protocol != VRRP or len(data) < start + 3 or data[start] & 0x0F != 1:
        return None
    return AdvertSeen(frame.at, family, str(ip_address(source)), data[start + 1], data[start + 2])


def watch_adverts(switch: Switch, tell: Callable[[AdvertSeen], None]) -> Capture:
    """Tell every advert that the switch forwards, so that a host cut off falls silent here."""

    def pass_on(frame: Frame) -> None:
        seen = advert(frame)
        if seen is not None:
            tell(seen)

    return Capture(switch, switch.bridge, keep=lambda frame: advert(frame) is not None, tell=pass_on)
