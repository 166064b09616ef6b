"""What our masters hold, given to the kernel and taken back, and the interfaces as they see them.

The only file of the VRRP worker that changes addresses, routes and rules.  It decides nothing: it does
what it is asked to and reports what others did.  It never blocks and, once built, raises only where a
docstring says so.

Everything of ours carries `MARK` (IFA_PROTO, or the protocol of a route or rule), so that leftovers of a
killed process are known for ours and can be swept.  Linux before 5.18 ignores the mark of addresses.
There we know only what this process has added: leftovers are not swept, are left alone as if an
administrator had put them there, and may be taken for a primary address.
"""

from __future__ import annotations

import errno
import select
import struct
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from havip.config.model import Estate, Family, VirtualAddress
from havip.errors import KernelRefused
from havip.netlink.codec import Address, Answer
from havip.netlink.routes import RouteKey
from havip.netlink.rules import Rule, RuleKey
from havip.netlink.socket import EventSocket, RequestSocket, spell
from havip.vrrp import holdings
from havip.vrrp.holdings import NO_INTERFACE, Batch, Holding, Key, batch_of, deletion, same_address
from havip.vrrp.interface import DeviceView, InterfaceView, device_of, link_fault, outlet_fault, view_of
from havip.vrrp.ledger import Ledger
from havip.vrrp.routing import RoutingWatch
from havip.vrrp.surroundings import Surroundings, family_of

__all__ = ["Batch", "Changes", "DeviceView", "InterfaceView", "Kernel", "Refused"]

_ABSENT: Final = frozenset((errno.EADDRNOTAVAIL, errno.ENODEV, errno.ENXIO, errno.ESRCH, errno.ENOENT))
_ANOTHER: Final = Answer(errno.EEXIST, "another one is in its place")


@dataclass(frozen=True, slots=True)
class Refused:
    """The kernel would not add or remove ``holding``; ``error`` is its explanation."""

    holding: Holding
    error: str
    batch: Batch


@dataclass(frozen=True, slots=True)
class Changes:
    """What others did: interfaces whose view may have changed, and what we hold no more."""

    interfaces: frozenset[str]
    lost: tuple[Key, ...]


class Listing:
    """What the kernel has now, each kind read when it is first asked for.  Raises `KernelRefused`."""

    def __init__(self, around: Surroundings, watch: RoutingWatch) -> None:
        self._around = around
        self._watch = watch

    @cached_property
    def addresses(self) -> list[Address]:
        """Return every address."""
        return self._around.list_addresses()

    @cached_property
    def marked_routes(self) -> frozenset[RouteKey]:
        """Return the routes with our mark."""
        return frozenset(self._watch.marked_routes())

    @cached_property
    def rules(self) -> list[tuple[Rule, bytes]]:
        """Return every rule."""
        return self._watch.list_rules()


class Kernel:
    """The network namespace in which the calling thread is.

    A holding that we asked for is either ours, added by us or found with our mark, or foreign: it was
    there before us.  Both are held, but a foreign one is never removed: the address owner's interface had
    its address all along (RFC 9568 section 1.7, IP Address Owner).
    """

    def __init__(self) -> None:
        """Open the sockets and look around.  Raises `KernelRefused`."""
        self._addresses = Ledger()
        self._routing = Ledger()
        self.permanent: frozenset[Key] = frozenset()  # what no sweep removes
        with ExitStack() as opened:
            try:
                self._ready = select.epoll()
                opened.callback(self._ready.close)
                self._requests = opened.enter_context(RequestSocket())
                self._events = opened.enter_context(EventSocket())  # first, so that no dump misses anything
                routes = opened.enter_context(EventSocket(groups=0))
                for events in (self._events, routes):
                    self._ready.register(events.fileno(), select.EPOLLIN)
            except OSError as error:
                raise KernelRefused(f"cannot open a netlink socket: {error.strerror}") from error
            self._around = Surroundings(self._requests, self._events, self._addresses, self._is_ours)
            self._watch = RoutingWatch(self._requests, routes, self._routing)
            self._sockets = opened.pop_all()

    def fileno(self) -> int:
        """Return the descriptor that is readable while `read_events` has something to read."""
        return self._ready.fileno()

    def close(self) -> None:
        """Close the sockets; again without harm.  What is in the kernel stays as it is."""
        self._sockets.close()

    def view(self, interface: str, family: Family, source: bytes = b"") -> InterfaceView:
        """Return the interface, with ``source`` as its address if given, as the events so far leave it."""
        return view_of(self._around.mirror, interface, family, self._is_ours, source)

    def link_fault(self, interface: str) -> str | None:
        """Return in words why an interface carries nothing; None: it is up and running."""
        return link_fault(self._around.mirror, interface)

    def has_link(self, interface: str) -> bool:
        """Say whether there is an interface of that name."""
        return self._around.mirror.link(interface) is not None

    def device(self, name: str) -> DeviceView:
        """Return an interface that carries no adverts but is to hold something of ours."""
        return device_of(self._around.mirror, name)

    def outlet_fault(self, interface: str, parent: int, mac: bytes) -> str | None:
        """Return in words why a router cannot use an interface as its own; None: it can."""
        return outlet_fault(self._around.mirror, interface, parent, mac)

    def prepare(self, ifindex: int, wanted: Sequence[Holding]) -> Batch:
        """Build the requests that add and remove ``wanted``, for any number of uses.

        ``ifindex`` is the interface of the addresses that name none.  From the first route or rule on,
        their events are heard.  Raises `KernelRefused` if that cannot be.
        """
        if any(not isinstance(one, VirtualAddress) for one in wanted):
            self._watch.listen()
        return batch_of(ifindex, wanted, self._index, self._requests.reserve(2 * len(wanted)))

    def read_events(self) -> Changes:
        """Read what happened, without blocking, and return what others did.

        What we did ourselves is never among it.  If events were lost, what there is is read afresh, and
        the changes are what differs.  A storm may take several calls.
        """
        touched, went = self._around.read()
        lost = self._addresses.take_lost()
        if self._watch.listens:
            self._watch.read(doubt=went)
            lost += self._routing.take_lost()
        return Changes(frozenset(touched), lost)

    def add(self, batches: Sequence[Batch]) -> list[Refused]:
        """Put into the kernel what the batches hold; return what it would not have.

        What is there already is held as it is.
        """
        # For each IPv6 address the kernel also queues work of its own, even without duplicate address
        # detection, and that work wants the lock that our requests need.  At real-time priority we keep
        # it waiting; at ordinary priority an address took ten times as long in a batch of 250.
        answers = self._requests.submit([request for batch in batches for request in batch.additions])
        refused = []
        there = Listing(self._around, self._watch)
        addresses, routing = self._addresses.ours, self._routing.ours
        for batch in batches:
            for number, key in enumerate(batch.keys):
                answer = answers.get(batch.first_addition + number)
                if answer is not None and answer.code == errno.EEXIST:
                    answer = self._hold_as_it_is(batch, number, answer, there)
                elif answer is None:
                    (addresses if type(key) is tuple else routing)[key] = batch.holdings[number]
                if answer is not None:
                    refused.append(Refused(batch.holdings[number], spell(answer), batch))
        return refused

    def remove(self, batches: Sequence[Batch], keep: Collection[Key] = ()) -> list[Refused]:
        """Take what is ours out of the kernel, the last one first, but ``keep``; return what stays.

        What is gone already is as good as removed.  What was there before us stays and is no refusal.
        Where the kernel removes secondary addresses with their primary one (``promote_secondaries`` is
        0), addresses of other batches may go too: `read_events` reports them as lost.
        """
        chosen = []
        for batch in reversed(batches):
            for number in reversed(range(len(batch.keys))):
                key = batch.keys[number]
                if key in keep:
                    continue
                if self._may_remove(key):
                    chosen.append((batch, number))
                else:
                    self._ledger(key).let_go(key)
        answers = self._requests.submit([batch.removals[number] for batch, number in chosen])
        refused = []
        for batch, number in chosen:
            objection = self._note_removal(batch.keys[number], answers.get(batch.first_removal + number))
            if objection is not None:
                refused.append(Refused(batch.holdings[number], spell(objection), batch))
        return refused

    def sweep(self, keep: Collection[Key], among: Iterable[Estate] | None = None) -> list[str]:
        """Remove everything with our mark that is not kept; return it in words.

        With ``among`` only what is in these estates: the rest belongs to other daemons of this namespace,
        whose mark is the same.  Raises `KernelRefused`.
        """
        ours = None if among is None else {key for estate in among for key in self._keys(estate)}

        def stays(key: Key) -> bool:
            return key in keep or key in self.permanent or (ours is not None and key not in ours)

        leftovers = self._watch.leftovers(stays)
        for address in reversed(self._around.list_addresses()):  # secondary addresses before primary ones
            if address.protocol == holdings.MARK and not stays(address.key):
                leftovers.append((holdings.named(address), address.key, holdings.deleting(address)))
        first = self._requests.reserve(len(leftovers))
        answers = self._requests.submit(
            [delete(sequence) for sequence, (_, _, delete) in enumerate(leftovers, first)]
        )
        swept = []
        for sequence, (words, key, _) in enumerate(leftovers, first):
            objection = self._note_removal(key, answers.get(sequence))
            if objection is not None:
                raise KernelRefused(f"cannot remove the leftover {words}: {spell(objection)}")
            if sequence not in answers:
                swept.append(words)
        return swept

    def _keys(self, estate: Estate) -> tuple[Key, ...]:
        try:
            return self.prepare(self._index(estate.home), estate.holdings).keys
        except (struct.error, ValueError):  # of a damaged record: we never held that
            return ()

    def _index(self, name: str) -> int:
        link = self._around.mirror.link(name)
        return link.ifindex if link is not None else NO_INTERFACE

    def _ledger(self, key: Key) -> Ledger:
        return self._addresses if type(key) is tuple else self._routing

    def _is_ours(self, address: Address) -> bool:
        return address.protocol == holdings.MARK or address.key in self._addresses.ours

    def _hold_as_it_is(self, batch: Batch, number: int, exists: Answer, there: Listing) -> Answer | None:
        """Hold what the kernel says is there; return why not if that is so."""
        key, wanted = batch.keys[number], batch.holdings[number]
        held = self._ledger(key).ours.get(key)
        if held is wanted or held == wanted:  # the usual case, so nothing is searched
            return None
        if held is not None:
            return self._renew(key, held, wanted)
        try:
            if isinstance(key, RouteKey):
                return self._renew(key, wanted, wanted) if key in there.marked_routes else _ANOTHER
            if isinstance(key, RuleKey):
                return self._hold_rule(key, wanted, exists, there)
            known = same_address(key, self._around.mirror.addresses(key[0], family_of(key)))
            found = known or same_address(key, there.addresses)
        except KernelRefused:
            return exists
        if found is None:
            return exists  # and gone again: the next attempt will find the place free
        if not self._is_ours(found):
            self._addresses.hold_foreign(found.key, key, wanted)
        elif found.key == key:
            self._addresses.ours[key] = wanted
        else:
            return self._replace(found, batch, number)
        return None

    def _hold_rule(self, key: RuleKey, wanted: Holding, exists: Answer, there: Listing) -> Answer | None:
        """Hold a rule that is there and not in the ledger.  Raises `KernelRefused`."""
        protocols = [rule.protocol for rule, _ in there.rules if rule.key == key]
        if not protocols:
            return exists  # and gone again
        if holdings.MARK in protocols:
            self._routing.ours[key] = wanted
        else:
            self._routing.hold_foreign(key, key, wanted)
        return None

    def _renew(self, key: Key, held: Holding, wanted: Holding) -> Answer | None:
        """Make what we hold into what is wanted, in place; return the kernel's objection."""
        first = self._requests.reserve(2)
        requests = holdings.renewal(first, key, held, wanted, self._index)
        answers = self._requests.submit(requests)
        if len(requests) == 2:
            objection = self._note_removal(key, answers.get(first))
            if objection is not None:
                return objection
        objection = answers.get(first + 1)
        if objection is None:
            self._ledger(key).ours[key] = wanted
        return objection

    def _replace(self, there: Address, batch: Batch, number: int) -> Answer | None:
        """Put an IPv6 address of ours back with another prefix length; return the kernel's objection.

        The kernel has room for an IPv6 address only once per interface, whatever the prefix lengths.
        """
        sequence = self._requests.reserve(1)
        answers = self._requests.submit([deletion(sequence, there), batch.additions[number]])
        objection = self._note_removal(there.key, answers.get(sequence))
        objection = objection or answers.get(batch.first_addition + number)
        if objection is None:
            self._addresses.ours[batch.keys[number]] = batch.holdings[number]
        return objection

    def _may_remove(self, key: Key) -> bool:
        """Say whether a holding is ours.  Removals of routes and rules find only those with our mark."""
        if isinstance(key, RouteKey | RuleKey):
            return key not in self._routing.foreign
        there = self._around.mirror.address(key)
        return key in self._addresses.ours or (there is not None and there.protocol == holdings.MARK)

    def _note_removal(self, key: Key, answer: Answer | None) -> Answer | None:
        """Forget what we asked the kernel to remove; return its objection if it is still there."""
        ledger = self._ledger(key)
        if answer is None:
            ledger.note_own_removal(key)
        elif answer.code not in _ABSENT:
            return answer
        ledger.ours.pop(key, None)
        if not isinstance(key, RouteKey | RuleKey):
            self._around.mirror.drop_address(key)
        return None
