"""Hosts that talk: datagrams of either family, to one, to many and to all."""

from __future__ import annotations

import socket
from collections.abc import Callable

from lab.capture import Capture, Frame
from lab.netns import Host

PORT = 4040
ADDRESS = {"a": "10.77.0.1", "b": "10.77.0.2", "c": "10.77.0.3"}


def say(host: Host, text: str, to: str) -> None:
    """Send one datagram from a host: to an address of either family, a group or the broadcast address."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with host.entered(), socket.socket(family, socket.SOCK_DGRAM) as sender:
        index = socket.if_nametoindex("eth0")
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if family == socket.AF_INET6:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        else:
            own = socket.inet_aton(ADDRESS[host.name])
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        sender.sendto(text.encode(), (to, PORT))


def holding(text: str) -> Callable[[Frame], bool]:
    return lambda frame: text.encode() in frame.data and not frame.outgoing


def heard(capture: Capture, text: str) -> list[Frame]:
    return [frame for frame in capture.frames if text.encode() in frame.data and not frame.outgoing]
