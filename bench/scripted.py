"""A master that is only a voice: it sends VRRPv3 adverts over IPv4 and stops at once, without resigning.

Owns one raw socket per interface.  It holds no address, hears nothing and answers nobody.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from typing import Final

from havip.clock import Duration, to_centiseconds
from havip.config.model import VirtualRouter
from lab.netns import Host

VRRP: Final = 112
GROUP: Final = IPv4Address("224.0.0.18")
ABOVE_THE_DAEMONS: Final = 60  # SCHED_RR: a dead master must have died by our will, not for want of a CPU
PRIORITY: Final = 254


class ScriptedMaster:
    """The master of the daemon's own ``routers``: same VRIDs, addresses and interval."""

    def __init__(self, host: Host, routers: Sequence[VirtualRouter], sources: dict[str, IPv4Address]) -> None:
        self.interval = routers[0].interval
        sockets = {interface: open_sender(host, interface, ip) for interface, ip in sources.items()}
        self.sockets = list(sockets.values())
        self.sends: list[tuple[Callable[[bytes], int], bytes]] = [
            (sockets[router.interface].send, message(router, sources[router.interface])) for router in routers
        ]

    def __enter__(self) -> ScriptedMaster:
        return self

    def __exit__(self, *exc: object) -> None:
        for sender in self.sockets:
            sender.close()

    def speak(self, rounds: int) -> None:
        """Send every router's advert once per interval, all in one burst; die after the last round."""
        with prompt():
            for _ in ticks(self.interval, rounds):
                for send, packet in self.sends:
                    send(packet)

    def speak_evenly(self, rounds: int) -> None:
        """Send every router's advert once per interval, spread evenly over it."""
        count = len(self.sends)
        with prompt():
            for number in ticks(Duration(self.interval // count), rounds * count):
                send, packet = self.sends[number % count]
                send(packet)


def ticks(period: Duration, count: int) -> Iterator[int]:
    """Yield 0, 1, 2 ... ``count`` - 1, one every ``period``; what is late is made up for."""
    begin = time.monotonic_ns()
    for number in range(count):
        left = begin + number * period - time.monotonic_ns()
        if left > 0:
            time.sleep(left / 1e9)
        yield number


@contextmanager
def prompt() -> Iterator[None]:
    """Run the calling process above the daemons for a while; what it starts does not inherit this."""
    os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(ABOVE_THE_DAEMONS))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def open_sender(host: Host, interface: str, source: IPv4Address) -> socket.socket:
    """Return a raw socket that sends VRRP to the group, from ``source`` with TTL 255."""
    with host.entered():
        sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, VRRP)
    index = index_of(host, interface)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xC0)
    request = struct.pack("@4s4si", GROUP.packed, source.packed, index)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
    sender.bind((str(source), 0))
    sender.connect((str(GROUP), 0))
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # it hears other masters, and nobody listens
    return sender


def index_of(host: Host, interface: str) -> int:
    """Return the ifindex of an interface in a namespace."""
    with host.entered():
        return socket.if_nametoindex(interface)


def message(router: VirtualRouter, source: IPv4Address, priority: int = PRIORITY) -> bytes:
    """Return a VRRPv3 advert for an IPv4 router, its checksum over the pseudo header too (RFC 5798)."""
    addresses = b"".join(entry.address.packed for entry in router.addresses)
    fields = (0x31, router.vrid, priority, len(router.addresses), to_centiseconds(router.interval))
    pseudo = source.packed + GROUP.packed + struct.pack("!BBH", 0, VRRP, 8 + len(addresses))
    total = sum_of(pseudo + struct.pack("!BBBBHH", *fields, 0) + addresses)
    return struct.pack("!BBBBHH", *fields, total) + addresses


def sum_of(data: bytes) -> int:
    """Return the Internet checksum of data of even length (RFC 1071)."""
    total: int = sum(word for (word,) in struct.iter_unpack("!H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
