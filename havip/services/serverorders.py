"""What operators have said of real servers: drained, or of another weight than the configured one.  Pure.

An order is for one server of one virtual service, by their names.  It is kept when a reload takes the server
away, and holds again when one of that name comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final, TypeAlias

from havip.balancing import Order
from havip.config.balancing import RealServer, VirtualService
from havip.config.problems import nearest_of
from havip.ipvs.model import endpoint
from havip.plain import Unfit, from_plain
from havip.services.orders import Declined, Word, word_as_dict, word_of

VERSION: Final = 1
HEAVIEST: Final = 65535
PATTERN: Final = frozenset("*?[")

#: the names of a service and of a server
Place: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """An order, and who gave it."""

    order: Order
    word: Word

    @property
    def in_words(self) -> str:
        """Return it for a line of a log or a table."""
        return f"{what(self.order)} by {self.word}"


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that holds, by place."""

    orders: dict[Place, Said]

    def having(self, places: Iterable[Place], word: Word, **changes: Any) -> Told:
        """Return it with these fields of the orders for some places changed; a void order is none."""
        orders = dict(self.orders)
        for place in places:
            said = orders.get(place)
            order = replace(Order(*place) if said is None else said.order, **changes)
            if is_void(order):
                orders.pop(place, None)
            elif said is None or said.order != order:
                orders[place] = Said(order, word)
        return Told(orders)

    def absent(self, services: Sequence[VirtualService]) -> list[str]:
        """Return the places for which there are orders but no servers."""
        there = {(service.name, server.name) for service in services for server in service.servers}
        return ["/".join(place) for place in self.orders if place not in there]


def is_void(order: Order) -> bool:
    """Say whether nothing is ordered."""
    return not order.drain and order.weight is None


def what(order: Order) -> str:
    """Return an order in words."""
    return " and ".join([*["drain"] * order.drain, *[f"weight {order.weight}"] * (order.weight is not None)])


def chosen(targets: Iterable[str], services: Sequence[VirtualService]) -> list[Place]:
    """Return the servers that an operator means, each once, in the order of the file.

    A target is SERVICE/SERVER, or SERVER in every service that has it, or a pattern of these; or an address,
    with a port or without: that machine in every service.  Raises `Declined`.
    """
    found: set[Place] = set()
    for target in targets:
        matching = {
            (service.name, server.name)
            for service in services
            for server in service.servers
            if means(target, service, server)
        }
        if not matching:
            raise no_server(target, services)
        found |= matching
    return [
        place
        for service in services
        for server in service.servers
        if (place := (service.name, server.name)) in found
    ]


def means(target: str, service: VirtualService, server: RealServer) -> bool:
    """Say whether one server is what a target stands for."""
    whole = f"{service.name}/{server.name}"
    if target in (whole, server.name, *spellings(service, server)):
        return True
    if not PATTERN.intersection(target):
        return False
    if "/" in target:
        of_service, _, of_server = target.rpartition("/")
        return fnmatchcase(service.name, of_service) and fnmatchcase(server.name, of_server)
    return fnmatchcase(server.name, target) or fnmatchcase(str(server.address), target)


def spellings(service: VirtualService, server: RealServer) -> Iterator[str]:
    """Yield how an address is written: alone, in brackets, with its port."""
    yield str(server.address)
    yield endpoint(server.address, service.port_of(server))
    if server.address.version == 6:
        yield f"[{server.address}]"


def no_server(target: str, services: Sequence[VirtualService]) -> Declined:
    """Return the refusal of a target that stands for no server, with the nearest one."""
    if not services:
        return Declined("no-such-server", "there are no virtual services")
    names = {service.name: service for service in services}
    of_service, slash, of_server = target.rpartition("/")
    if slash and of_service in names:
        servers = [server.name for server in names[of_service].servers]
        nearest, where = nearest_of(of_server, servers), f"virtual service {of_service} has "
        nearest = f"{of_service}/{nearest}" if nearest else ""
    else:
        everything = [f"{service.name}/{server.name}" for service in services for server in service.servers]
        alone = [server.name for service in services for server in service.servers]
        nearest, where = nearest_of(target, everything if slash else alone + everything), "there is "
    meant = f"; do you mean {nearest}?" if nearest else ""
    named = of_server if where != "there is " else target
    return Declined("no-such-server", f"{where}no server {named[:80]!r}{meant}")


def forgotten(targets: Iterable[str], told: Told, services: Sequence[VirtualService]) -> list[Place]:
    """Return the places of orders for servers that are gone, where a target names exactly one."""
    gone = set(told.absent(services))
    return [
        place for target in targets if target in gone for place in told.orders if "/".join(place) == target
    ]


def as_dict(told: Told) -> dict[str, Any]:
    """Return the orders for the file."""
    return {"version": VERSION, "servers": shown(told)}


def shown(told: Told) -> list[dict[str, Any]]:
    """Return the orders as the control socket shows them."""
    return [
        {
            "service": said.order.service,
            "server": said.order.server,
            "drain": said.order.drain,
            "weight": said.order.weight,
            **(word_as_dict(said.word) or {}),
        }
        for said in told.orders.values()
    ]


def from_dict(data: dict[str, Any]) -> Told:
    """Return the orders that a file holds.  Raises `Unfit` for anything else than `as_dict` makes."""
    if data.get("version") != VERSION:
        raise Unfit(f"version {data.get('version')!r}, and not {VERSION}")
    try:
        said = [said_of(one) for one in data["servers"]]
    except (KeyError, TypeError) as error:
        raise Unfit(f"it lacks {error}") from None
    return Told({one.order.key: one for one in said})


def said_of(data: dict[str, Any]) -> Said:
    """Return one order.  Raises `Unfit`, KeyError or TypeError."""
    order = from_plain(Order, [data[name] for name in ("service", "server", "drain", "weight")])
    word = word_of(data)
    if order.weight is not None and not 0 <= order.weight <= HEAVIEST:
        raise Unfit(f"weight {order.weight}")
    if word is None or is_void(order):
        raise Unfit("an order that says nothing")
    return Said(order, word)
