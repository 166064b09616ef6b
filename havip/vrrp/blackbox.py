"""What outlives a VRRP worker that is killed: when each router last advertised as MASTER.

A page of shared memory that the supervisor keeps open and hands to the next worker.  The supervisor never
looks inside; the clock is the same for every process of the machine.  Writing costs no system call.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from struct import Struct
from typing import Final

from havip.clock import Instant
from havip.messages import Key

SLOT: Final = Struct("=16sq")  # digest of the router's key, instant of the last advert (0: not MASTER)
INSTANT: Final = Struct("=q")
ADVERTISED_AT: Final = 16  # offset of the instant in a slot
SLOTS: Final = 65_536
RELEASED: Final = b"\xff" * 16
NOT_MASTER: Final = Instant(0)


def create() -> int:
    """Return the descriptor of an empty black box, to be kept by the supervisor."""
    descriptor = os.memfd_create("havip-blackbox", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, SLOT.size * SLOTS)
    return descriptor


class BlackBox:
    """The worker's view: first what the last worker left behind, from then on our own record."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, SLOT.size * SLOTS)
        self._slots: dict[Key, int] = {}
        self._released: list[int] = []
        self._left_behind: dict[bytes, Instant] = {}
        for offset in range(0, SLOT.size * SLOTS, SLOT.size):
            digest, advertised_at = SLOT.unpack_from(self._memory, offset)
            if not any(digest):
                break  # slots are taken from the lowest on and a released one keeps a mark
            SLOT.pack_into(self._memory, offset, bytes(16), NOT_MASTER)
            if advertised_at != NOT_MASTER:
                self._left_behind[digest] = Instant(advertised_at)

    def last_advertised(self, key: Key) -> Instant | None:
        """Return when the last worker advertised this router, if it died as its MASTER."""
        return self._left_behind.get(digest_of(key))

    def slot(self, key: Key) -> int:
        """Return the place where `record` keeps this router."""
        number = self._released.pop() if self._released else len(self._slots)
        self._slots[key] = number
        SLOT.pack_into(self._memory, number * SLOT.size, digest_of(key), NOT_MASTER)
        return number * SLOT.size + ADVERTISED_AT

    def release(self, key: Key) -> None:
        """Give back the slot of a dropped router."""
        number = self._slots.pop(key)
        SLOT.pack_into(self._memory, number * SLOT.size, RELEASED, NOT_MASTER)
        self._released.append(number)

    def record(self, slot: int, advertised_at: Instant) -> None:
        """Note that the router of ``slot`` advertised just now, or that it is NOT_MASTER any more."""
        INSTANT.pack_into(self._memory, slot, advertised_at)


def digest_of(key: Key) -> bytes:
    """Return 16 bytes that stand for a router, the same in every process."""
    return hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
