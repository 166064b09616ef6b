"""The kernel's IPVS by a codec of its own, as plain as can be: the witness beside `havip.netlink.ipvs`.

One change is one message and one answer.  Numbers are those of linux/ip_vs.h and linux/genetlink.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address

from havip.config.cast import Address
from havip.ipvs.model import (
    AddDestination,
    AddService,
    Change,
    Destination,
    DestinationKey,
    DropDestination,
    DropService,
    EditDestination,
    EditService,
    Forward,
    Pool,
    Protocol,
    Service,
    ServiceFlag,
    ServiceKey,
    Sync,
    SyncRole,
    Table,
    Tunnel,
    TunnelFlag,
)

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
DONE, ERROR = 3, 2
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
VERSION = {number: version for version, number in FAMILY.items()}
COMMANDS = {
    AddService: 1,
    EditService: 2,
    DropService: 3,
    AddDestination: 5,
    EditDestination: 6,
    DropDestination: 7,
}
GET_SERVICES, GET_DESTINATIONS, NEW_DAEMON, DROP_DAEMON, GET_INFO, FLUSH = 4, 8, 9, 10, 15, 17
Attributes = dict[int, bytes]


class Wire:
    """A socket to the IPVS of the network namespace in which it is made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self._socket.bind((0, 0))
        self._sequence = 0
        (family,) = self._ask(16, 3, attribute(2, b"IPVS\0"), REQUEST | ACK)
        self._family = struct.unpack("=H", family[1])[0]

    def carry_out(self, change: Change) -> int:
        """Do it, and return the errno, or 0."""
        return self._tell(COMMANDS[type(change)], payload(change))

    def start(self, sync: Sync) -> int:
        """Start a sync daemon."""
        inner = attribute(1, u32(sync.role)) + attribute(2, sync.interface.encode() + b"\0")
        return self._tell(NEW_DAEMON, attribute(3, inner + attribute(3, u32(sync.sync_id))))

    def stop(self, role: SyncRole) -> int:
        """Stop a sync daemon.

        The kernel stops one whose thread has not run yet, and does not answer: what answers then is the
        harmless question behind it.
        """
        self._send(self._family, DROP_DAEMON, attribute(3, attribute(1, u32(role))), REQUEST | ACK)
        told = self._sequence
        self._send(self._family, GET_INFO, b"", REQUEST | ACK)
        verdict = 0
        while True:
            for sequence, kind, content in messages(self._socket.recv(1 << 17)):
                if sequence == told:
                    verdict = -struct.unpack_from("=i", content)[0]
                elif kind == ERROR:
                    return verdict

    def flush(self) -> None:
        """Remove everything."""
        assert self._tell(FLUSH, b"") == 0

    @property
    def table(self) -> Table:
        """Return everything that there is."""
        table: Table = {}
        for answer in self._ask(self._family, GET_SERVICES, b"", REQUEST | DUMP):
            service = service_of(parse(answer[1]))
            found: dict[DestinationKey, Destination] = {}
            for one in self._ask(
                self._family, GET_DESTINATIONS, attribute(1, identity(service.key)), REQUEST | DUMP
            ):
                destination = destination_of(parse(one[2]))
                found[destination.key] = destination
            table[service.key] = Pool(service, found)
        return table

    def _tell(self, command: int, body: bytes) -> int:
        try:
            self._ask(self._family, command, body, REQUEST | ACK)
        except OSError as error:
            return error.errno or 0
        return 0

    def _send(self, kind: int, command: int, body: bytes, flags: int) -> None:
        self._sequence += 1
        data = struct.pack("=BBH", command, 1, 0) + body
        self._socket.send(struct.pack("=IHHII", 16 + len(data), kind, flags, self._sequence, 0) + data)

    def _ask(self, kind: int, command: int, body: bytes, flags: int) -> list[Attributes]:
        """Return the attributes of each answer.  Raises OSError with the kernel's errno."""
        self._send(kind, command, body, flags)
        answers: list[Attributes] = []
        while True:
            for _, answer, content in messages(self._socket.recv(1 << 17)):
                if answer == DONE:
                    return answers
                if answer == ERROR:
                    (refused,) = struct.unpack_from("=i", content)
                    if refused:
                        raise OSError(-refused, "refused")
                    return answers
                answers.append(parse(content[4:]))


def messages(received: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (sequence, type, content) of each message."""
    offset = 0
    while offset < len(received):
        length, kind, _, sequence = struct.unpack_from("=IHHI", received, offset)
        yield sequence, kind, received[offset + 16 : offset + length]
        offset += (length + 3) & ~3


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def u32(value: int) -> bytes:
    return struct.pack("=I", value & 0xFFFFFFFF)


def u16(value: int) -> bytes:
    return struct.pack("=H", value)


def be16(value: int) -> bytes:
    return struct.pack("!H", value)


def parse(data: bytes) -> Attributes:
    found: Attributes = {}
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        found[kind & 0x3FFF] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def payload(change: Change) -> bytes:
    match change:
        case AddService(service=service) | EditService(service=service):
            return attribute(1, identity(service.key) + settings(service))
        case DropService(key=key):
            return attribute(1, identity(key))
        case DropDestination(service=key, key=name):
            return attribute(1, identity(key)) + attribute(2, place(name))
        case AddDestination(service=key, destination=one) | EditDestination(service=key, destination=one):
            return attribute(1, identity(key)) + attribute(2, place(one.key) + details(one))


def identity(key: ServiceKey) -> bytes:
    family = attribute(1, u16(FAMILY[key.family]))
    if key.address is None:
        return family + attribute(5, u32(key.fwmark))
    address = attribute(3, key.address.packed.ljust(16, b"\0"))
    return family + attribute(2, u16(key.protocol)) + address + attribute(4, be16(key.port))


def settings(service: Service) -> bytes:
    bits = service.prefix_length
    mask = u32(bits) if service.key.family == 6 else struct.pack("!I", (1 << 32) - (1 << (32 - bits)))
    engine = attribute(11, service.engine.encode() + b"\0") if service.engine else b""
    return (
        attribute(6, service.scheduler.encode() + b"\0")
        + attribute(7, u32(service.flags) + u32(0xFFFFFFFF))
        + attribute(8, u32(service.timeout))
        + attribute(9, mask)
        + engine
    )


def place(key: DestinationKey) -> bytes:
    address = attribute(1, key.address.packed.ljust(16, b"\0"))
    return address + attribute(2, be16(key.port)) + attribute(11, u16(FAMILY[key.address.version]))


def details(one: Destination) -> bytes:
    return (
        attribute(3, u32(one.forward))
        + attribute(4, u32(one.weight))
        + attribute(5, u32(one.upper_threshold))
        + attribute(6, u32(one.lower_threshold))
        + attribute(13, bytes((one.tunnel,)))
        + attribute(14, be16(one.tunnel_port))
        + attribute(15, u16(one.tunnel_flags))
    )


def number(value: bytes) -> int:
    return int.from_bytes(value, "little")


def address_of(value: bytes, family: int) -> Address:
    return ip_address(value[: 4 if family == 4 else 16])


def service_of(found: Attributes) -> Service:
    family = VERSION[number(found[1])]
    if 5 in found:
        key = ServiceKey(family, fwmark=number(found[5]))
    else:
        port = int.from_bytes(found[4], "big")
        key = ServiceKey(family, Protocol(number(found[2])), address_of(found[3], family), port)
    bits = number(found[9]) if family == 6 else number(found[9]).bit_count()
    flags = ServiceFlag(number(found[7][:4])) & ~ServiceFlag.HASHED
    engine = found.get(11, b"").rstrip(b"\0").decode()
    return Service(key, found[6].rstrip(b"\0").decode(), flags, number(found[8]), bits, engine)


def destination_of(found: Attributes) -> Destination:
    key = DestinationKey(address_of(found[1], VERSION[number(found[11])]), int.from_bytes(found[2], "big"))
    return Destination(
        key,
        number(found[4]),
        Forward(number(found[3]) & 7),
        number(found[5]),
        number(found[6]),
        Tunnel(number(found[13])),
        int.from_bytes(found[14], "big"),
        TunnelFlag(number(found[15])),
    )
