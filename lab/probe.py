"""The client's probe: one ICMP echo a millisecond to each address, its own process, pinned to nothing.

Owns the sockets of the client and writes down when each echo left, when its answer came and from which
Ethernet address: who answers is seen on the wire, not believed.  The routers' kernels answer; no responder
process can be mistaken for the network.  Must never wait for its reader longer than a pipe is full.

    python -m lab.probe eth0 10.77.0.254 fd77::fe     (inside the client's namespace)
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
import time
from contextlib import suppress
from ipaddress import ip_address
from typing import Final, NamedTuple

PERIOD: Final = 1_000_000  # ns
FLUSH_EVERY: Final = 10  # periods
PIPE_SIZE: Final = 1 << 20  # bytes: ten seconds of records

SENT: Final = 0
ANSWERED: Final = 1

SO_RCVBUFFORCE: Final = 33
SO_TIMESTAMPNS: Final = 35
ETHERTYPE: Final = {4: 0x0800, 6: 0x86DD}
ICMP_FILTER: Final = 1
ICMP6_FILTER: Final = 1
SOL_RAW: Final = 255


class Record(NamedTuple):
    """One line of the probe's diary."""

    kind: int  # SENT or ANSWERED
    family: int  # 4 or 6
    mac: bytes  # who answered; zeros in SENT
    number: int  # of the echo, from 0
    at: int  # ns of CLOCK_MONOTONIC


RECORD: Final = struct.Struct("=BB6sqq")


class Echoer:
    """Sends the echoes of one family and hears their answers."""

    def __init__(self, interface: str, target: str) -> None:
        self.family = ip_address(target).version
        self._ident = os.getpid() & 0xFFFF
        self._number = 0
        self._diary: list[bytes] = []
        if self.family == 4:
            self._out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            self._out.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", 0xFFFFFFFF))
        else:
            self._out = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            self._out.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, b"\xff" * 32)
        self._out.setblocking(False)
        self._out.connect((target, 0))
        # Answers are heard below IP, where the sender's Ethernet address can be seen.
        self._in = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
        self._in.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, PIPE_SIZE)
        self._in.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._in.bind((interface, ETHERTYPE[self.family]))

    def send(self) -> None:
        """Send the next echo.  One that cannot leave, as nobody answers ARP, is one without an answer."""
        number = self._number
        self._number += 1
        at = time.monotonic_ns()
        with suppress(OSError):
            self._out.send(echo_request(self.family, self._ident, number))
        self._diary.append(RECORD.pack(SENT, self.family, bytes(6), number, at))

    def hear(self) -> None:
        """Note every answer that has come."""
        while True:
            try:
                data, ancillary, _, sender = self._in.recvmsg(256, 64)
            except BlockingIOError:
                return
            except OSError:
                continue  # ENETDOWN is told once
            number = answered_number(self.family, self._ident, data)
            if number is not None and sender[2] != socket.PACKET_OUTGOING:
                at = _instant(ancillary)
                self._diary.append(RECORD.pack(ANSWERED, self.family, sender[4], number, at))

    def take_diary(self) -> bytes:
        """Return the records since the last time."""
        taken = b"".join(self._diary)
        self._diary.clear()
        return taken


def echo_request(family: int, ident: int, number: int) -> bytes:
    """Return an echo request that carries its number in full; 16 bits of sequence wrap every minute."""
    body = struct.pack("!HHQ", ident, number & 0xFFFF, number)
    if family == 6:
        return b"\x80\x00\x00\x00" + body  # the kernel fills in the checksum of ICMPv6
    total = 0x0800 + sum(struct.unpack("!6H", body))
    total = (total >> 16) + (total & 0xFFFF)
    total += total >> 16
    return b"\x08\x00" + struct.pack("!H", ~total & 0xFFFF) + body


def answered_number(family: int, ident: int, packet: bytes) -> int | None:
    """Return the number that an echo reply to us carries; None for any other IP packet."""
    if family == 4:
        if len(packet) < 20 or packet[9] != socket.IPPROTO_ICMP:
            return None
        start, reply = (packet[0] & 0x0F) * 4, 0
    else:
        if len(packet) < 40 or packet[6] != socket.IPPROTO_ICMPV6:
            return None
        start, reply = 40, 129
    message = packet[start : start + 16]
    if len(message) < 16 or message[0] != reply:
        return None
    to, _, number = struct.unpack_from("!HHQ", message, 4)
    return int(number) if to == ident else None


def _instant(ancillary: list[tuple[int, int, bytes]]) -> int:
    """Return the kernel's stamp on the monotonic clock."""
    for _, kind, data in ancillary:
        if kind == SO_TIMESTAMPNS:
            second, nanosecond = struct.unpack("=qq", data)
            age = time.time_ns() - (second * 1_000_000_000 + nanosecond)
            return time.monotonic_ns() - int(age)
    return time.monotonic_ns()


def main(interface: str, *targets: str) -> None:
    """Probe until the reader goes away."""
    echoers = [Echoer(interface, target) for target in targets]
    with suppress(OSError):  # a regular file, when somebody looks by hand
        fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    with suppress(PermissionError):
        # Just above everything ordinary and below the daemons: a stall of ours must not look like theirs.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    due = time.monotonic_ns()
    period = 0
    while True:
        for echoer in echoers:
            echoer.send()
            echoer.hear()
        period += 1
        if period % FLUSH_EVERY == 0:
            os.write(1, b"".join(echoer.take_diary() for echoer in echoers))
        now = time.monotonic_ns()
        due = max(due + PERIOD, now)  # late: go on from here, no burst to catch up
        time.sleep((due - now) / 1e9)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, BrokenPipeError):
        main(*sys.argv[1:])
