"""What SNMP is told of virtual services: as they were last reported, and which of their servers are up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from havip.balancing import DOWN, FAULT, UP
from havip.config.model import Configuration
from havip.control.serviceviews import Service, Services
from havip.messages import Transition
from havip.services import Host
from havip.snmp import traps
from havip.snmp.balancing import Balanced, one_of
from havip.snmp.traps import Trap


class Balancing:
    """Every virtual service, for as long as there is a configuration that has any."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.shown: Mapping[str, Service] = {}
        self.ipvs: Mapping[str, Any] = {}
        self._up: dict[str, set[str]] = {}  # the names of the servers that are, by service

    async def refresh(self) -> None:
        """Have everything reported afresh."""
        answer = await self._host.ask({"verb": "services"})
        if "services" not in answer:
            return
        services = Services.of(answer["services"])
        self.shown = {service.name: service for service in services.shown}
        self.ipvs = services.ipvs or {}
        self._up = {
            service.name: {
                server.name for server in service.servers if server.state == UP and not server.sorry
            }
            for service in services.shown
        }

    def keep(self, new: Configuration) -> None:
        """Forget what is gone."""
        names = {service.name for service in new.virtual_services}
        self.shown = {name: service for name, service in self.shown.items() if name in names}
        self._up = {name: up for name, up in self._up.items() if name in names}

    def changed(self, change: Transition, name: str) -> Trap | None:
        """Return what tells a change of state; None: it has no notification, or what changed is gone."""
        of_service, _, of_server = change.name.rpartition("/")
        if change.kind == "service":
            of_service, of_server = change.name, ""
        up = self._up.setdefault(of_service, set())
        if of_server:
            (up.add if change.state == UP else up.discard)(of_server)
        one = self._service(of_service)
        if one is None or change.state not in (UP, DOWN, FAULT):
            return None
        if not of_server:
            return traps.of_quorum(one, change.state == UP, len(up), name)
        server = next((server for server in one.service.servers if server.name == of_server), None)
        return None if server is None else traps.of_server(one, server, change.state == UP, len(up), name)

    def _service(self, name: str) -> Balanced | None:
        configuration = self._host.configuration
        for number, service in enumerate(configuration.virtual_services, 1):
            if service.name == name:
                return one_of(configuration, self.shown, number)
        return None
