"""A packet socket for adverts that Linux drops: those that come from one of our own IPv4 addresses.

A backup that became MASTER holds the virtual address, and the owner of the address sends from it.  A packet
socket hears what comes in before routing looks at it.  Owns its options and its filter; never decides.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from typing import Final

from havip.clock import Instant
from havip.vrrp import bpf
from havip.vrrp.packet import Heard, split_ipv4, whole_ipv4
from havip.vrrp.sockets import (
    RECEIVE_BUFFER,
    ROOM_IPV4,
    SO_RCVBUFFORCE,
    arrival,
    attach,
    deafen,
    gone,
)

SOL_PACKET: Final = 263
PACKET_IGNORE_OUTGOING: Final = 23  # linux/if_packet.h, since Linux 4.20
ETH_P_ALL: Final = 3


class Tap:
    """Hears adverts that come in on one interface from some of our own IPv4 addresses.  At first it is deaf.

    Raises OSError when the interface is gone or CAP_NET_RAW is missing.  An interface that is down can be
    tapped.

    It is never closed while the worker lives, but made deaf: to close a packet socket that hears takes the
    kernel 6 to 24 ms, and no advert leaves meanwhile.  A deaf one costs a packet that comes in 30 ns.
    """

    def __init__(self, interface: str, ifindex: int) -> None:
        self.ifindex = 0
        self.sources: set[bytes] = set()  # packed; whatever the filter lets pass, only these are heard
        # Frames without their Ethernet headers, so that the filter begins at the IP header.
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_PACKET, kind, 0)
        try:
            deafen(self._socket)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
            self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self.move_to(interface, ifindex)
        except BaseException:
            self._socket.close()
            raise

    def move_to(self, interface: str, ifindex: int) -> None:
        """Hear this interface from now on; raises as the constructor does.

        Only for one whose interface is gone: of any other the kernel would wait as it does to close it.
        """
        # All protocols, not IPv4 alone: such a socket is asked before the kernel knows who else wants the
        # packet, so what its filter drops was never shared and need not be cloned.  Forwarding through a
        # veth router took 3 % longer (950 ns a packet), and 15 % with a socket for IPv4.
        self._socket.bind((interface, ETH_P_ALL))
        if socket.if_nametoindex(interface) != ifindex:
            raise gone(interface)
        self.ifindex = ifindex

    @property
    def adrift(self) -> bool:
        """Say whether the interface is gone for good."""
        return not self._socket.getsockname()[0]

    def fileno(self) -> int:
        """Return the descriptor to wait on: readable means that `receive` has something."""
        return self._socket.fileno()

    def tune(self, sources: Collection[bytes], destination: bytes, vrids: Collection[int]) -> None:
        """Hear adverts for these virtual routers from these addresses to that one, in place of any before."""
        self.sources = set(sources)
        attach(self._socket, bpf.from_sources(sources, destination, vrids))

    def deafen(self) -> None:
        """Hear nothing any more."""
        self.sources = set()
        attach(self._socket, bpf.DROP_ALL)

    def receive(self, limit: int = 64) -> list[Heard]:
        """Return what is waiting, in the order of arrival.

        Fewer than ``limit`` mean that nothing is left, or that something among it was not for us: then the
        loop comes again, since the descriptor is still readable.
        """
        receive, heard = self._socket.recv, []
        try:
            for _ in range(limit):
                datagram = whole_ipv4(receive(ROOM_IPV4))
                if datagram[12:16] in self.sources:
                    heard.append(split_ipv4(datagram))
        except OSError:
            return heard  # EAGAIN: empty; ENETDOWN: the interface went down
        return heard

    def arrived(self, now: Instant) -> Instant:
        """Return when the packet that `receive` took last reached this host; ``now`` if that is unknown."""
        return arrival(self._socket, now)

    def close(self) -> None:
        """Close the socket: only where nobody has to be served any more."""
        self._socket.close()
