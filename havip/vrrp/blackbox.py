"""What outlives a VRRP worker that is killed: until when the peers of each router believe in its last advert.

A page of shared memory that the supervisor keeps open and hands to the next worker.  The supervisor never
looks inside; the clock is the same for every process of the machine.  Writing costs no system call.
"""

from __future__ import annotations

import mmap
import os
from struct import Struct
from typing import Final
from zlib import crc32

from havip.clock import Instant
from havip.messages import Key

NAME: Final = Struct("=16sBBI2x")  # a router's key: interface, vrid, family, digest of its segment
INSTANT: Final = Struct("=q")  # until when its peers believe in it as MASTER; NOT_MASTER
SLOT_SIZE: Final = NAME.size + INSTANT.size
SLOTS: Final = 65_536
FREE: Final = bytes(NAME.size)
RELEASED: Final = NAME.pack(b"/", 0, 0, 0)  # no interface is called so
NOT_MASTER: Final = Instant(0)


def create() -> int:
    """Return the descriptor of an empty black box, to be kept by the supervisor."""
    descriptor = os.memfd_create("havip-blackbox", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, SLOT_SIZE * SLOTS)
    return descriptor


class BlackBox:
    """The worker's view: first what the last worker left behind, from then on our own record."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, SLOT_SIZE * SLOTS)
        self._slots: dict[Key, int] = {}
        self._released: list[int] = []
        self._left_behind: dict[bytes, Instant] = {}
        for offset in range(0, SLOT_SIZE * SLOTS, SLOT_SIZE):
            name = self._memory[offset : offset + NAME.size]
            if name == FREE:
                break  # slots are taken from the lowest on and a released one keeps a mark
            (believed_until,) = INSTANT.unpack_from(self._memory, offset + NAME.size)
            self._write(offset, FREE)
            if believed_until != NOT_MASTER:
                self._left_behind[name] = Instant(believed_until)

    def believed_until(self, key: Key) -> Instant | None:
        """Return until when the last worker's adverts bind the peers, if it died as this router's MASTER."""
        return self._left_behind.get(name_of(key))

    def slot(self, key: Key) -> int:
        """Return the place where `record` keeps this router."""
        number = self._released.pop() if self._released else len(self._slots)
        self._slots[key] = number
        self._write(number * SLOT_SIZE, name_of(key))
        return number * SLOT_SIZE + NAME.size

    def release(self, key: Key) -> None:
        """Give back the slot of a dropped router."""
        number = self._slots.pop(key)
        self._write(number * SLOT_SIZE, RELEASED)
        self._released.append(number)

    def record(self, slot: int, believed_until: Instant) -> None:
        """Note until when an advert just sent binds the peers, or that the router is NOT_MASTER any more."""
        INSTANT.pack_into(self._memory, slot, believed_until)

    def _write(self, offset: int, name: bytes) -> None:
        self._memory[offset : offset + SLOT_SIZE] = name + INSTANT.pack(NOT_MASTER)


def name_of(key: Key) -> bytes:
    """Return a router's key as a slot holds it."""
    interface, vrid, family, segment = key
    return NAME.pack(interface.encode(), vrid, family, crc32(segment.encode()))
