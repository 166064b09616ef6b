"""SNMP where it is wanted: what serves it is imported for a configuration that has it, and by nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from havip.config.model import Configuration
from havip.messages import GroupReport, Message
from havip.services import Host, Json, Service

if TYPE_CHECKING:
    from havip.services.snmp_agent import Agent


class Snmp(Service):
    """Has an agent for as long as there is a section ``snmp``."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._agent: Agent | None = None
        self._groups: dict[str, GroupReport] = {}

    async def prepare(self, new: Configuration) -> None:
        """Begin, change or end what is served."""
        if self._agent is None and new.snmp is not None:
            from havip.services.snmp_agent import Agent

            self._agent = Agent(self._host, self._groups)
        if self._agent is not None:
            await self._agent.prepare(new)

    async def settle(self, new: Configuration) -> None:
        """Forget what is gone."""
        names = {group.name for group in new.sync_groups}
        for name in self._groups.keys() - names:
            del self._groups[name]
        if self._agent is not None:
            await self._agent.settle(new)
        if new.snmp is None:
            self._agent = None

    def hear(self, message: Message) -> None:
        """Take note of what the VRRP worker said."""
        if isinstance(message, GroupReport):
            self._groups[message.name] = message
        if self._agent is not None:
            self._agent.hear(message)

    def status(self) -> Json:
        """Return what became of the session."""
        return {"snmp": None} if self._agent is None else self._agent.status()

    async def leave(self) -> None:
        """Tell the last changes and end the session."""
        if self._agent is not None:
            await self._agent.leave()
