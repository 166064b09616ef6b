"""The kernel's news of processes: the proc connector, a netlink socket.

It exists in the first network namespace only, and speaks to the first process namespace only: elsewhere
opening it fails, or nothing is ever heard, not even the answer to our subscription.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from struct import Struct
from typing import Final, NamedTuple

NETLINK_CONNECTOR: Final = 11
CN_IDX_PROC, CN_VAL_PROC = 1, 1
LISTEN: Final = 1
DONE: Final = 3  # NLMSG_DONE: what the kernel and we both send
READ_SIZE: Final = 1 << 16
MOST_READS: Final = 256  # in one look
RECEIVE_BUFFER: Final = 4 << 20
SO_RCVBUFFORCE: Final = 33

HEADER: Final = Struct("=IHHII")  # nlmsghdr
CONNECTOR: Final = Struct("=IIIIHH")  # cn_msg
EVENT: Final = Struct("=IIQ")  # proc_event, up to its data
OPERATION: Final = Struct("=I")  # proc_cn_mcast_op
PIDS: Final = Struct("=IIII")
OFFSET: Final = HEADER.size + CONNECTOR.size

SUBSCRIBED, FORK, EXEC, COMM, EXIT = 0, 1, 2, 0x200, 0x80000000


class Happening(NamedTuple):
    """What happened to a process.  ``parent`` is that of a new one, 0 for anything else."""

    what: int
    pid: int
    parent: int = 0


class Connector:
    """The socket, subscribed to everything."""

    def __init__(self) -> None:
        """Open it.  Raises OSError."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_CONNECTOR)
        try:
            self._socket.setblocking(False)
            with suppress(OSError):  # then the ordinary size must do
                self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
            self._socket.bind((0, CN_IDX_PROC))
            body = CONNECTOR.pack(CN_IDX_PROC, CN_VAL_PROC, 0, 0, OPERATION.size, 0) + OPERATION.pack(LISTEN)
            self._socket.send(HEADER.pack(HEADER.size + len(body), DONE, 0, 0, os.getpid()) + body)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def read(self) -> tuple[list[Happening], bool]:
        """Return what has happened, without waiting, and whether some of it was lost."""
        happenings: list[Happening] = []
        lost = False
        for _ in range(MOST_READS):
            try:
                data, (sender, _) = self._socket.recvfrom(READ_SIZE)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                lost = True
                continue
            if sender == 0:  # the kernel, and not another process
                happenings += parse(data)
        return happenings, lost

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def parse(data: bytes) -> Iterator[Happening]:
    """Yield what a datagram tells of processes; threads and all other news are left out."""
    offset = 0
    while offset + OFFSET + EVENT.size <= len(data):
        length = HEADER.unpack_from(data, offset)[0]
        what = EVENT.unpack_from(data, offset + OFFSET)[0]
        place = offset + OFFSET + EVENT.size
        if what == SUBSCRIBED:
            yield Happening(SUBSCRIBED, 0)
        elif what == FORK and place + PIDS.size <= len(data):
            _, parent, child_thread, child = PIDS.unpack_from(data, place)
            if child_thread == child:
                yield Happening(FORK, child, parent)
        elif what in (EXEC, COMM, EXIT) and place + 8 <= len(data):
            thread, pid = PIDS.unpack_from(data.ljust(place + PIDS.size, b"\0"), place)[:2]
            if thread == pid:
                yield Happening(what, pid)
        offset += max(length + 3 & ~3, HEADER.size)
