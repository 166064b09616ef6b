"""What a switch sees of VRRP: adverts, gratuitous ARPs, neighbour advertisements, and when.

Owns the capture sockets and its own reading of the packets.  It must never use havip's decoder: a judge
does not borrow the eyes of the judged.
"""

from __future__ import annotations

import ctypes
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from lab.netns import Host

SO_ATTACH_FILTER: Final = 26
SO_RCVBUFFORCE: Final = 33
SO_TIMESTAMPNS: Final = 35
ETH_P_ALL: Final = 3
LINKTYPE_ETHERNET: Final = 1
TIMESPEC: Final = struct.Struct("@qq")
LARGEST_FRAME: Final = 2048
BUFFER: Final = 32 << 20  # bytes: what passes while 250 virtual routers are taken over is read afterwards

Address: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Advert:
    """A VRRP ADVERTISEMENT as it passed; ``at`` is the kernel's CLOCK_REALTIME in nanoseconds."""

    at: int
    port: str
    source: Address
    version: int
    vrid: int
    priority: int
    frame: bytes

    def __str__(self) -> str:
        return f"{self.port} advertises {self.source} vrid {self.vrid} priority {self.priority}"


@dataclass(frozen=True, slots=True)
class Announcement:
    """A gratuitous ARP or an unsolicited neighbour advertisement for ``address``."""

    at: int
    port: str
    address: Address
    frame: bytes

    def __str__(self) -> str:
        return f"{self.port} announces {self.address}"


Sight: TypeAlias = Advert | Announcement
S = TypeVar("S", Advert, Announcement)


class Silence(AssertionError):
    """What was waited for did not pass the wire in time."""


class Capture:
    """Everything about VRRP that enters a switch through ``ports`` (interface -> label), from now on.

    The time of a frame is the kernel's, taken when the switch received it; so frames may wait in the
    sockets' buffers, and the reader need not run while a measurement does.
    """

    def __init__(self, switch: Host, ports: Mapping[str, str], buffer: int = BUFFER) -> None:
        self.seen: list[Sight] = []
        self.ports: dict[socket.socket, str] = {}
        with ExitStack() as undo, switch.entered():
            for interface, label in ports.items():
                tap = undo.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
                tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer)
                tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                attach(tap, INCOMING_VRRP)
                tap.bind((interface, ETH_P_ALL))  # only now: nothing enters past the filter
                tap.setblocking(False)
                self.ports[tap] = label
            undo.pop_all()

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; what was seen stays."""
        for tap in self.ports:
            tap.close()

    def read(self) -> list[Sight]:
        """Return what has passed since the last call, in order of time, without waiting."""
        fresh = sorted((s for tap in self.ports for s in self.drain(tap)), key=lambda sight: sight.at)
        self.seen += fresh
        return fresh

    def drain(self, tap: socket.socket) -> Iterator[Sight]:
        """Yield every frame waiting at one port."""
        while True:
            try:
                frame, ancillary, _, _ = tap.recvmsg(LARGEST_FRAME, 64)
            except BlockingIOError:
                return
            second, nanosecond = TIMESPEC.unpack(ancillary[0][2])
            yield understand(frame, second * 1_000_000_000 + nanosecond, self.ports[tap])

    def first(self, kind: type[S], wanted: Callable[[S], bool], *, after: int = 0, within: float = 10.0) -> S:
        """Return the first ``kind`` of frame later than ``after`` that is ``wanted``.  Raises `Silence`."""
        give_up = time.monotonic() + within
        looked = 0
        while True:
            for sight in self.seen[looked:]:
                if isinstance(sight, kind) and sight.at > after and wanted(sight):
                    return sight
            looked = len(self.seen)
            if not self.wait(give_up):
                raise Silence(f"no such {kind.__name__} within {within:g} s; the last frames: {self.tail()}")
            self.read()

    def wait(self, until: float) -> bool:
        """Wait for a frame until the monotonic time ``until``; say whether one came."""
        ready, _, _ = select.select(list(self.ports), [], [], max(0.0, until - time.monotonic()))
        return bool(ready)

    def tail(self, count: int = 6) -> str:
        """Return the last frames in words, for a message."""
        return "; ".join(map(str, self.seen[-count:])) or "none"


def understand(frame: bytes, at: int, port: str) -> Sight:
    """Return what one frame, of those that pass the filter, says."""
    kind = frame[12:14]
    if kind == b"\x08\x06":
        return Announcement(at, port, IPv4Address(frame[38:42]), frame)
    if kind == b"\x86\xdd":
        if frame[20] == 58:
            return Announcement(at, port, IPv6Address(frame[62:78]), frame)
        return advert(frame, 54, ip_address(frame[22:38]), at, port)
    return advert(frame, 14 + (frame[14] & 15) * 4, ip_address(frame[26:30]), at, port)


def advert(frame: bytes, start: int, source: Address, at: int, port: str) -> Advert:
    """Return the advert whose VRRP message begins at ``start``."""
    return Advert(at, port, source, frame[start] >> 4, frame[start + 1], frame[start + 2], frame)


def write_pcap(path: Path, sights: Iterable[Sight]) -> None:
    """Write the frames as a pcap file with nanosecond stamps."""
    with path.open("wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, LINKTYPE_ETHERNET))
        for sight in sights:
            size = len(sight.frame)
            file.write(struct.pack("=IIII", *divmod(sight.at, 1_000_000_000), size, size) + sight.frame)


# A classic BPF program: VRRP of either family, unsolicited NAs and gratuitous ARPs, incoming only.
# (code, jump if true, jump if false, operand); a jump counts the instructions to leave out.
LOAD_BYTE, LOAD_HALF, LOAD_WORD, TO_X, RETURN = 0x30, 0x28, 0x20, 0x07, 0x06
EQUAL, EQUAL_X, ANY_BIT = 0x15, 0x1D, 0x45
PACKET_TYPE, OUTGOING = 0xFFFFF000 + 4, 4
INCOMING_VRRP: Final = (
    (LOAD_WORD, 0, 0, PACKET_TYPE),
    (EQUAL, 17, 0, OUTGOING),
    (LOAD_HALF, 0, 0, 12),
    (EQUAL, 4, 0, 0x0806),
    (EQUAL, 7, 0, 0x0800),
    (EQUAL, 0, 13, 0x86DD),
    (LOAD_BYTE, 0, 0, 20),
    (EQUAL, 12, 6, 112),
    # ARP: is the sender's address the target's?
    (LOAD_WORD, 0, 0, 28),
    (TO_X, 0, 0, 0),
    (LOAD_WORD, 0, 0, 38),
    (EQUAL_X, 8, 7, 0),
    # IPv4
    (LOAD_BYTE, 0, 0, 23),
    (EQUAL, 6, 5, 112),
    # IPv6, not VRRP: a neighbour advertisement that nobody asked for?
    (EQUAL, 0, 4, 58),
    (LOAD_BYTE, 0, 0, 54),
    (EQUAL, 0, 2, 136),
    (LOAD_BYTE, 0, 0, 58),
    (ANY_BIT, 0, 1, 0x40),
    (RETURN, 0, 0, 0),
    (RETURN, 0, 0, LARGEST_FRAME),
)


def attach(tap: socket.socket, program: Iterable[tuple[int, int, int, int]]) -> None:
    """Attach a classic BPF program to a socket."""
    code = b"".join(struct.pack("@HBBI", *instruction) for instruction in program)
    memory = ctypes.create_string_buffer(code)
    program_header = struct.pack("@HP", len(code) // 8, ctypes.addressof(memory))
    tap.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program_header)
