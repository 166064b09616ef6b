"""A client of the virtual addresses: it believes whoever announced an address last, as real neighbours do.

It reads the real frames of gratuitous ARP (RFC 826) and unsolicited Neighbor Advertisements (RFC 4861
section 4.4) by their offsets, written here once more so that `announce` is not checked against itself.
"""

from __future__ import annotations


class Neighbour:
    """One client's neighbour cache, which is also what its switch has learned."""

    def __init__(self) -> None:
        self.cache: dict[bytes, bytes] = {}  # virtual address -> hardware address of its last announcer
        self.learned = 0  # announcements taken in

    def learn(self, frame: bytes) -> None:
        """Take in one announcement.  Raises ValueError for a frame that is none."""
        match frame[12:14]:
            case b"\x08\x06":
                sender, address = frame[22:28], frame[28:32]
            case b"\x86\xdd" if frame[54] == 136:
                sender, address = frame[80:86], frame[62:78]
            case _:
                raise ValueError(f"not an announcement: {frame.hex()}")
        if sender != frame[6:12]:
            raise ValueError(f"announced from another hardware address: {frame.hex()}")
        self.cache[address] = sender
        self.learned += 1
