"""Drops what `accept: false` says before the address is up and until it is gone, by a table of nftables.

Where the table cannot be had, the virtual routers that need it are in FAULT with nft's own words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from havip import instance
from havip.config.model import Configuration
from havip.messages import Impede, Key, Message
from havip.services import Host, Json, Service
from havip.services.dropset import DropSet, drop_set, dropped_for, script
from havip.services.nfttable import NftTable, Runner

CAUSE: Final = "firewall"  # of the impediment


class Firewall(Service):
    """The table, and who has to do without it."""

    def __init__(self, host: Host, run: Runner | None = None) -> None:
        self._host = host
        self._run = run
        self._table: NftTable[DropSet] | None = None  # its name is known once a configuration is
        self._impeded: frozenset[Key] = frozenset()  # what the worker was told

    async def prepare(self, new: Configuration) -> None:
        """Drop what the old or the new configuration wants dropped, before any address is added."""
        wanted = drop_set(self._host.configuration) | drop_set(new)
        if self._table is None:
            name = instance.nftables_table(new.daemon.instance or "")
            self._table = NftTable(self._host, name, script, DropSet(), self._tell, self._run)
            if not wanted:
                self._host.spawn(self._table.have(wanted))  # a killed daemon's: no start need wait for that
                return
        await self._table.have(wanted)
        for message in self._impediments(new):  # who runs already must not get one address more
            self._host.post(message)

    def briefing(self, new: Configuration) -> Iterable[Message]:
        """Return which routers cannot be protected, and which can be again."""
        return list(self._impediments(new))

    async def settle(self, new: Configuration) -> None:
        """Drop what the configuration in force wants dropped, and no more."""
        if self._table is not None:
            await self._table.have(drop_set(new))

    async def leave(self) -> None:
        """Remove the table: the addresses are gone."""
        if self._table is not None:
            await self._table.leave()

    def status(self) -> Json:
        """Return which table there is, and why not if it cannot be had."""
        table = self._table
        if table is None or not table.wanted:
            return {}
        return {"firewall": {"table": f"inet {table.name}", "refused": table.refused}}

    def _impediments(self, configuration: Configuration) -> Iterator[Impede]:
        """Yield who may not take part, and who may again."""
        table = self._table
        if table is None:
            return
        lacking = frozenset(
            router.key
            for router in configuration.virtual_routers
            if table.refused is not None and not dropped_for(router) <= table.stands
        )
        for key in self._impeded - lacking:
            yield Impede(key, CAUSE, None)
        for key in lacking:
            yield Impede(key, CAUSE, f"accept: false needs nftables: {table.refused}")
        self._impeded = lacking

    def _tell(self) -> None:
        for message in self._impediments(self._host.configuration):
            self._host.post(message)
