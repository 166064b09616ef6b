"""Who has states that are told, how they are told, and what keepalived calls it.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from havip.config.balancing import Programs, RealServer, VirtualService
from havip.config.model import Configuration, Daemon
from havip.config.notify import Fifo, Notify
from havip.services.notify.news import GROUP, ROUTER, SERVER, SERVICE

Subject: TypeAlias = tuple[str, str]
T = TypeVar("T", Notify, Fifo, Programs)


@dataclass(frozen=True, slots=True)
class Concern:
    """How the changes of one subject are told."""

    settings: Notify | Programs
    endpoint: str = ""  # of a service or a server, as keepalived spells it
    last_words: bool = True  # its end is told when the daemon ends


def subjects(configuration: Configuration) -> Iterator[tuple[Subject, Concern]]:
    """Yield everything that has states."""
    daemon = configuration.daemon
    for router in configuration.virtual_routers:
        yield (ROUTER, router.name), Concern(owned(router.notify, daemon))
    for group in configuration.sync_groups:
        yield (GROUP, group.name), Concern(owned(group.notify, daemon))
    for service in configuration.virtual_services:
        its = endpoint_of_service(service)
        programs = owned(service.notify, daemon)
        # Without programs of its own a server runs none; who is mailed of the service is mailed of it.
        usual = Programs(mail=programs.mail, webhooks=programs.webhooks)
        yield (SERVICE, service.name), Concern(programs, its, service.announce_stop)
        for server in service.servers:
            programs = owned(server.notify or usual, daemon)
            endpoint = f"{endpoint_of_server(service, server)} {its}"
            yield (
                (SERVER, f"{service.name}/{server.name}"),
                Concern(programs, endpoint, service.announce_stop),
            )


def endpoint_of_service(service: VirtualService) -> str:
    """Return what keepalived calls a service: of a group, the port is that of the service alone."""
    if service.group:
        return f"[{service.group}]:{service.port or 0}"
    if service.fwmark is not None:
        return f"FWM {service.fwmark}"
    return f"[{service.address}]:{service.transport}:{service.port or 0}"


def endpoint_of_server(service: VirtualService, server: RealServer) -> str:
    """Return what keepalived calls a server."""
    transport = service.transport if service.fwmark is None else "none"
    return f"[{server.address}]:{transport}:{service.port_of(server)}"


def owned(settings: T, daemon: Daemon) -> T:
    """Return settings whose programs run as the daemon's scripts do unless they name somebody."""
    if settings.user or not daemon.script_user:
        return settings
    return replace(settings, user=daemon.script_user, group=settings.group or daemon.script_group or None)


def renamed(old: Configuration, new: Configuration) -> Iterator[tuple[Subject, Subject]]:
    """Yield (new, old) for each virtual router that goes on under another name."""
    names = {router.key: router.name for router in old.virtual_routers}
    for router in new.virtual_routers:
        was = names.get(router.key, router.name)
        if was != router.name:
            yield (ROUTER, router.name), (ROUTER, was)
