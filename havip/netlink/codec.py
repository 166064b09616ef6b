"""Netlink messages to values and back: addresses, links, one setting of an interface, and the answers.

Pure: it never opens a socket.  Whatever the bytes are, parsing ends in a value, in None (a message that
is well formed and tells us nothing) or in `Malformed`.  Netlink counts in the byte order of the host.

The layouts are those of linux/netlink.h, rtnetlink.h, if_addr.h, if_link.h and netconf.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final, TypeAlias

# Kinds of message.
NOOP: Final = 1
ERROR: Final = 2
DONE: Final = 3
NEW_LINK: Final = 16
DELETE_LINK: Final = 17
GET_LINK: Final = 18
NEW_ADDRESS: Final = 20
DELETE_ADDRESS: Final = 21
GET_ADDRESS: Final = 22
NEW_NETCONF: Final = 80
GET_NETCONF: Final = 82

# Flags of a message.
REQUEST: Final = 0x1
ACK: Final = 0x4
DUMP_INTERRUPTED: Final = 0x10
CAPPED: Final = 0x100  #: on an error: the refused request is quoted without its body
ACK_ATTRIBUTES: Final = 0x200  #: on an error: attributes follow the quotation
DUMP: Final = 0x300
REPLACE: Final = 0x100
EXCLUSIVE: Final = 0x200
CREATE: Final = 0x400

AF_UNSPEC: Final = 0
AF_INET: Final = 2
AF_INET6: Final = 10

# Flags of an interface.
IFF_UP: Final = 0x1
IFF_RUNNING: Final = 0x40
IFF_LOWER_UP: Final = 0x10000

# Flags of an address.
SECONDARY: Final = 0x01
NO_DAD: Final = 0x02
DAD_FAILED: Final = 0x08
HOME: Final = 0x10
TENTATIVE: Final = 0x40
MANAGE_TEMPORARY: Final = 0x100
NO_PREFIX_ROUTE: Final = 0x200

# Scopes of an address: the larger the number, the narrower.
SCOPE_GLOBAL: Final = 0
SCOPE_LINK: Final = 253

FOREVER: Final = 0xFFFFFFFF  #: as a lifetime in seconds

_HEADER: Final = Struct("=IHHII")  # length, kind, flags, sequence, port of the sender or receiver
_ATTRIBUTE: Final = Struct("=HH")  # length, type
_ADDRESS: Final = Struct("=BBBBI")  # family, prefix length, flags, scope, ifindex
_NETCONF: Final = Struct("=B3x")  # family
_LINK: Final = Struct("=BxHiII")  # family, hardware type, ifindex, flags, mask of changed flags
_NUMBER: Final = Struct("=I")
_SIGNED: Final = Struct("=i")
_LIFETIMES: Final = Struct("=IIII")  # preferred, valid, created, updated

_TYPE_BITS: Final = 0x3FFF  # the other two say "nested" and "network byte order"
_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_BROADCAST = 1, 2, 3, 4
_IFA_CACHEINFO, _IFA_FLAGS, _IFA_PROTO = 6, 8, 11
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_EXT_MASK = 1, 3, 4, 5, 29
_SKIP_STATISTICS: Final = 0x8
_NETCONFA_IFINDEX, _NETCONFA_FORWARDING = 1, 2
_NLMSGERR_ATTR_MSG: Final = 1

#: What makes an address one and the same: (ifindex, packed address, packed peer, prefix length).
Key: TypeAlias = tuple[int, bytes, bytes, int]


class Malformed(ValueError):
    """Bytes that no kernel would send: truncated, or with a length that cannot be."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a datagram, its header taken off."""

    kind: int
    flags: int
    sequence: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Address:
    """An address on an interface.  ``address`` and ``peer`` are packed and equal unless point to point."""

    ifindex: int
    address: bytes
    peer: bytes
    prefix_length: int  # bits
    flags: int
    scope: int
    protocol: int  # who put it there (IFA_PROTO, Linux 5.18); 0: unknown
    created: int  # centiseconds since the system started

    @property
    def key(self) -> Key:
        """Return what tells this address from every other one."""
        return (self.ifindex, self.address, self.peer, self.prefix_length)


@dataclass(frozen=True, slots=True)
class Link:
    """An interface."""

    ifindex: int
    name: str
    flags: int
    mac: bytes  # empty where the hardware has none
    mtu: int  # bytes
    parent: int = 0  # the interface that it stands on, or a veth's other end; 0: none


@dataclass(frozen=True, slots=True)
class Answer:
    """What the kernel says to a request.  ``code`` is a positive errno, or 0: done."""

    code: int
    words: str = ""  # the kernel's own explanation, where it gives one


def messages(datagram: bytes) -> Iterator[Message]:
    """Yield each message of what one receive call returned.  Raises `Malformed`."""
    at, end = 0, len(datagram)
    while at < end:
        if end - at < _HEADER.size:
            raise Malformed(f"{end - at} bytes where a message header should be")
        length, kind, flags, sequence, _ = _HEADER.unpack_from(datagram, at)
        if not _HEADER.size <= length <= end - at:
            raise Malformed(f"message of {length} bytes in {end - at}")
        yield Message(kind, flags, sequence, datagram[at + _HEADER.size : at + length])
        at += length + 3 & ~3


def attributes(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield (type, value) of each attribute from offset ``at`` on.  Raises `Malformed`."""
    end = len(data)
    while at < end:
        if end - at < _ATTRIBUTE.size:
            raise Malformed(f"{end - at} bytes where an attribute should be")
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if not _ATTRIBUTE.size <= length <= end - at:
            raise Malformed(f"attribute of {length} bytes in {end - at}")
        yield kind & _TYPE_BITS, data[at + _ATTRIBUTE.size : at + length]
        at += length + 3 & ~3


def parse_address(body: bytes) -> Address | None:
    """Return the address of a NEW_ADDRESS or DELETE_ADDRESS.  Raises `Malformed`.

    None: another family than IPv4 and IPv6, or no address in it.
    """
    family, prefix_length, flags, scope, ifindex = unpack(_ADDRESS, body)
    size = {AF_INET: 4, AF_INET6: 16}.get(family)
    if size is None:
        return None
    local = peer = b""
    protocol = created = 0
    for kind, value in attributes(body, _ADDRESS.size):
        if kind == _IFA_LOCAL:
            local = value
        elif kind == _IFA_ADDRESS:
            peer = value
        elif kind == _IFA_FLAGS:  # the same flags as in the header, and those above bit 7
            (flags,) = unpack(_NUMBER, value)
        elif kind == _IFA_PROTO:
            protocol = value[0] if value else 0
        elif kind == _IFA_CACHEINFO:
            created = unpack(_LIFETIMES, value)[2]
    # IFA_ADDRESS is the far end of a point-to-point address, and otherwise the same as IFA_LOCAL, which
    # IPv6 then leaves out.
    local = local or peer
    peer = peer or local
    if not local:
        return None
    if len(local) != size or len(peer) != size:
        raise Malformed(f"address of {len(local)} and {len(peer)} bytes, not {size}")
    return Address(ifindex, local, peer, prefix_length, flags, scope, protocol, created)


def parse_link(body: bytes) -> Link | None:
    """Return the interface of a NEW_LINK or DELETE_LINK.  Raises `Malformed`.

    None: a message about something else that uses the same kind.  A bridge announces with AF_BRIDGE
    that a port has left it, as DELETE_LINK; wireless events describe no interface at all.
    """
    family, _, ifindex, flags, _ = unpack(_LINK, body)
    if family != AF_UNSPEC:
        return None
    name = None
    mac = b""
    mtu = parent = 0
    for kind, value in attributes(body, _LINK.size):
        if kind == _IFLA_IFNAME:
            name = value.partition(b"\0")[0].decode("utf-8", "surrogateescape")  # as the os module does
        elif kind == _IFLA_ADDRESS:
            mac = value
        elif kind == _IFLA_MTU:
            (mtu,) = unpack(_NUMBER, value)
        elif kind == _IFLA_LINK:
            (parent,) = unpack(_NUMBER, value)
    if not name:
        return None
    return Link(ifindex, name, flags, mac, mtu, parent)


def parse_answer(message: Message) -> Answer:
    """Return what an ERROR or DONE says.  Raises `Malformed`."""
    body = message.body
    if message.kind == DONE:
        return Answer(-unpack(_SIGNED, body)[0] if body else 0)
    (code,) = unpack(_SIGNED, body)
    if len(body) < _SIGNED.size + _HEADER.size:
        raise Malformed("an error that does not quote the request")
    if not message.flags & ACK_ATTRIBUTES:
        return Answer(-code)
    quoted = _HEADER.size
    if not message.flags & CAPPED:
        (quoted,) = unpack(_NUMBER, body[_SIGNED.size :])
    words = b""
    for kind, value in attributes(body, _SIGNED.size + (quoted + 3 & ~3)):
        if kind == _NLMSGERR_ATTR_MSG:
            words = value.partition(b"\0")[0]
    return Answer(-code, words.decode(errors="replace"))


def parse_forwarding(body: bytes) -> tuple[int, bool] | None:
    """Return (ifindex, whether it forwards IPv6) of a NEW_NETCONF.  Raises `Malformed`.

    The index is negative for what holds for all or for new interfaces.  None: another family, or another
    setting.
    """
    (family,) = unpack(_NETCONF, body)
    if family != AF_INET6:
        return None
    numbers = {
        kind: unpack(_SIGNED, value)[0]
        for kind, value in attributes(body, _NETCONF.size)
        if kind in (_NETCONFA_IFINDEX, _NETCONFA_FORWARDING)
    }
    if len(numbers) < 2:
        return None
    return numbers[_NETCONFA_IFINDEX], numbers[_NETCONFA_FORWARDING] > 0


def add_address(
    sequence: int,
    ifindex: int,
    address: bytes,
    prefix_length: int,
    *,
    protocol: int,
    flags: int = 0,
    preferred: int = FOREVER,
    peer: bytes = b"",
    scope: int = SCOPE_GLOBAL,
    label: str = "",
    broadcast: bytes = b"",
    replace: bool = False,
) -> bytes:
    """Return the request to add an address that must not be there yet; with ``replace``, to change it.

    ``preferred`` is how long it may be chosen as a source, in seconds; 0: never (RFC 4862 calls the
    address deprecated).  The prefix length is that of ``peer`` if there is one.  Success is silent: see
    `marker`.
    """
    body = _address_body(ifindex, address, prefix_length, peer=peer, flags=flags & 0xFF, scope=scope)
    if flags > 0xFF:
        body += attribute(_IFA_FLAGS, _NUMBER.pack(flags))
    if label:
        body += attribute(_IFA_LABEL, label.encode() + b"\0")
    if broadcast:
        body += attribute(_IFA_BROADCAST, broadcast)
    body += attribute(_IFA_PROTO, bytes((protocol,)))
    if preferred != FOREVER:
        body += attribute(_IFA_CACHEINFO, _LIFETIMES.pack(preferred, FOREVER, 0, 0))
    return request(NEW_ADDRESS, REQUEST | CREATE | (REPLACE if replace else EXCLUSIVE), sequence, body)


def delete_address(
    sequence: int, ifindex: int, address: bytes, prefix_length: int, peer: bytes = b""
) -> bytes:
    """Return the request to delete exactly this address.  Success is silent: see `marker`."""
    return request(
        DELETE_ADDRESS, REQUEST, sequence, _address_body(ifindex, address, prefix_length, peer=peer)
    )


def marker(sequence: int) -> bytes:
    """Return a request that does nothing and is answered.

    The kernel works through a datagram in order and answers a request that asks for no ACK only if it
    fails.  The answer to a marker behind them says: there are no further refusals.
    """
    return request(NOOP, REQUEST | ACK, sequence, b"")


def dump_addresses(sequence: int) -> bytes:
    """Return the request for every address of both families."""
    return request(GET_ADDRESS, REQUEST | DUMP, sequence, _ADDRESS.pack(AF_UNSPEC, 0, 0, 0, 0))


def dump_links(sequence: int) -> bytes:
    """Return the request for every interface, without its statistics."""
    body = _LINK.pack(AF_UNSPEC, 0, 0, 0, 0) + attribute(_IFLA_EXT_MASK, _NUMBER.pack(_SKIP_STATISTICS))
    return request(GET_LINK, REQUEST | DUMP, sequence, body)


def dump_forwarding(sequence: int) -> bytes:
    """Return the request for the IPv6 settings of every interface, for `parse_forwarding`."""
    return request(GET_NETCONF, REQUEST | DUMP, sequence, _NETCONF.pack(AF_INET6))


def sequence_of(message: bytes) -> int:
    """Return the sequence number of a message that this file has built."""
    return int(_HEADER.unpack_from(message)[3])


def _address_body(
    ifindex: int,
    address: bytes,
    prefix_length: int,
    *,
    peer: bytes = b"",
    flags: int = 0,
    scope: int = SCOPE_GLOBAL,
) -> bytes:
    family = AF_INET if len(address) == 4 else AF_INET6
    body = _ADDRESS.pack(family, prefix_length, flags, scope, ifindex)
    return body + attribute(_IFA_LOCAL, address) + attribute(_IFA_ADDRESS, peer or address)


def request(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """Return a message to the kernel."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, sequence, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute, filled up to a whole number of words."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def unpack(layout: Struct, data: bytes) -> tuple[int, ...]:
    """Return the numbers at the start of ``data``.  Raises `Malformed` if it is too short."""
    try:
        return layout.unpack_from(data)
    except struct.error:
        raise Malformed(f"{len(data)} bytes where {layout.size} are needed") from None
