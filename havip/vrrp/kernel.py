"""The addresses that we put on interfaces, and the interfaces as our routers see them.

The only file of the VRRP worker that changes addresses.  It decides nothing: it does what it is asked to
and reports what others did.  It never blocks and, once built, raises only where a docstring says so.

Every address of ours carries `ADDRESS_MARK` (IFA_PROTO), so that leftovers of a killed process are known
for ours and can be swept.  Linux before 5.18 ignores the mark.  There we know only what this process has
added: leftovers are not swept, are left alone as if an administrator had put them there, and may be
taken for a primary address.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from havip.config.model import Family, VirtualAddress
from havip.errors import KernelRefused
from havip.netlink import codec
from havip.netlink.codec import Address, Answer, Key, Malformed, Message
from havip.netlink.mirror import Mirror
from havip.netlink.socket import EventSocket, RequestSocket, spell
from havip.vrrp.addresses import (
    ADDRESS_MARK,
    AddressBatch,
    batch_of,
    deletion,
    same_address,
    virtual_address,
)
from havip.vrrp.interface import InterfaceView, link_fault, view_of

__all__ = ["ADDRESS_MARK", "AddressBatch", "Changes", "InterfaceView", "Kernel", "Refused"]

EVENTS_PER_READ: Final = 128  # so that a storm of events cannot keep the worker from its adverts

_ABSENT: Final = frozenset((errno.EADDRNOTAVAIL, errno.ENODEV, errno.ENXIO))


@dataclass(frozen=True, slots=True)
class Refused:
    """The kernel would not add or remove ``address``; ``error`` is its explanation."""

    address: VirtualAddress
    error: str
    batch: AddressBatch


@dataclass(frozen=True, slots=True)
class Changes:
    """What others did: interfaces whose view may have changed, and addresses that we hold no more."""

    interfaces: frozenset[str]
    lost: tuple[tuple[int, VirtualAddress], ...]  # (ifindex, address)


class Kernel:
    """Interfaces and addresses of the network namespace in which the calling thread is.

    An address that we asked for is either ``ours``, added by us or found with our mark, or ``foreign``:
    it was there before us.  Both are held, but a foreign one is never removed: the address owner's
    interface had it all along (RFC 9568 section 1.7, IP Address Owner).
    """

    def __init__(self) -> None:
        """Open the sockets and look around.  Raises `KernelRefused`."""
        self._mirror = Mirror()
        self._ours: dict[Key, VirtualAddress] = {}
        self._foreign: dict[Key, VirtualAddress] = {}
        self._own_removals: Counter[Key] = Counter()  # whose events have not been read yet
        self._stale = False  # the mirror needs another dump
        with ExitStack() as opened:
            try:
                self._requests = opened.enter_context(RequestSocket())
                self._events = opened.enter_context(EventSocket())  # first, so that the dump misses nothing
            except OSError as error:
                raise KernelRefused(f"cannot open a netlink socket: {error.strerror}") from error
            self._look_around()
            self._sockets = opened.pop_all()

    def fileno(self) -> int:
        """Return the descriptor that is readable while `read_events` has something to read."""
        return self._events.fileno()

    def close(self) -> None:
        """Close the sockets; again without harm.  The addresses stay as they are."""
        self._sockets.close()

    def view(self, interface: str, family: Family, source: bytes = b"") -> InterfaceView:
        """Return the interface, with ``source`` as its address if given, as the events so far leave it."""
        return view_of(self._mirror, interface, family, self._is_ours, source)

    def link_fault(self, interface: str) -> str | None:
        """Return in words why an interface carries nothing; None: it is up and running."""
        return link_fault(self._mirror, interface)

    def has_link(self, interface: str) -> bool:
        """Say whether there is an interface of that name."""
        return self._mirror.link(interface) is not None

    def prepare(self, ifindex: int, addresses: Sequence[VirtualAddress]) -> AddressBatch:
        """Build the requests that add and remove ``addresses``, for any number of uses."""
        return batch_of(ifindex, addresses, self._requests.reserve(2 * len(addresses)))

    def read_events(self) -> Changes:
        """Read what happened, without blocking, and return what others did.

        What we did ourselves is never among it.  If events were lost, interfaces and addresses are read
        afresh, and the changes are what differs.  A storm may take several calls.
        """
        heard = self._events.drain(EVENTS_PER_READ)
        touched: set[str] = set()
        lost: dict[Key, VirtualAddress] = {}
        try:
            for message in heard.messages:
                self._take_note(message, touched, lost)
        except Malformed:
            self._stale = True
        if heard.empty:
            # The kernel queues the event of a removal before it answers the request.
            self._own_removals.clear()
        if heard.overrun or self._stale:
            self._recover(touched, lost)
        for key in lost:
            self._ours.pop(key, None)
            self._foreign.pop(key, None)
        return Changes(frozenset(touched), tuple((key[0], address) for key, address in lost.items()))

    def add(self, batches: Sequence[AddressBatch]) -> list[Refused]:
        """Put the addresses on their interfaces; return those that the kernel would not have.

        An address that is there already is held as it is.
        """
        # For each IPv6 address the kernel also queues work of its own, even without duplicate address
        # detection, and that work wants the lock that our requests need.  At real-time priority we keep
        # it waiting; at ordinary priority an address took ten times as long in a batch of 250.
        answers = self._requests.submit([request for batch in batches for request in batch.additions])
        refused = []
        listed: list[Address] = []
        for batch in batches:
            for number, key in enumerate(batch.keys):
                answer = answers.get(batch.first_addition + number)
                if answer is not None and answer.code == errno.EEXIST:
                    answer = self._hold_as_it_is(batch, number, answer, listed)
                elif answer is None:
                    self._ours[key] = batch.addresses[number]
                if answer is not None:
                    refused.append(Refused(batch.addresses[number], spell(answer), batch))
        return refused

    def remove(self, batches: Sequence[AddressBatch]) -> list[Refused]:
        """Take our addresses off their interfaces, the last one first; return those that stay.

        What is gone already is as good as removed.  What was there before us stays and is no refusal.
        Where the kernel removes secondary addresses with their primary one (``promote_secondaries`` is
        0), addresses of other batches may go too: `read_events` reports them as lost.
        """
        chosen = []
        for batch in reversed(batches):
            for number in reversed(range(len(batch.keys))):
                if self._may_remove(batch.keys[number]):
                    chosen.append((batch, number))
                else:
                    self._let_go(batch, number)
        answers = self._requests.submit([batch.removals[number] for batch, number in chosen])
        refused = []
        for batch, number in chosen:
            objection = self._note_removal(batch.keys[number], answers.get(batch.first_removal + number))
            if objection is not None:
                refused.append(Refused(batch.addresses[number], spell(objection), batch))
        return refused

    def sweep(self, keep: Collection[tuple[int, VirtualAddress]]) -> list[VirtualAddress]:
        """Remove every address with our mark that is not kept, given as (ifindex, address); return them.

        Raises `KernelRefused`.
        """
        leftovers = [
            (address, virtual)
            for address in reversed(self._list_addresses())  # secondary addresses before primary ones
            if address.protocol == ADDRESS_MARK
            and (address.ifindex, virtual := virtual_address(address)) not in keep
        ]
        first = self._requests.reserve(len(leftovers))
        answers = self._requests.submit(
            [deletion(sequence, address) for sequence, (address, _) in enumerate(leftovers, first)]
        )
        swept = []
        for sequence, (address, virtual) in enumerate(leftovers, first):
            objection = self._note_removal(address.key, answers.get(sequence))
            if objection is not None:
                raise KernelRefused(f"cannot remove the leftover {virtual}: {spell(objection)}")
            if sequence not in answers:
                swept.append(virtual)
        return swept

    def _is_ours(self, address: Address) -> bool:
        return address.protocol == ADDRESS_MARK or address.key in self._ours

    def _take_note(self, message: Message, touched: set[str], lost: dict[Key, VirtualAddress]) -> None:
        """Apply one event; add the names it concerns and what it takes from us.  Raises `Malformed`."""
        if message.kind in (codec.NEW_ADDRESS, codec.DELETE_ADDRESS):
            address = codec.parse_address(message.body)
            if address is None:
                return
            if message.kind == codec.NEW_ADDRESS:
                lost.pop(address.key, None)  # gone and back before we looked
                news = self._mirror.put_address(address)
            else:
                self._note_deletion(address.key, lost)
                news = self._mirror.drop_address(address.key)
            name = self._mirror.name(address.ifindex)
            if news and name and not self._is_ours(address):
                touched.add(name)
        elif message.kind in (codec.NEW_LINK, codec.DELETE_LINK):
            link = codec.parse_link(message.body)
            if link is None:
                return
            if message.kind == codec.NEW_LINK:
                touched |= self._mirror.put_link(link)
            else:  # its addresses have been told one by one before
                touched |= self._mirror.drop_link(link.ifindex)
        elif message.kind == codec.NEW_NETCONF:
            setting = codec.parse_forwarding(message.body)
            if setting is not None:
                touched |= self._mirror.put_forwarding(*setting)

    def _note_deletion(self, key: Key, lost: dict[Key, VirtualAddress]) -> None:
        if self._own_removals[key] > 0:
            self._own_removals[key] -= 1
            return
        held = self._ours.get(key) or self._foreign.get(key)
        if held is not None:
            lost[key] = held

    def _recover(self, touched: set[str], lost: dict[Key, VirtualAddress]) -> None:
        """Make up for events that we did not hear, or could not read."""
        try:
            touched |= self._look_around()
        except KernelRefused:
            self._stale = True  # the next event reminds us
        if not self._stale:
            held = self._ours | self._foreign
            lost.clear()
            lost |= {key: address for key, address in held.items() if self._mirror.address(key) is None}

    def _look_around(self) -> set[str]:
        """Read everything afresh; return the names that mean something else than before.

        Raises `KernelRefused`.
        """
        links = self._requests.dump(codec.dump_links)
        addresses = self._requests.dump(codec.dump_addresses)
        forwarding = self._who_forwards()
        self._stale = links.torn or addresses.torn
        try:
            return self._mirror.replace(
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

    def _list_addresses(self) -> list[Address]:
        """Return every address, as the kernel has it now.  Raises `KernelRefused`."""
        try:
            return addresses_of(self._requests.dump(codec.dump_addresses).messages)
        except Malformed as error:
            raise KernelRefused(f"cannot read addresses: {error}") from error

    def _hold_as_it_is(
        self, batch: AddressBatch, number: int, exists: Answer, listed: list[Address]
    ) -> Answer | None:
        """Hold an address that the kernel says is there; return why not if that is so.

        ``listed`` are the addresses as the kernel has them now, read once for all that we had not heard of.
        """
        key, virtual = batch.keys[number], batch.addresses[number]
        if key in self._ours:  # the usual case, so nothing is searched
            return None
        known = same_address(key, self._mirror.addresses(key[0], family_of(key)))
        if known is None and not listed:
            try:
                listed += self._list_addresses()
            except KernelRefused:
                return exists
        there = known or same_address(key, listed)
        if there is None:
            return exists  # and gone again: the next attempt will find the place free
        if not self._is_ours(there):
            self._foreign[there.key] = virtual
        elif there.key == key:
            self._ours[key] = virtual
        else:
            return self._replace(there, batch, number)
        return None

    def _replace(self, there: Address, batch: AddressBatch, number: int) -> Answer | None:
        """Put an IPv6 address of ours back with another prefix length; return the kernel's objection.

        The kernel has room for an IPv6 address only once per interface, whatever the prefix lengths.
        """
        sequence = self._requests.reserve(1)
        answers = self._requests.submit([deletion(sequence, there), batch.additions[number]])
        objection = self._note_removal(there.key, answers.get(sequence))
        objection = objection or answers.get(batch.first_addition + number)
        if objection is None:
            self._ours[batch.keys[number]] = batch.addresses[number]
        return objection

    def _may_remove(self, key: Key) -> bool:
        there = self._mirror.address(key)
        return key in self._ours or (there is not None and there.protocol == ADDRESS_MARK)

    def _let_go(self, batch: AddressBatch, number: int) -> None:
        """Hold a foreign address no more."""
        ifindex, virtual = batch.keys[number][0], batch.addresses[number]
        for key in [key for key, held in self._foreign.items() if (key[0], held) == (ifindex, virtual)]:
            del self._foreign[key]

    def _note_removal(self, key: Key, answer: Answer | None) -> Answer | None:
        """Forget what we asked the kernel to remove; return its objection if it is still there."""
        if answer is None:
            self._own_removals[key] += 1
        elif answer.code not in _ABSENT:
            return answer
        self._ours.pop(key, None)
        self._mirror.drop_address(key)
        return None


def addresses_of(messages: Iterable[Message]) -> list[Address]:
    """Return the addresses of a dump.  Raises `Malformed`."""
    return [address for message in messages if (address := codec.parse_address(message.body))]


def family_of(key: Key) -> int:
    """Return AF_INET or AF_INET6."""
    return codec.AF_INET if len(key[1]) == 4 else codec.AF_INET6
