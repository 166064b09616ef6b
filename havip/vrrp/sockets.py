"""The raw sockets of one interface: adverts in, adverts out, announcement frames out.

Owns socket options, multicast memberships and filters.  Never decodes, decides or waits: every socket is
non-blocking, and what the network does to one comes back as a value, not as an exception.
"""

from __future__ import annotations

import errno
import socket
import sys
from array import array
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from fcntl import ioctl
from functools import lru_cache
from struct import Struct
from typing import Final, TypeAlias

from havip.clock import NANOSECONDS_PER_SECOND, Instant, milliseconds, of_wall
from havip.config.model import Family
from havip.vrrp import bpf
from havip.vrrp.packet import GROUP_IPV4, GROUP_IPV6, INTERNETWORK_CONTROL, PROTOCOL, TTL, Heard, split_ipv4

# Options of Linux that Python does not name (asm-generic/socket.h, linux/in.h, linux/in6.h).
SO_ATTACH_FILTER: Final = 26
SO_SNDBUFFORCE: Final = 32
SO_RCVBUFFORCE: Final = 33
SO_MEMINFO: Final = 55
SO_BINDTOIFINDEX: Final = 62
IP_FREEBIND: Final = 15
IPV6_MULTICAST_ALL: Final = 29
IPV6_FREEBIND: Final = 78

SIOCGSTAMPNS: Final = 0x80108907  # linux/sockios.h: SIOCGSTAMPNS_NEW, _IOR(0x89, 7, long long[2])

FILTER: Final = Struct("@HP")  # struct sock_fprog: how many instructions, where
MEMBERSHIP_IPV4: Final = Struct("@4s4si")  # struct ip_mreqn: group, address (the index decides), ifindex
MEMBERSHIP_IPV6: Final = Struct("@16si")  # struct ipv6_mreq
MEMORY: Final = Struct("@9I")  # linux/sock_diag.h: SK_MEMINFO_*; the last one counts drops
HOP_LIMIT: Final = Struct("@i")  # the ancillary message of IPV6_RECVHOPLIMIT
HOP_LIMIT_BYTE: Final = 0 if sys.byteorder == "little" else HOP_LIMIT.size - 1

# Holds 2,500 adverts: ten from each of the 255 masters that an interface can have, so a worker that was
# stopped for a while finds somebody's advert waiting before it judges anybody dead.
RECEIVE_BUFFER: Final = 1 << 20  # bytes
SEND_BUFFER: Final = 1 << 20  # bytes: a takeover announces hundreds of addresses at once
CONTROL: Final = 6  # TC_PRIO_CONTROL: the first band of pfifo_fast and prio

# More than the longest message of each family (255 addresses), so a longer one cannot be taken for right.
ROOM_IPV4: Final = 2048
ROOM_IPV6: Final = 4352
STAMP: Final = Struct("@qq")  # two times 64 bits: seconds and nanoseconds
STAMPED: Final = bytearray(STAMP.size)  # what `arrival` is told
BELIEVABLE_AGE: Final = milliseconds(5)  # longer than a wake-up takes, shorter than an interval
SOURCES: Final = 1024  # textual addresses whose packed form is kept

#: Where a packet goes, as the socket module wants it.  The interface is that of the socket.
Target: TypeAlias = tuple[str, int]
#: One packet, ready to be sent, and where to: a whole datagram in IPv4, the VRRP message in IPv6.
Parcel: TypeAlias = tuple[bytes, Target]


class AdvertReceiver:
    """Hears the adverts that come in on one interface for one address.  `listen_to` opens its ears.

    ``address`` (packed) is a multicast group, that of VRRP if it is not given, or an address of ours, which
    may be absent.  Raises OSError when the interface is gone or CAP_NET_RAW or CAP_NET_ADMIN is missing.
    An interface that is down can be opened.  Memberships outlive a link that goes down and comes up, and a
    loss of all addresses; `rejoin` is for the one thing that ends them while the interface stays.
    """

    def __init__(self, interface: str, ifindex: int, family: Family, address: bytes = b"") -> None:
        self._family = family
        self._address = address or group_of(family)
        self._ifindex = ifindex
        with raw(domain_of(family), PROTOCOL) as self._socket:
            # A raw socket hears the whole host as soon as it exists.  Deaf first, then told where to listen,
            # then, by `listen_to`, what to listen to: nothing can be in it that was not meant for us.
            deafen(self._socket)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
            bind_to_interface(self._socket, interface, ifindex)
            # Bound to the address: the kernel keeps away what was sent to any other, so that nobody needs to
            # look at the destination, and a multicast router hears no unicast nor the other way round.
            if family is Family.IPV4:
                self._socket.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
                self._socket.bind((readable(self._address), 0))
            else:
                # Or else what is sent to any group that another program joined comes in as well.
                self._socket.setsockopt(socket.IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0)
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
                self._socket.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
                self._socket.bind((readable(self._address), 0, 0, ifindex))
            if is_group(self._address):
                self._membership(join=True)

    def fileno(self) -> int:
        """Return the descriptor to wait on: readable means that `receive` has something."""
        return self._socket.fileno()

    def receive(self, limit: int = 64) -> list[Heard]:
        """Return what is waiting, in the order of arrival; fewer than ``limit`` mean that nothing is left."""
        if self._family is Family.IPV4:
            return hear_ipv4(self._socket, limit)
        return hear_ipv6(self._socket, limit, self._address)

    def listen_to(self, vrids: Collection[int]) -> None:
        """Hear adverts for these virtual routers, and what is too short to name one, in place of any before.

        The kernel drops the rest: it wakes nobody.  The change is atomic; what is waiting stays waiting.
        """
        attach(self._socket, bpf.only(vrids, self._family))

    def rejoin(self) -> None:
        """Join the group anew, if it is one.

        An IPv6 interface forgets its groups when its MTU falls below 1280, and does not remember them when
        it rises again.  Raises OSError, EINVAL as long as the interface has no IPv6.
        """
        if not is_group(self._address):
            return
        try:
            self._membership(join=False)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:  # forgotten on our side too
                raise
        self._membership(join=True)

    def arrived(self, now: Instant) -> Instant:
        """Return when the packet that `receive` took last reached this host; ``now`` if that cannot be told.

        It may be later than ``now``, if the packet came after the clock was read.

        A process that slept wakes up tenths of a millisecond after the packet.  A master's silence begins
        with its last advert, not with our waking up.
        """
        return arrival(self._socket, now)

    def lost(self) -> int:
        """Return how many adverts for us found the receive buffer full since the socket was opened."""
        numbers: tuple[int, ...] = MEMORY.unpack(
            self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMORY.size)
        )
        return numbers[-1]

    def close(self) -> None:
        """Leave the group and close the socket."""
        self._socket.close()

    def _membership(self, join: bool) -> None:
        # By index: a name may change hands, and an address may be absent or stand on two interfaces.
        if self._family is Family.IPV4:
            option = socket.IP_ADD_MEMBERSHIP if join else socket.IP_DROP_MEMBERSHIP
            wanted = MEMBERSHIP_IPV4.pack(self._address, bytes(4), self._ifindex)
            self._socket.setsockopt(socket.IPPROTO_IP, option, wanted)
        else:
            option = socket.IPV6_JOIN_GROUP if join else socket.IPV6_LEAVE_GROUP
            wanted = MEMBERSHIP_IPV6.pack(self._address, self._ifindex)
            self._socket.setsockopt(socket.IPPROTO_IPV6, option, wanted)


class AdvertSender:
    """Sends adverts from one source address, out of one interface, to a group or to peers one by one.

    Multicast needs no routing table; for unicast it chooses the next hop.  ``hop_limit`` is that of unicast
    over IPv6: over IPv4 it stands in the datagram, and that of multicast is 255.

    Raises OSError when the interface is gone or CAP_NET_RAW or CAP_NET_ADMIN is missing.  The interface
    may be down and ``source`` (packed) may be absent: what the caller knows about them is newer.
    """

    def __init__(
        self, interface: str, ifindex: int, family: Family, source: bytes, hop_limit: int = TTL
    ) -> None:
        # Bound to the source but deliberately not connected: a connected raw IPv4 socket takes ICMP errors
        # to heart, and whoever can route a packet to us could forge one that quotes an advert; each would
        # make the next send fail.  So every call names the target anew, which costs 0.2 us of 3.  For the
        # same reason IPv4 is silent about a full queue: ENOBUFS is told only to those who want ICMP errors.
        # The binding sets the IPv6 source and keeps what others send to the group away before it is copied
        # for this socket (0.2 us a packet); in IPv6 that takes MULTICAST_ALL = 0 as well.
        with raw(domain_of(family), PROTOCOL) as self._socket:
            send_only(self._socket)
            bind_to_interface(self._socket, interface, ifindex)
            if family is Family.IPV4:
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
                self._socket.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
                self._socket.bind((readable(source), 0))
            else:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hop_limit)
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, TTL)
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, INTERNETWORK_CONTROL)
                self._socket.setsockopt(socket.IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0)
                self._socket.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
                self._socket.bind((readable(source), 0, 0, ifindex))
        self._sendto = self._socket.sendto

    def send(self, packet: bytes, to: Target) -> str | None:
        """Send a whole IPv4 datagram, or the VRRP message over IPv6, to a group or to a peer.

        Returns None, or the name of the error: ENETUNREACH (the interface is down), ENODEV (it is gone,
        IPv4), EPERM (a firewall rule), EMSGSIZE, EAGAIN, ENOBUFS (no carrier or a full queue, IPv6) ...
        """
        try:
            self._sendto(packet, to)
        except OSError as error:
            return name_of(error)
        return None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class FrameSender:
    """Sends complete Ethernet frames out of one interface.

    Raises OSError when the interface is gone or CAP_NET_RAW or CAP_NET_ADMIN is missing.
    """

    def __init__(self, interface: str, ifindex: int) -> None:
        # Protocol 0 receives nothing.  PACKET_QDISC_BYPASS saved nothing that could be measured (1.9 us
        # with and without), and a frame that finds the card's ring full would be lost instead of queued.
        with raw(socket.AF_PACKET, 0) as self._socket:
            send_only(self._socket)
            self.move_to(interface, ifindex)

    def move_to(self, interface: str, ifindex: int) -> None:
        """Use this interface from now on; raises as the constructor does.

        It takes 1 us.  To close a packet socket takes 6 to 24 ms: the kernel waits until no CPU can be
        looking at it any more, and nothing else leaves meanwhile.  So whoever has adverts to send moves
        one that is not needed any more rather than closing it.
        """
        self._socket.bind((interface, 0))
        if socket.if_nametoindex(interface) != ifindex:
            raise gone(interface)

    def send(self, frame: bytes) -> str | None:
        """Send one frame.

        Returns None, or the name of the error: ENETDOWN (the interface is down), ENXIO (it is gone),
        ENOBUFS (no carrier, or a full queue), EMSGSIZE, EAGAIN ...
        """
        try:
            self._socket.send(frame)
        except OSError as error:
            return name_of(error)
        return None

    def send_from(self, interface: str, frame: bytes) -> str | None:
        """Send one frame out of another interface; returns what `send` does."""
        try:
            self._socket.sendto(frame, (interface, 0))
        except OSError as error:
            return name_of(error)
        return None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def hear_ipv4(listener: socket.socket, limit: int) -> list[Heard]:
    """Take up to ``limit`` datagrams; the IP header comes with each (1.3 us each, 0.9 of them recv's)."""
    receive = listener.recv
    heard: list[Heard] = []
    try:
        for _ in range(limit):
            heard.append(split_ipv4(receive(ROOM_IPV4)))  # noqa: PERF401 - must outlive the exception
    except OSError:
        return heard  # EAGAIN: empty.  Any other trouble of the network: what was heard was heard
    return heard


def hear_ipv6(listener: socket.socket, limit: int, to: bytes) -> list[Heard]:
    """Take up to ``limit`` messages; the kernel keeps the IPv6 header and tells the hop limit beside.

    2.2 us each.  A filter that drops wrong hop limits would allow recvfrom, 0.5 us cheaper, but those
    packets must be counted by name.  ``to`` is the address that the socket is bound to.
    """
    receive = listener.recvmsg
    space = socket.CMSG_SPACE(HOP_LIMIT.size)
    heard: list[Heard] = []
    try:
        for _ in range(limit):
            payload, ancillary, _, source = receive(ROOM_IPV6, space)
            heard.append((payload, packed(source[0]), to, ancillary[0][2][HOP_LIMIT_BYTE]))
    except OSError:
        return heard
    return heard


@lru_cache(maxsize=SOURCES)
def packed(address: str) -> bytes:
    """Return an IPv6 address in network order: Python tells the source as text only."""
    return socket.inet_pton(socket.AF_INET6, address)


def group_of(family: Family) -> bytes:
    """Return the multicast group of VRRP (RFC 9568 sections 5.1.1.2 and 5.1.2.2)."""
    return GROUP_IPV4 if family is Family.IPV4 else GROUP_IPV6


def is_group(address: bytes) -> bool:
    """Say whether a packed address is a multicast group: 224.0.0.0/4 or ff00::/8."""
    return address[0] == 0xFF if len(address) == 16 else address[0] & 0xF0 == 0xE0


def readable(address: bytes) -> str:
    """Return a packed address as text."""
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)


def arrival(listener: socket.socket, now: Instant) -> Instant:
    """Return when the packet that was taken from a socket last reached this host, as `arrived` does."""
    try:
        ioctl(listener, SIOCGSTAMPNS, STAMPED)
    except OSError:
        return now  # nothing received yet, or received before the kernel was first asked to stamp
    stamp_seconds, nanoseconds = STAMP.unpack(STAMPED)
    arrived = of_wall(stamp_seconds * NANOSECONDS_PER_SECOND + nanoseconds)
    # If the wall clock was set since, the stamp makes no sense.
    return arrived if abs(now - arrived) < BELIEVABLE_AGE else now


@contextmanager
def raw(domain: int, protocol: int) -> Iterator[socket.socket]:
    """Open a raw socket, and close it again if the block that makes it ready fails."""
    # Python sets close-on-exec on every socket.
    opened = socket.socket(domain, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    try:
        yield opened
    except BaseException:
        opened.close()
        raise


def domain_of(family: Family) -> int:
    """Return the socket domain of a family."""
    return socket.AF_INET if family is Family.IPV4 else socket.AF_INET6


def deafen(opened: socket.socket) -> None:
    """Let nothing more into ``opened``, and forget what came in since its first instant."""
    attach(opened, bpf.DROP_ALL)
    with suppress(BlockingIOError):
        while True:
            opened.recv(1)


def bind_to_interface(opened: socket.socket, interface: str, ifindex: int) -> None:
    """Let ``opened`` hear and use this interface only.

    Raises OSError: the interface is gone, or another one has taken over its name.
    """
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    if opened.getsockopt(socket.SOL_SOCKET, SO_BINDTOIFINDEX) != ifindex:
        raise gone(interface)


def gone(interface: str) -> OSError:
    """Return the error of an interface that is not the one that it was."""
    return OSError(errno.ENODEV, "the interface is another one by now", interface)


def send_only(opened: socket.socket) -> None:
    """Let ``opened`` hear nothing, send before other traffic, and hold a burst."""
    deafen(opened)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # the kernel makes it its minimum
    opened.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, CONTROL)


def attach(opened: socket.socket, program: bytes) -> None:
    """Make ``program`` the filter of ``opened``, in one instant, in place of any other."""
    code = array("B", program)  # the kernel copies it before setsockopt returns
    filter_ = FILTER.pack(len(program) // bpf.INSTRUCTION.size, code.buffer_info()[0])
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_)


def name_of(error: OSError) -> str:
    """Return the name of the error number, as in errno(3)."""
    return errno.errorcode.get(error.errno or 0, str(error))
