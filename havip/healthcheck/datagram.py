"""Datagrams of probes: a connected socket that hears ICMP errors, and says who sent them and why."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from struct import Struct
from typing import Final

from havip.healthcheck import dial
from havip.healthcheck.attempt import Attempt, readable, writable
from havip.healthcheck.outcome import Failed, Failure, of_error

IP_RECVERR: Final = 11  # linux/in.h
IPV6_RECVERR: Final = 25  # linux/in6.h
EXTENDED: Final = Struct("=IBBBBII")  # struct sock_extended_err: errno, origin, type, code, pad, info, data
ORIGIN_ICMP, ORIGIN_ICMP6 = 2, 3
LARGEST: Final = 65535


@dataclass(frozen=True, slots=True)
class Told:
    """An ICMP error: who sent it, and the beginning of what it is about."""

    by: str
    quoted: bytes


def open_datagram(attempt: Attempt, kind: int = socket.SOCK_DGRAM, protocol: int = 0) -> socket.socket:
    """Return a socket that hears of nobody but the destination, its errors included.  Raises `Failed`."""
    sock = dial.open_socket(attempt, kind, protocol)
    try:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        sock.connect((attempt.address, attempt.port))
    except OSError as problem:
        sock.close()
        raise refusal(problem, None) from None
    return sock


async def send(sock: socket.socket, data: bytes) -> None:
    """Send one datagram.  Raises `Failed`."""
    while True:
        try:
            sock.send(data)
            return
        except BlockingIOError:
            await writable(sock.fileno())
        except OSError as problem:
            raise refusal(problem, told_by(sock)) from None


async def receive(sock: socket.socket) -> bytes:
    """Return the next datagram.  Raises `Failed` for an ICMP error."""
    while True:
        try:
            return sock.recv(LARGEST)
        except BlockingIOError:
            await readable(sock.fileno())
        except OSError as problem:
            raise refusal(problem, told_by(sock)) from None


def refusal(problem: OSError, told: Told | None) -> Failed:
    """Return what an error of a socket comes to, with the router or host that told us of it."""
    outcome = of_error(problem)
    assert outcome.failure is not None
    words = "port unreachable" if outcome.failure is Failure.REFUSED else outcome.words
    return Failed(outcome.failure, f"{words}, says {told.by}" if told else words)


def told_by(sock: socket.socket) -> Told | None:
    """Return the ICMP error that waits in the socket's queue; None: there is none."""
    try:
        quoted, ancillary, _, _ = sock.recvmsg(512, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return None
    for level, kind, data in ancillary:
        if (level, kind) not in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
            continue
        _, origin, *_ = EXTENDED.unpack_from(data)
        rest = data[EXTENDED.size :]
        if origin == ORIGIN_ICMP:  # a sockaddr_in follows
            return Told(str(ip_address(rest[4:8])), quoted)
        if origin == ORIGIN_ICMP6:
            return Told(str(ip_address(rest[8:24])), quoted)
    return None
