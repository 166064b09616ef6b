"""Our routes and rules as the kernel's events leave them, heard only from the first one on that we hold.

It hears and asks, and never changes anything.  Its events have a socket of their own: a router of the
internet changes thousands of routes a second, and a loss among them must not cost the worker a look at
every interface.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final, TypeVar

from havip.errors import KernelRefused
from havip.netlink import codec, routes, rules
from havip.netlink.codec import Malformed, Message
from havip.netlink.routes import RouteKey
from havip.netlink.socket import ROUTING, EventSocket, RequestSocket
from havip.vrrp.holdings import MARK, Key
from havip.vrrp.ledger import Ledger

EVENTS_PER_READ: Final = 256
FAMILIES: Final = (codec.AF_INET, codec.AF_INET6)
UNKNOWN_FAMILY: Final = (errno.EAFNOSUPPORT, errno.EOPNOTSUPP)  # a kernel without IPv6
Parsed = TypeVar("Parsed")


class RoutingWatch:
    """Keeps the ledger of routes and rules true."""

    def __init__(self, requests: RequestSocket, events: EventSocket, ledger: Ledger) -> None:
        """``events`` hears nothing yet: it is in the network namespace of whoever made it."""
        self._requests = requests
        self._events = events
        self._ledger = ledger
        self._doubt = False
        self.listens = False

    def listen(self) -> None:
        """Begin to hear.  Raises `KernelRefused`."""
        if not self.listens:
            try:
                self._events.join(ROUTING)
            except OSError as error:
                raise KernelRefused(f"cannot hear of routes and rules: {error.strerror}") from error
            self.listens = True

    def read(self, doubt: bool) -> None:
        """Read events without blocking; with ``doubt``, also look whether all that we hold is there.

        IPv4 routes go without an event when their interface goes down or an address that they need is
        removed.
        """
        if not self.listens:
            return
        heard = self._events.drain(EVENTS_PER_READ)
        self._doubt |= doubt or heard.overrun
        try:
            for message in heard.messages:
                self._take_note(message)
        except Malformed:
            self._doubt = True
        if heard.empty:
            self._ledger.forget_own_removals()
        if self._doubt and (self._ledger.ours or self._ledger.foreign):
            try:
                present = set(self.marked_routes()) | {rule.key for rule, _ in self.list_rules()}
            except KernelRefused:
                return  # the next event reminds us
            self._ledger.compare(present.__contains__)
        self._doubt = False

    def _take_note(self, message: Message) -> None:
        """Apply one event.  Raises `Malformed`."""
        key: Key
        if message.kind in (routes.NEW_ROUTE, routes.DELETE_ROUTE):
            if not routes.may_concern(message.flags, message.body, MARK):
                return
            route = routes.parse_route(message.body)
            if route is None:
                return
            key = route.key
            if message.kind == routes.NEW_ROUTE and route.protocol == MARK:
                self._ledger.note_presence(key)
            elif message.kind == routes.DELETE_ROUTE and route.protocol == MARK:
                self._ledger.note_deletion(key)
            elif message.kind == routes.NEW_ROUTE and key in self._ledger.ours:
                self._ledger.lost[key] = self._ledger.ours[key]  # somebody put another in its place
        elif message.kind in (rules.NEW_RULE, rules.DELETE_RULE):
            rule = rules.parse_rule(message.body)
            if rule is not None and message.kind == rules.NEW_RULE:
                self._ledger.note_presence(rule.key)
            elif rule is not None:
                self._ledger.note_deletion(rule.key)

    def marked_routes(self) -> list[RouteKey]:
        """Return the routes with our mark, as the kernel has them now.  Raises `KernelRefused`."""
        found = self._listed(
            lambda family: lambda sequence: routes.dump_routes(sequence, family, MARK), routes.parse_route
        )
        return list(dict.fromkeys(route.key for route, _ in found if route.protocol == MARK))

    def list_rules(self) -> list[tuple[rules.Rule, bytes]]:
        """Return every rule with the body of its message.  Raises `KernelRefused`."""
        return self._listed(
            lambda family: lambda sequence: rules.dump_rules(sequence, family), rules.parse_rule
        )

    def _listed(
        self, request: Callable[[int], Callable[[int], bytes]], parse: Callable[[bytes], Parsed | None]
    ) -> list[tuple[Parsed, bytes]]:
        found: list[tuple[Parsed, bytes]] = []
        for family in FAMILIES:
            try:
                messages = self._requests.dump_exactly(request(family)).messages
                bodies = [message.body for message in messages]
                found += [(parsed, body) for body in bodies if (parsed := parse(body)) is not None]
            except KernelRefused as error:
                if getattr(error.__cause__, "errno", None) not in UNKNOWN_FAMILY:
                    raise
            except Malformed as error:
                raise KernelRefused(f"cannot read routes and rules: {error}") from error
        return found

    def leftovers(self, keep: Callable[[Key], bool]) -> list[tuple[str, Key, Callable[[int], bytes]]]:
        """Return the rules and routes with our mark that are not kept: words, key and request.

        Raises `KernelRefused`.
        """
        found: list[tuple[str, Key, Callable[[int], bytes]]] = [
            (f"rule {rule.key.priority}", rule.key, deleting_rule(body))
            for rule, body in self.list_rules()
            if rule.protocol == MARK and not keep(rule.key)
        ]
        marked = self.marked_routes()
        return found + [(f"route {key}", key, deleting_route(key)) for key in marked if not keep(key)]


def deleting_rule(body: bytes) -> Callable[[int], bytes]:
    """Return what makes the request to delete a rule of its sequence number."""
    return lambda sequence: rules.delete_rule(sequence, body)


def deleting_route(key: RouteKey) -> Callable[[int], bytes]:
    """Return what makes the request to delete a route of its sequence number."""
    return lambda sequence: routes.delete_route(sequence, key, MARK)
