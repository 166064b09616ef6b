"""Has nftables mark the packets of services whose groups are one mark in the kernel (`nftables_mark`).

The table stands before IPVS is told of a service and until it has been told to forget it.  Where it cannot be
had, those services are in FAULT with nft's own words.
"""

from __future__ import annotations

from havip.balancing import PacketsMarked
from havip.config.balancing import OnStop
from havip.config.model import Configuration
from havip.ipvs.marking import Marking, marking, script, table_of
from havip.services import Host, Json, Service
from havip.services.nfttable import NftTable, Runner


class PacketMarks(Service):
    """The table, in the network namespace whose IPVS we program: the one that the daemon began with."""

    def __init__(self, host: Host, run: Runner | None = None) -> None:
        self._host = host
        self._run = run
        self._table: NftTable[Marking] | None = None
        self._told = PacketsMarked()

    async def prepare(self, new: Configuration) -> None:
        """Mark what the old or the new configuration wants marked; what both want, as the old one does."""
        old, wanted = marking(self._host.configuration), marking(new)
        first = self._table is None
        if self._table is None:
            name, namespace = table_of(new.daemon.instance or ""), new.load_balancer.network_namespace
            self._table = NftTable(self._host, name, script, Marking(), self._tell, self._run, namespace)
        both = (wanted | old).at(wanted.priority)
        if first and not both:
            self._host.spawn(self._table.have(both))  # a killed daemon's: no start need wait for that
            return
        await self._table.have(both)
        self._tell()

    async def settle(self, new: Configuration) -> None:
        """Mark what the configuration in force wants marked, and no more."""
        if self._table is not None:
            await self._table.have(marking(new))
            self._tell()

    async def leave(self) -> None:
        """Remove the table, unless the services stay as well."""
        if self._table is not None:
            stays = self._host.configuration.load_balancer.on_stop == OnStop.LEAVE
            await self._table.leave(remove=not stays)

    def status(self) -> Json:
        """Return which table there is, and why not if it cannot be had."""
        table = self._table
        if table is None or not table.wanted:
            return {}
        return {"packet_marks": {"table": f"inet {table.name}", "refused": table.refused}}

    def _tell(self) -> None:
        """Let whoever programs IPVS know."""
        why = "" if self._table is None else self._table.refused or ""
        state = PacketsMarked(f"nftables_mark needs nftables: {why}" if why else "")
        if state != self._told:
            self._told = state
            self._host.spread(state)
