"""Interfaces and addresses as the kernel's events leave them, and which addresses others took from us.

It hears and asks, and never changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from havip.errors import KernelRefused
from havip.netlink import codec
from havip.netlink.codec import Address, Key, Malformed, Message
from havip.netlink.mirror import Mirror
from havip.netlink.routes import RouteKey
from havip.netlink.rules import RuleKey
from havip.netlink.socket import EventSocket, RequestSocket
from havip.vrrp import holdings
from havip.vrrp.ledger import Ledger

EVENTS_PER_READ: Final = 128  # so that a storm of events cannot keep the worker from its adverts


class Surroundings:
    """The mirror of the network namespace, kept true."""

    def __init__(
        self,
        requests: RequestSocket,
        events: EventSocket,
        ledger: Ledger,
        is_ours: Callable[[Address], bool],
    ) -> None:
        """Look around.  ``events`` has been open before, so nothing is missed.  Raises `KernelRefused`."""
        self.mirror = Mirror()
        self._requests = requests
        self._events = events
        self._ledger = ledger
        self._is_ours = is_ours
        self._stale = False  # the mirror needs another dump
        self._look_around()

    def read(self) -> tuple[set[str], bool]:
        """Read events without blocking.  A storm may take several calls.

        Returns the interfaces whose view may have changed, and whether something went away that routes
        depend on.  What others took from us is in the ledger.
        """
        heard = self._events.drain(EVENTS_PER_READ)
        touched: set[str] = set()
        went = False
        try:
            for message in heard.messages:
                went |= self._take_note(message, touched)
        except Malformed:
            self._stale = True
        if heard.empty:
            self._ledger.forget_own_removals()
        if heard.overrun or self._stale:
            self._recover(touched)
            went = True
        return touched, went

    def list_addresses(self) -> list[Address]:
        """Return every address, as the kernel has it now.  Raises `KernelRefused`."""
        try:
            return addresses_of(self._requests.dump(codec.dump_addresses).messages)
        except Malformed as error:
            raise KernelRefused(f"cannot read addresses: {error}") from error

    def _take_note(self, message: Message, touched: set[str]) -> bool:
        """Apply one event; add the names it concerns.  Raises `Malformed`.

        Returns whether routes may have gone with it: the kernel is silent about those of IPv4.
        """
        if message.kind in (codec.NEW_ADDRESS, codec.DELETE_ADDRESS):
            address = codec.parse_address(message.body)
            if address is None:
                return False
            if message.kind == codec.NEW_ADDRESS:
                self._ledger.note_presence(address.key)
                news = self.mirror.put_address(address)
            else:
                self._ledger.note_deletion(address.key)
                news = self.mirror.drop_address(address.key)
            name = self.mirror.name(address.ifindex)
            if news and name and not self._is_ours(address):
                touched.add(name)
            return message.kind == codec.DELETE_ADDRESS
        if message.kind in (codec.NEW_LINK, codec.DELETE_LINK):
            link = codec.parse_link(message.body)
            if link is None:
                return False
            if message.kind == codec.NEW_LINK:
                touched |= self.mirror.put_link(link)
                return not link.flags & codec.IFF_UP
            touched |= self.mirror.drop_link(link.ifindex)  # its addresses have been told one by one before
            return True
        if message.kind == codec.NEW_NETCONF:
            setting = codec.parse_forwarding(message.body)
            if setting is not None:
                touched |= self.mirror.put_forwarding(*setting)
        return False

    def _recover(self, touched: set[str]) -> None:
        """Make up for events that we did not hear, or could not read."""
        try:
            touched |= self._look_around()
        except KernelRefused:
            self._stale = True  # the next event reminds us
        if not self._stale:
            self._ledger.compare(self._is_there)

    def _is_there(self, key: holdings.Key) -> bool:
        return not isinstance(key, RouteKey | RuleKey) and self.mirror.address(key) is not None

    def _look_around(self) -> set[str]:
        """Read everything afresh; return the names that mean something else than before.

        Raises `KernelRefused`.
        """
        links = self._requests.dump(codec.dump_links)
        addresses = self._requests.dump(codec.dump_addresses)
        forwarding = self._who_forwards()
        self._stale = links.torn or addresses.torn
        try:
            return self.mirror.replace(
                [link for message in links.messages if (link := codec.parse_link(message.body))],
                addresses_of(addresses.messages),
                forwarding,
            )
        except Malformed as error:
            raise KernelRefused(f"cannot read interfaces and addresses: {error}") from error

    def _who_forwards(self) -> list[int]:
        """Return the interfaces that forward IPv6; none where the kernel does not know IPv6."""
        try:
            settings = self._requests.dump(codec.dump_forwarding).messages
            found = [codec.parse_forwarding(message.body) for message in settings]
        except (KernelRefused, Malformed):
            return []
        return [setting[0] for setting in found if setting is not None and setting[1]]


def addresses_of(messages: Iterable[Message]) -> list[Address]:
    """Return the addresses of a dump.  Raises `Malformed`."""
    return [address for message in messages if (address := codec.parse_address(message.body))]


def family_of(key: Key) -> int:
    """Return AF_INET or AF_INET6."""
    return codec.AF_INET if len(key[1]) == 4 else codec.AF_INET6
