"""Listening on a wire: every frame that passes an interface of a namespace, with the kernel's time stamp.

Owns one AF_PACKET socket and the thread that empties it.  Must never send, and never judges what it hears.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike, eventfd, eventfd_write
from os import close as close_descriptor
from select import POLLIN, poll
from types import TracebackType
from typing import Final

from lab.netns import Host

ETH_P_ALL: Final = 0x0003
SO_RCVBUFFORCE: Final = 33
SO_TIMESTAMPNS: Final = 35
PACKET_OUTGOING: Final = 4
LINKTYPE_ETHERNET: Final = 1
RECEIVE_BUFFER: Final = 16 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One Ethernet frame as it passed."""

    at: int  #: ns of CLOCK_MONOTONIC, stamped by the kernel
    outgoing: bool  #: sent by this host, as against received
    data: bytes


class Capture:
    """Everything an interface sends and receives from the moment the constructor returns until `close`.

    On a switch's bridge it hears what the switch forwards to all; on an interface of a host, that host's
    frames.  ``protocol`` is an EtherType, ``keep`` chooses frames, ``tell`` is called for each one kept,
    on the thread that listens.
    """

    def __init__(
        self,
        host: Host,
        interface: str = "eth0",
        *,
        protocol: int = ETH_P_ALL,
        keep: Callable[[Frame], bool] | None = None,
        tell: Callable[[Frame], None] | None = None,
    ) -> None:
        self._keep = keep
        self._tell = tell
        self._frames: list[Frame] = []
        self._news = threading.Condition()
        with host.entered():
            # Protocol 0 hears nothing until bind names the interface: no frame of another one slips in.
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
                self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                self._socket.bind((interface, protocol))
            except OSError:
                self._socket.close()
                raise
        self._stop = eventfd(0)
        name = f"capture {host.name} {interface}"
        self._thread = threading.Thread(target=self._listen, name=name, daemon=True)
        self._thread.start()

    def __enter__(self) -> Capture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def frames(self) -> list[Frame]:
        """Return a copy of what was heard so far, in order."""
        with self._news:
            return list(self._frames)

    def wait_for(self, wanted: Callable[[Frame], bool], *, since: int = 0, timeout: float = 10.0) -> Frame:
        """Return the first frame with ``wanted(frame)``, heard already or yet to come.

        ``since``: frames from this instant on only.  Raises `TimeoutError` after ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        seen = 0
        with self._news:
            while True:
                for frame in self._frames[seen:]:
                    if frame.at >= since and wanted(frame):
                        return frame
                seen = len(self._frames)
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(
                        f"no such frame within {timeout} s among {seen} on {self._thread.name}"
                    )
                self._news.wait(left)

    def close(self) -> None:
        """Stop listening, after all that has arrived was read.  The frames stay readable."""
        if self._thread.is_alive():
            eventfd_write(self._stop, 1)
            self._thread.join()
            self._socket.close()
            close_descriptor(self._stop)

    def write_pcap(self, path: str | PathLike[str]) -> None:
        """Write what was heard as a pcap file with nanosecond stamps (of wall-clock time)."""
        offset = time.time_ns() - time.monotonic_ns()
        with open(path, "wb") as file:
            file.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, LINKTYPE_ETHERNET))
            for frame in self.frames:
                second, nanosecond = divmod(frame.at + offset, 1_000_000_000)
                size = len(frame.data)
                file.write(struct.pack("=IIII", second, nanosecond, size, size) + frame.data)

    def _listen(self) -> None:
        wake = poll()
        wake.register(self._socket, POLLIN)
        wake.register(self._stop, POLLIN)
        stopping = False
        while not stopping:
            stopping = any(descriptor == self._stop for descriptor, _ in wake.poll())
            heard = self._drain()
            if heard:
                with self._news:
                    self._frames += heard
                    self._news.notify_all()
            if self._tell is not None:
                for frame in heard:
                    self._tell(frame)

    def _drain(self) -> list[Frame]:
        heard: list[Frame] = []
        while True:
            try:
                data, ancillary, _, sender = self._socket.recvmsg(65536, 64)
            except BlockingIOError:
                return heard
            except OSError:  # the interface went down or away: the socket lives on
                continue
            # The stamp is wall-clock time; its age is the same on every clock.
            stamp = _stamp(ancillary)
            at = time.monotonic_ns() - (time.time_ns() - stamp) if stamp else time.monotonic_ns()
            frame = Frame(at, sender[2] == PACKET_OUTGOING, data)
            if self._keep is None or self._keep(frame):
                heard.append(frame)


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            second, nanosecond = struct.unpack("=qq", data)
            return int(second * 1_000_000_000 + nanosecond)
    return 0
