"""The operator's hand on the virtual routers: maintenance, and a priority for the time being.

Owns the record of what was ordered, which survives reload, restart and reboot: an order is on the disk
before it is carried out.  A record that cannot be read keeps every router out of the election, since any
of them may have been meant to stay out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from havip import statefile
from havip.clock import wall
from havip.config.model import Configuration
from havip.control.server import asked_by
from havip.messages import Impede, Key, Message, Override
from havip.plain import Unfit
from havip.services import Handler, Host, Json, Service, orders
from havip.services.orders import Declined, Order, Orders, Word
from havip.services.requests import answering, name_in, text_in, whole_in
from havip.statefile import Unreadable, Unwritable

log = logging.getLogger("havip.operator")

FILE: Final = "operator.json"
CAUSE: Final = "maintenance"  # of the impediment
LONGEST_REASON: Final = 200  # characters
LONGEST_LOGIN: Final = 32


class Operator(Service):
    """The verbs `maintenance` and `priority`, and what they leave behind."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._file: Path | None = None  # known once a configuration is
        self._orders = Orders()
        self._stored = Orders()  # as the disk has them
        self._damage: str | None = None  # why the record could not be read
        self._holds: dict[Key, Order] = {}
        self._impeded: dict[Key, str] = {}  # what the worker was told
        self._overridden: dict[Key, int] = {}
        self._one_at_a_time = asyncio.Lock()

    async def prepare(self, new: Configuration) -> None:
        """Read the record when the daemon starts; know the routers again when they may have changed."""
        if self._file is None:
            self._file = Path(new.daemon.state_directory) / FILE
            await self._read(self._file)
            for name in self._orders.absent(new.virtual_routers):
                log.warning("an order is kept for %s, which is no virtual router of this file", name)
        self._orders = self._orders.known_again(new.virtual_routers)
        self._look_up(new)

    def briefing(self, new: Configuration) -> Iterable[Message]:
        """Return all that the worker must be told, and what does not hold any more."""
        return [*self._impediments(new), *self._priorities()]

    async def settle(self, new: Configuration) -> None:
        """Have the record speak of the routers as they are now: their next change may be another one."""
        async with self._one_at_a_time:
            if self._damage is None and self._orders != self._stored:
                try:
                    await self._store(self._orders)
                except Unwritable as error:
                    log.error("the record of orders is not up to date: %s", error)

    def verbs(self) -> Mapping[str, Handler]:
        """Return the two verbs that leave an order behind."""
        return {"maintenance": answering(self._maintenance), "priority": answering(self._priority)}

    def status(self) -> Json:
        """Return the maintenance of every router, and what is wrong with the record."""
        everywhere = orders.word_as_dict(self._orders.everywhere)
        return {"maintenance": {"everywhere": everywhere, "damage": self._damage}}

    def status_of(self, key: Key) -> Json:
        """Return what was ordered for one router."""
        order = self._holds.get(key)
        return {
            "maintenance": orders.word_as_dict(
                self._orders.everywhere if order is None else order.maintenance
            ),
            "priority_override": orders.override_as_dict(None if order is None else order.override),
        }

    # The verbs.

    async def _maintenance(self, request: Json) -> Json:
        state = text_in(request, "state", 3)
        if state not in ("on", "off"):
            raise Declined("bad-request", '"state" must be "on" or "off"')
        name, word = name_in(request, required=False), word_in(request)
        async with self._one_at_a_time:
            if self._damage is not None and (name is not None or state == "on"):
                raise Declined(
                    "state-unreadable", f"{self._damage}; `havip maintenance off` begins a new record"
                )
            routers = self._host.configuration.virtual_routers
            wanted = orders.maintain(self._orders, name, routers, word if state == "on" else None)
            await self._store(wanted)
            for message in self._impediments(self._host.configuration):
                self._host.post(message)
        log.warning("maintenance of %s: %s, by %s", name or "every virtual router", state, word)
        return {}

    async def _priority(self, request: Json) -> Json:
        name, word = name_in(request, required=True), word_in(request)
        priority = None if request.get("priority") == "auto" else whole_in(request, "priority", 1, 254)
        override = None if priority is None else orders.Override(priority, word)
        async with self._one_at_a_time:
            if self._damage is not None:
                raise Declined(
                    "state-unreadable", f"{self._damage}; `havip maintenance off` begins a new record"
                )
            routers = self._host.configuration.virtual_routers
            await self._store(orders.prioritize(self._orders, name, routers, override))
            for message in self._priorities():
                self._host.post(message)
        log.warning("priority of %s: %s, by %s", name, priority or "as configured", word)
        return {}

    # The record.

    async def _read(self, file: Path) -> None:
        try:
            found = await asyncio.to_thread(statefile.read, file)
            self._stored = self._orders = Orders() if found is None else orders.from_dict(found)
        except Unreadable as error:
            self._damage = str(error)
        except Unfit as error:
            self._damage = f"{file} is damaged: {error}"
        if self._damage is not None:
            log.error(
                "%s: every virtual router is in maintenance until `havip maintenance off`", self._damage
            )

    async def _store(self, wanted: Orders) -> None:
        """Have the orders on the disk, and only then in force.  Raises `Unwritable`."""
        assert self._file is not None
        if self._damage is not None:
            await asyncio.to_thread(keep_aside, self._file)
        await asyncio.to_thread(statefile.write, self._file, orders.as_dict(wanted))
        self._orders = self._stored = wanted
        self._damage = None
        self._look_up(self._host.configuration)

    def _look_up(self, configuration: Configuration) -> None:
        """Note what holds for each router, so that nothing is searched later."""
        self._holds = self._orders.by_key(configuration.virtual_routers)

    # What the worker is told.

    def _impediments(self, configuration: Configuration) -> Iterator[Impede]:
        reasons: dict[Key, str] = {}
        for router in configuration.virtual_routers:
            order = self._holds.get(router.key)
            if self._damage is not None:
                reasons[router.key] = f"maintenance, because its record cannot be read: {self._damage}"
            elif order is not None and order.maintenance is not None:
                reasons[router.key] = f"maintenance ({order.maintenance})"
        for key in [key for key in self._impeded if key not in reasons]:
            yield Impede(key, CAUSE, None)
        for key, reason in reasons.items():
            yield Impede(key, CAUSE, reason)
        self._impeded = reasons

    def _priorities(self) -> Iterator[Override]:
        wanted = {
            key: order.override.priority for key, order in self._holds.items() if order.override is not None
        }
        for key in [key for key in self._overridden if key not in wanted]:
            yield Override(key, None)
        for key, priority in wanted.items():
            yield Override(key, priority)
        self._overridden = wanted


def keep_aside(file: Path) -> None:
    """Give a damaged record a second name, for whoever wants to know what was in it."""
    aside = file.with_name(file.name + ".damaged")
    with contextlib.suppress(OSError):
        aside.unlink(missing_ok=True)
        os.link(file, aside)


def word_in(request: Json) -> Word:
    """Return who asks, when and why.  Raises `Declined`."""
    user, login = asked_by(), text_in(request, "login", LONGEST_LOGIN)
    # Only root's word is taken for who is behind root.
    by = f"{login} ({user})" if user == "root" and login not in ("", user) else user
    return Word(by, wall(), text_in(request, "reason", LONGEST_REASON))
