"""What was read of virtual services, upon `service_defaults:`; readings to values.  Pure.

Keys that could not be read are listed as bad, so a check runs exactly when all that it looks at was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from havip.config.balancing import RealServer, ServiceGroup, VirtualService
from havip.config.draft import group_of, merge, values
from havip.config.keys.balancing import VIRTUAL_SERVICE
from havip.config.keys.balancing_kernel import SERVICE_GROUP
from havip.config.probes import KINDS
from havip.config.problems import Place
from havip.config.reader import BAD, Read, Reading, whole

#: keys whose value is one thing: with another method, the port of the tunnel means nothing
KIND_SET = frozenset(KINDS)
AT_ONCE = ("forwarding", "persistence", "sorry_server")


@dataclass(frozen=True, slots=True)
class ServiceDraft:
    """A virtual service as far as it could be read, and where its parts stand."""

    service: VirtualService
    place: Place  # of its name
    reading: Reading
    bad: frozenset[str]  # keys whose values mean nothing

    def at(self, key: str) -> Place:
        """Return where the value of ``key`` stands; the service itself for a value nobody wrote."""
        read = self.reading.get(key)
        return self.place if read is None else read.place

    def servers(self) -> Iterator[tuple[RealServer, Read]]:
        """Yield each server that could be read, and what was read; none if one could not be."""
        return zip(self.service.servers, group_of(self.reading, "servers").values(), strict=False)


def upon_defaults(root: Reading) -> Reading:
    """Return what was read, each virtual service laid over the defaults."""
    defaults, services = group_of(root, "service_defaults"), root.get("virtual_services")
    if services is None or services.value is BAD:
        return root
    merged = {
        name: read if read.value is BAD else Read(whole_service(defaults, read.value), read.place)
        for name, read in services.value.items()
    }
    return {**root, "virtual_services": Read(merged, services.place)}


def whole_service(defaults: Reading, above: Reading) -> Reading:
    """Lay a virtual service over the defaults, and the probes of its servers over its own."""
    merged = {**merge(defaults, above), **{key: above[key] for key in AT_ONCE if key in above}}
    shared, servers = group_of(merged, "probes"), group_of(merged, "servers")
    if shared and any(read.value is not BAD and "probes" in read.value for read in servers.values()):
        upon = {name: with_probes(read, shared) for name, read in servers.items()}
        merged["servers"] = Read(upon, merged["servers"].place)
    return merged


def with_probes(server: Read, shared: Reading) -> Read:
    """Return a server whose probes have what they do not say themselves from those of the same name.

    A probe that says what it does has nothing from another one.
    """
    own = {} if server.value is BAD else group_of(server.value, "probes")
    upon = {
        name: Read(merge(shared[name].value, read.value), read.place)
        if name in shared and BAD not in (read.value, shared[name].value) and not KIND_SET & read.value.keys()
        else read
        for name, read in own.items()
    }
    if not upon:
        return server
    return Read({**server.value, "probes": Read(upon, server.value["probes"].place)}, server.place)


def services(root: Reading) -> list[ServiceDraft]:
    """Return every virtual service of a file that was read `upon_defaults`."""
    return [draft(name, read) for name, read in group_of(root, "virtual_services").items()]


def draft(name: str, read: Read) -> ServiceDraft:
    """Return one virtual service as far as it could be read."""
    reading: Reading = {} if read.value is BAD else read.value
    bad = frozenset(
        key for key, value in reading.items() if not whole(value, VIRTUAL_SERVICE.by_name[key].shape)
    )
    service = VirtualService(name=name, **values(reading, VIRTUAL_SERVICE, bad))
    return ServiceDraft(service, read.place, reading, bad)


def groups(root: Reading) -> dict[str, ServiceGroup]:
    """Return the service groups that could be read whole."""
    return {
        name: ServiceGroup(name=name, **values(read.value, SERVICE_GROUP))
        for name, read in group_of(root, "service_groups").items()
        if whole(read, SERVICE_GROUP)
    }


def lasting(drafts: Iterable[ServiceDraft]) -> dict[str, str]:
    """Return the names of the checks that are made for servers and always run, with their parents' names.

    Others may go by these.
    """
    services = [draft.service for draft in drafts if not draft.service.probe_as_master_of]
    return {
        name: probe.parent
        for service in services
        for server in service.servers
        for name, probe in zip(service.probe_names(server), service.probes_upon(server), strict=True)
    }
