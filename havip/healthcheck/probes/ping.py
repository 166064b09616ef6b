"""ICMP: a host is there if it answers an echo (RFC 792, RFC 4443 section 4).

Where ping_group_range lets us, the kernel pairs requests and replies; that setting is never changed.
Elsewhere a raw socket hears the host's replies to our identifier alone: the filter wakes nobody else.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import secrets
import socket
from struct import Struct
from typing import Final

from havip.config.probes import Ping
from havip.healthcheck import datagram
from havip.healthcheck.attempt import Attempt, readable
from havip.healthcheck.outcome import Failed, Failure, Outcome

ECHO: Final = Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
REQUEST, REPLY = 8, 0
REQUEST6, REPLY6 = 128, 129
SEQUENCE: Final = 1
MOST_UNRELATED: Final = 100  # messages that are passed over
SO_ATTACH_FILTER: Final = 26
INSTRUCTION: Final = Struct("=HBBI")  # struct sock_filter
PROGRAM: Final = Struct("@HxxxxxxP")  # struct sock_fprog

_identifiers = itertools.count(secrets.randbits(16))


async def probe(attempt: Attempt) -> Outcome:
    """Send an echo request and wait for its reply."""
    size = (attempt.check.ping or Ping()).size
    six = ":" in attempt.address
    identifier, payload = next(_identifiers) & 0xFFFF, os.urandom(size)
    sock, raw = open_socket(attempt, identifier, six)
    with sock:
        attempt.stage = "sending"
        await datagram.send(sock, request(identifier, payload, six))
        if attempt.note is not None:
            attempt.note(f"sent an echo request with {size} bytes to {attempt.peer}")
        attempt.stage = "waiting for an echo reply"
        for _ in range(MOST_UNRELATED):
            message = await receive(sock, identifier if raw else None)
            if raw and not six:
                message = inside(message)
            came = echoed(message, identifier if raw else None, six, checked=raw and not six)
            if came is None:
                continue
            if came != payload:
                raise Failed(Failure.MALFORMED, f"echoed {len(came)} bytes, not the {size} that were sent")
            return Outcome(words="answered")
    raise Failed(Failure.MALFORMED, f"sent {MOST_UNRELATED} messages that are no reply")


def open_socket(attempt: Attempt, identifier: int, six: bool) -> tuple[socket.socket, bool]:
    """Return a connected socket for ICMP, and whether it is a raw one.  Raises `Failed`."""
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    if may_pair(protocol, six):
        return datagram.open_datagram(attempt, socket.SOCK_DGRAM, protocol), False
    sock = datagram.open_datagram(attempt, socket.SOCK_RAW, protocol)
    try:
        admit_replies(sock, identifier, six)
    except OSError as error:
        sock.close()
        raise Failed(Failure.LOCAL, f"no filter: {os.strerror(error.errno or 0).lower()}") from None
    return sock, True


def may_pair(protocol: int, six: bool) -> bool:
    """Say whether the kernel lets us have a socket that pairs requests and replies."""
    try:
        socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM, protocol).close()
    except OSError:
        return False
    return True


def admit_replies(sock: socket.socket, identifier: int, six: bool) -> None:
    """Have the kernel drop all that is no echo reply with our identifier.  Raises OSError."""
    if six:  # what the filter sees begins with the ICMPv6 header
        code = [(0x30, 0, 0, 0), (0x15, 0, 3, REPLY6), (0x28, 0, 0, 4)]
    else:  # with the IP header: x is its length
        code = [(0xB1, 0, 0, 0), (0x50, 0, 0, 0), (0x15, 0, 3, REPLY), (0x48, 0, 0, 4)]
    code += [(0x15, 0, 1, identifier), (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0)]
    program = ctypes.create_string_buffer(b"".join(INSTRUCTION.pack(*one) for one in code))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, PROGRAM.pack(len(code), ctypes.addressof(program)))


def request(identifier: int, payload: bytes, six: bool) -> bytes:
    """Return an echo request; over IPv6 the kernel puts in the checksum."""
    kind = REQUEST6 if six else REQUEST
    checksum = 0 if six else checksum_of(ECHO.pack(kind, 0, 0, identifier, SEQUENCE) + payload)
    return ECHO.pack(kind, 0, checksum, identifier, SEQUENCE) + payload


def checksum_of(data: bytes) -> int:
    """Return the checksum of a message whose field holds 0, or 0 for one whose field holds it (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(Struct(f"!{len(data) // 2}H").unpack(data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def inside(packet: bytes) -> bytes:
    """Return what an IPv4 packet carries; nothing if it is too short for its header."""
    return packet[(packet[0] & 0x0F) * 4 :] if packet else b""


def echoed(message: bytes, identifier: int | None, six: bool, *, checked: bool) -> bytes | None:
    """Return the payload of the reply to our request; None: the message is something else.

    Without an identifier the kernel has compared it; with ``checked`` nobody has verified the checksum yet.
    """
    if len(message) < ECHO.size or (checked and checksum_of(message)):
        return None
    kind, code, _, its, sequence = ECHO.unpack_from(message)
    if kind != (REPLY6 if six else REPLY) or code or sequence != SEQUENCE:
        return None
    return message[ECHO.size :] if identifier is None or its == identifier else None


async def receive(sock: socket.socket, identifier: int | None) -> bytes:
    """Return the next message.  Raises `Failed` for an ICMP error that answers our request.

    A raw socket is told of errors for every ICMP message to the host; only one that quotes our identifier is
    ours.
    """
    for _ in range(MOST_UNRELATED):
        try:
            return sock.recv(datagram.LARGEST)
        except BlockingIOError:
            await readable(sock.fileno())
        except OSError as problem:
            told = datagram.told_by(sock)
            if identifier is None or told is None or quotes(told.quoted, identifier):
                raise datagram.refusal(problem, told) from None
    raise Failed(Failure.UNREACHABLE, "nothing but ICMP errors came, for messages of others")


def quotes(message: bytes, identifier: int) -> bool:
    """Say whether the message that an ICMP error quotes is our request."""
    return len(message) >= ECHO.size and ECHO.unpack_from(message)[3] == identifier
