"""What the operator has ordered: maintenance, and priorities other than the configured ones.  Pure.

An order is for a virtual router as it was known when it was given, by its key and its name.  It holds for
whoever has that key, or where nobody has it any more, that name: a renamed router stays in maintenance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from havip.config.model import OWNER_PRIORITY, VirtualRouter
from havip.errors import HavipError
from havip.messages import Key
from havip.plain import Unfit, from_plain, to_plain

VERSION: Final = 1


class Declined(HavipError):
    """An order that makes no sense here.  ``reason`` is what machines go by."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def unknown(name: str, routers: Iterable[VirtualRouter]) -> Declined:
    """Return the refusal for a name that no virtual router has."""
    there_are = ", ".join(router.name for router in routers)
    return Declined("no-such-router", f"no virtual router named {name}; there are: {there_are}")


@dataclass(frozen=True, slots=True)
class Word:
    """Who ordered it, when (seconds since 1970), and why."""

    by: str
    at: float
    reason: str

    def __str__(self) -> str:
        return f"{self.by}: {self.reason}" if self.reason else self.by


@dataclass(frozen=True, slots=True)
class Override:
    """A priority instead of the configured one."""

    priority: int  # 1..254
    word: Word


@dataclass(frozen=True, slots=True)
class Order:
    """What holds for one virtual router."""

    name: str
    key: Key
    maintenance: Word | None = None
    override: Override | None = None

    @property
    def is_void(self) -> bool:
        """Say whether nothing is ordered any more."""
        return self.maintenance is None and self.override is None


@dataclass(frozen=True, slots=True)
class Orders:
    """All that holds.  ``everywhere`` is maintenance of every router, also of those that come later."""

    everywhere: Word | None = None
    routers: tuple[Order, ...] = ()

    def of(self, router: VirtualRouter, routers: Iterable[VirtualRouter]) -> Order:
        """Return what holds for ``router``, one of those in force."""
        return Known(self, routers).order_for(router)

    def named(self, name: str, routers: Sequence[VirtualRouter], forgotten: bool) -> Order:
        """Return what holds for the router called ``name``, with ``forgotten`` also for one that is gone.

        Raises `Declined`.
        """
        for router in routers:
            if router.name == name:
                return self.of(router, routers)
        for order in self.routers:
            if forgotten and order.name == name:
                return order
        raise unknown(name, routers)

    def with_order(self, order: Order) -> Orders:
        """Return the orders with this one in the place of what held for the router before."""
        others = [one for one in self.routers if one.key != order.key and one.name != order.name]
        return replace(self, routers=tuple(others) if order.is_void else (*others, order))

    def by_key(self, routers: Sequence[VirtualRouter]) -> dict[Key, Order]:
        """Return what holds for each router for which anything does."""
        if self == Orders():
            return {}
        known = Known(self, routers)
        found = ((router.key, known.order_for(router)) for router in routers)
        settled = (
            (key, order if order.maintenance else replace(order, maintenance=self.everywhere))
            for key, order in found
        )
        return {key: order for key, order in settled if not order.is_void}

    def known_again(self, routers: Sequence[VirtualRouter]) -> Orders:
        """Return the same orders under the present keys and names of their routers."""
        known = Known(self, routers)
        found = [order for router in routers if not (order := known.order_for(router)).is_void]
        keys, names = {order.key for order in found}, {order.name for order in found}
        absent = [one for one in self.routers if one.key not in keys and one.name not in names]
        return replace(self, routers=(*found, *absent))

    def without_maintenance(self) -> Orders:
        """Return the orders with no router in maintenance."""
        left = [replace(order, maintenance=None) for order in self.routers]
        return Orders(None, tuple(order for order in left if not order.is_void))

    def absent(self, routers: Sequence[VirtualRouter]) -> list[str]:
        """Return the names for which there are orders but no routers."""
        keys, names = {router.key for router in routers}, {router.name for router in routers}
        return [order.name for order in self.routers if order.key not in keys and order.name not in names]


class Known:
    """The orders as the routers in force have them, for any number of look-ups."""

    def __init__(self, orders: Orders, routers: Iterable[VirtualRouter]) -> None:
        taken = {router.key for router in routers} if orders.routers else set()
        self._by_key = {order.key: order for order in orders.routers}
        self._by_name = {order.name: order for order in orders.routers if order.key not in taken}

    def order_for(self, router: VirtualRouter) -> Order:
        """Return what holds for one of the routers."""
        if (order := self._by_key.get(router.key)) is not None:
            return replace(order, name=router.name)
        if (order := self._by_name.get(router.name)) is not None:
            return replace(order, key=router.key)
        return Order(router.name, router.key)


def maintain(orders: Orders, name: str | None, routers: Sequence[VirtualRouter], word: Word | None) -> Orders:
    """Return the orders with one router, or all, in maintenance, or (no word) out of it.

    Raises `Declined`.
    """
    if name is None:
        return orders.without_maintenance() if word is None else replace(orders, everywhere=word)
    if word is None and orders.everywhere is not None:
        raise Declined(
            "all-in-maintenance", "all are in maintenance: `havip maintenance off` ends it for all"
        )
    order = orders.named(name, routers, forgotten=word is None)
    return orders.with_order(replace(order, maintenance=word))


def prioritize(
    orders: Orders, name: str, routers: Sequence[VirtualRouter], override: Override | None
) -> Orders:
    """Return the orders with a priority for one router, or (None) the configured one.  Raises `Declined`."""
    order = orders.named(name, routers, forgotten=override is None)
    owns = any(router.name == name and router.priority == OWNER_PRIORITY for router in routers)
    if override is not None and owns:
        raise Declined(
            "owner", f"{name} owns its addresses: its priority is {OWNER_PRIORITY} and nothing else"
        )
    return orders.with_order(replace(order, override=override))


def as_dict(orders: Orders) -> dict[str, Any]:
    """Return the orders for the file."""
    return {
        "version": VERSION,
        "everywhere": word_as_dict(orders.everywhere),
        "routers": [
            {
                "name": order.name,
                "key": to_plain(order.key),
                "maintenance": word_as_dict(order.maintenance),
                "priority": override_as_dict(order.override),
            }
            for order in orders.routers
        ],
    }


def word_as_dict(word: Word | None) -> dict[str, Any] | None:
    """Return a word for JSON."""
    return None if word is None else {"by": word.by, "at": word.at, "reason": word.reason}


def override_as_dict(override: Override | None) -> dict[str, Any] | None:
    """Return an override for JSON."""
    if override is None:
        return None
    return {"value": override.priority, **(word_as_dict(override.word) or {})}


def from_dict(data: dict[str, Any]) -> Orders:
    """Return the orders that a file holds.  Raises `Unfit` for anything else than `as_dict` makes."""
    if data.get("version") != VERSION:
        raise Unfit(f"version {data.get('version')!r}, and not {VERSION}")
    try:
        return Orders(
            word_of(data["everywhere"]),
            tuple(
                Order(
                    from_plain(str, one["name"]),
                    from_plain(Key, one["key"]),  # type: ignore[arg-type]
                    word_of(one["maintenance"]),
                    override_of(one["priority"]),
                )
                for one in data["routers"]
            ),
        )
    except (KeyError, TypeError) as error:
        raise Unfit(f"it lacks {error}") from None


def word_of(data: dict[str, Any] | None) -> Word | None:
    """Return a word as `word_as_dict` shows it.  Raises `Unfit`, KeyError or TypeError."""
    if data is None:
        return None
    return from_plain(Word, [data["by"], data["at"], data["reason"]])


def override_of(data: dict[str, Any] | None) -> Override | None:
    """Return an override as `override_as_dict` shows it.  Raises `Unfit`, KeyError or TypeError."""
    word = word_of(data)
    if data is None or word is None:
        return None
    priority = from_plain(int, data["value"])
    if priority not in range(1, 255):
        raise Unfit(f"priority {priority}")
    return Override(priority, word)
