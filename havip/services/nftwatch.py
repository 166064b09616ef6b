"""Hears from the kernel whether our nftables table still is as we made it.

Owns one netlink socket and reads no more of an event than whose table it concerns.  A table of ours is made
in one transaction that begins with the table itself: whatever is deleted of it after that, others deleted.
"""

from __future__ import annotations

import errno
import socket
from struct import Struct
from typing import Final

NETLINK_NETFILTER: Final = 12
SOL_NETLINK: Final = 270
NETLINK_ADD_MEMBERSHIP: Final = 1
NFNLGRP_NFTABLES: Final = 7
SUBSYSTEM: Final = 10  # NFNL_SUBSYS_NFTABLES
NEW_TABLE: Final = 0
DELETIONS: Final = frozenset((2, 5, 8, 11, 14))  # of a table, a chain, a rule, a set, an element
TABLE_NAME: Final = 1  # the attribute that names the table, in all of these

HEADER: Final = Struct("=IHHII")  # struct nlmsghdr
GENERIC: Final = 4  # bytes of struct nfgenmsg
ATTRIBUTE: Final = Struct("=HH")  # struct nlattr
TYPE_MASK: Final = 0x3FFF
BUFFER: Final = 1 << 20  # bytes of events that may wait for us


class NftWatch:
    """``intact`` is true from the making of the table to the first deletion that concerns it."""

    def __init__(self, table: str) -> None:
        """Listen from now on.  Raises OSError."""
        self.intact = True
        self._table = table.encode()
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_NETFILTER
        )
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            self._socket.bind((0, 0))  # without it no event comes
            self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor that is readable while there is something to `drain`."""
        return self._socket.fileno()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def drain(self) -> bool:
        """Read all that has happened, and say whether the table is intact."""
        while True:
            try:
                data = self._socket.recv(1 << 18)
            except BlockingIOError:
                return self.intact
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.intact = False  # events were lost: it may have been among them
                continue
            self.take_note(data)

    def take_note(self, data: bytes) -> None:
        """Apply the events of one datagram, in order."""
        offset = 0
        while offset + HEADER.size + GENERIC <= len(data):
            length, kind, _, _, _ = HEADER.unpack_from(data, offset)
            if length < HEADER.size + GENERIC:
                return
            subsystem, number = kind >> 8, kind & 0xFF
            attributes = data[offset + HEADER.size + GENERIC : offset + length]
            if subsystem == SUBSYSTEM and table_in(attributes) == self._table:
                if number == NEW_TABLE:
                    self.intact = True
                elif number in DELETIONS:
                    self.intact = False
            offset += (length + 3) & ~3


def table_in(attributes: bytes) -> bytes:
    """Return the name of the table that an event concerns, empty where it names none."""
    offset = 0
    while offset + ATTRIBUTE.size <= len(attributes):
        length, kind = ATTRIBUTE.unpack_from(attributes, offset)
        if length < ATTRIBUTE.size:
            return b""
        if kind & TYPE_MASK == TABLE_NAME:
            return attributes[offset + ATTRIBUTE.size : offset + length].rstrip(b"\0")
        offset += (length + 3) & ~3
    return b""
