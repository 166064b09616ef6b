"""Two hosts on one wire for the tests of the raw sockets, and a peer that says anything, right or wrong.

The peer is made of plain sockets with options of its own: it shares no code with `havip.vrrp.sockets`.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from havip.config.model import Family
from havip.vrrp.packet import Heard
from havip.vrrp.sockets import AdvertReceiver, AdvertSender, FrameSender, Target
from lab.netns import Host, Network
from tests.vrrp.wire import ip

VRRP: Final = 112
MAC: Final = {"r1": "02:00:00:00:00:01", "r2": "02:00:00:00:00:02"}
ADDRESS: Final = {
    ("r1", Family.IPV4): ip("10.77.0.1"),
    ("r2", Family.IPV4): ip("10.77.0.2"),
    ("r1", Family.IPV6): ip("fe80::ff:fe00:1"),  # from the MAC
    ("r2", Family.IPV6): ip("fe80::ff:fe00:2"),
}
GROUP: Final = {Family.IPV4: "224.0.0.18", Family.IPV6: "ff02::12"}
SECONDS: Final = 10.0  # patience; nothing here takes as long unless it is broken


class Pair:
    """Hosts r1 (ours) and r2 (the peer) with eth0 on one switch."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.switch = network.switch("lan")
        self.ours, self.peer = network.host("r1"), network.host("r2")
        for number, host in enumerate((self.ours, self.peer), 1):
            self.plug(host, number)

    def plug(self, host: Host, number: int) -> None:
        """Run a cable from eth0 to the switch."""
        self.network.plug(host, self.switch, addresses=(f"10.77.0.{number}/24",), mac=MAC[host.name])


@contextmanager
def pair(prefix: str) -> Iterator[Pair]:
    """Make the two hosts and remove them."""
    with Network(prefix) as network:
        yield Pair(network)


class Mouth(AdvertSender):
    """A sender that speaks to the group unless told otherwise."""

    group: Target

    def send(self, packet: bytes, to: Target | None = None) -> str | None:
        return super().send(packet, to or self.group)


@contextmanager
def receiver(
    host: Host,
    family: Family,
    vrids: Collection[int] | None = (51,),
    interface: str = "eth0",
    address: bytes = b"",
) -> Iterator[AdvertReceiver]:
    """Open a receiver inside ``host``; with ``vrids=None`` it was not yet told what to listen to."""
    with host.entered():
        opened = AdvertReceiver(interface, socket.if_nametoindex(interface), family, address)
    try:
        if vrids is not None:
            opened.listen_to(vrids)
        yield opened
    finally:
        opened.close()


@contextmanager
def sender(
    host: Host, family: Family, source: bytes | None = None, interface: str = "eth0", hop_limit: int = 255
) -> Iterator[Mouth]:
    """Open a sender inside ``host``, by default from its own address."""
    with host.entered():
        source = ADDRESS[host.name, family] if source is None else source
        opened = Mouth(interface, socket.if_nametoindex(interface), family, source, hop_limit)
    opened.group = (GROUP[family], 0)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def frame_sender(host: Host, interface: str = "eth0") -> Iterator[FrameSender]:
    """Open a sender of frames inside ``host``."""
    with host.entered():
        opened = FrameSender(interface, socket.if_nametoindex(interface))
    try:
        yield opened
    finally:
        opened.close()


def datagram(
    payload: bytes, source: bytes = ip("10.77.0.1"), to: bytes = ip("224.0.0.18"), ttl: int = 255
) -> bytes:
    """Return the IPv4 datagram that a sender is given: total length right, checksum left to the kernel."""
    length = 20 + len(payload)
    head = bytes((0x45, 0xC0, length >> 8, length & 255, 0, 0, 0, 0, ttl, VRRP, 0, 0))
    return head + source + to + payload


def say(
    host: Host,
    family: Family,
    *payloads: bytes,
    hops: int = 255,
    to: str | None = None,
    interface: str = "eth0",
) -> None:
    """Send VRRP messages from ``host``, with any TTL, to the group or to any address."""
    to = GROUP[family] if to is None else to
    with host.entered():
        index = socket.if_nametoindex(interface)
        domain = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
        plain = socket.socket(domain, socket.SOCK_RAW, VRRP)
    with plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        target: tuple[str, int] | tuple[str, int, int, int] = (to, 0)
        if family is Family.IPV4:
            plain.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, hops)
            plain.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
        else:
            target = (to, 0, 0, index)
            plain.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, hops)
            plain.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
        for payload in payloads:
            plain.sendto(payload, target)


def hear(opened: AdvertReceiver, count: int, limit: int = 64) -> list[Heard]:
    """Return what is heard until there are ``count`` packets or more.  Raises TimeoutError."""
    heard: list[Heard] = []
    deadline = time.monotonic() + SECONDS
    while len(heard) < count:
        wait_readable(opened, deadline)
        heard += opened.receive(limit)
    return heard


def wait_readable(opened: AdvertReceiver, deadline: float | None = None) -> None:
    """Return once something is waiting.  Raises TimeoutError."""
    left = SECONDS if deadline is None else max(0.0, deadline - time.monotonic())
    if not select.select([opened], [], [], left)[0]:
        raise TimeoutError("nothing was heard")


def payloads(heard: Collection[Heard]) -> list[bytes]:
    """Return the VRRP messages alone."""
    return [payload for payload, *_ in heard]


def memberships(host: Host, interface: str = "eth0") -> set[str]:
    """Return the groups that an interface has joined, link layer included, as ``ip maddr`` shows them."""
    shown = json.loads(host.run("ip", "-j", "maddr", "show", "dev", interface).stdout)
    return {str(entry.get("address", entry.get("link"))) for link in shown for entry in link["maddr"]}


def waiting_bytes(host: Host) -> list[int]:
    """Return the bytes of input that wait in each raw socket of ``host``, as the kernel tells them."""
    with host.entered():
        tables = [Path(f"/proc/thread-self/net/{name}").read_text() for name in ("raw", "raw6")]
    rows = [row.split() for table in tables for row in table.splitlines()[1:]]
    return [int(row[4].split(":")[1], 16) for row in rows]
