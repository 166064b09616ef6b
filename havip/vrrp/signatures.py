"""Signatures at run time: adverts signed as they leave, and trailers judged as they come in.

The edge of `havip.vrrp.auth`: reads the wall clock, which decides nothing else, and keeps every sequence in
the file that outlives us before its advert leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from havip import clock
from havip.config.authentication import Hmac, Mode
from havip.config.model import VirtualRouter
from havip.errors import Refusal
from havip.vrrp import auth, packet
from havip.vrrp.auth import Guard, Marks, Signer
from havip.vrrp.sequences import Ledger
from havip.vrrp.sockets import Parcel


class Signatures:
    """What one router signs with, and what it demands of others."""

    def __init__(self, config: VirtualRouter, hmac: Hmac, ledger: Ledger) -> None:
        self.window = hmac.window(config.interval)
        self.unsigned_pass = hmac.mode is not Mode.ENFORCE
        self._hmac = hmac
        self._ledger = ledger
        senders = len(config.unicast.peers) if config.unicast is not None else 0
        marks = Marks(max(auth.ROOM, senders), ledger.heard, ledger.keep, ledger.drop)
        self._guard = Guard(hmac, config.version, config.vrid, self.window, marks)

    def adverts(
        self, plain: Mapping[int, tuple[Parcel, ...]], source: bytes
    ) -> Mapping[int, tuple[Parcel, ...]]:
        """Return adverts that are signed whenever one of them is taken, or as they are if we sign nothing."""
        if self._hmac.mode is Mode.RECEIVE_ONLY:
            return plain
        return SignedAdverts(plain, source, self._hmac, self.window, self._ledger)

    def is_near_the_end(self, ahead: int) -> bool:
        """Say whether a clock is so far off that it may soon leave the window."""
        return self.window is not None and 2 * abs(ahead) > self.window

    def judge(self, payload: bytes, source: bytes) -> Refusal | int:
        """Return why a message with a trailer is refused, or the seconds that its clock is ahead of ours."""
        return self._guard.judge(payload, source, clock.stamp())


class SignedAdverts(Mapping[int, "tuple[Parcel, ...]"]):
    """A router's adverts by priority.  Each look-up is one advert more: it has a sequence of its own.

    The same trailer goes to every destination.
    """

    def __init__(
        self,
        plain: Mapping[int, tuple[Parcel, ...]],
        source: bytes,
        hmac: Hmac,
        window: int | None,
        ledger: Ledger,
    ) -> None:
        self._ledger = ledger
        self._window = window
        self._ipv6 = len(source) == 16
        self._ready: dict[int, tuple[Signer | None, tuple[Parcel, ...]]] = {}
        for priority, parcels in plain.items():
            messages = [data if self._ipv6 else data[packet.IPV4_HEADER.size :] for data, _ in parcels]
            signer = Signer(hmac, messages[0], source) if messages else None  # no peers, nothing to sign
            if not self._ipv6:
                parcels = tuple((packet.before_trailer(data), to) for data, to in parcels)
            self._ready[priority] = signer, parcels

    def __getitem__(self, priority: int) -> tuple[Parcel, ...]:
        signer, parcels = self._ready[priority]
        if signer is None:
            return parcels
        ledger = self._ledger
        sequence = auth.next_sequence(ledger.sent, clock.stamp(), self._window)
        ledger.send(sequence)
        trailer = signer.trailer(sequence)
        if self._ipv6:
            return tuple((packet.with_trailer(message, trailer), to) for message, to in parcels)
        return tuple((datagram + trailer, to) for datagram, to in parcels)

    def __iter__(self) -> Iterator[int]:
        return iter(self._ready)

    def __len__(self) -> int:
        return len(self._ready)
