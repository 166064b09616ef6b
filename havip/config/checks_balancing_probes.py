"""What must hold for the probes of servers, wherever they are written.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from havip.config.balancing import RealServer
from havip.config.balancing_draft import ServiceDraft
from havip.config.checks_health import check_one
from havip.config.checks_relations import check_damping
from havip.config.draft import good, group_of
from havip.config.problems import Problems, nearest_of, quote
from havip.config.reader import BAD, Read, Reading


def check(root: Reading, drafts: Sequence[ServiceDraft], problems: Problems) -> None:
    """Check every probe of every virtual service, and the names of what they become."""
    checks = group_of(root, "checks")
    for draft in drafts:
        servers = list(draft.servers()) if "servers" not in draft.bad else []
        unprobed: list[Read] = []
        shared = group_of(draft.reading, "probes")
        for name, probe in shared.items():
            aimed = [one for one, read in servers if name not in group_of(mapping(read), "probes")]
            check_probe(name, probe, draft, aimed, checks, problems)
        for server, read in servers:
            own = group_of(mapping(read), "probes")
            for name, probe in own.items():
                check_probe(name, probe, draft, [server], checks, problems)
            if not own and not shared and not server.checks:
                unprobed.append(read)
        if unprobed:
            most = "" if len(unprobed) == 1 else f", as for {len(unprobed) - 1} more"
            why = "nothing is known of it, and it counts as good"
            problems.note(unprobed[0].place, f"no check is made for this server{most}", why=why)
    check_names(checks, drafts, problems)


def mapping(read: Read) -> Reading:
    """Return the keys of what was read; none where it could not be."""
    return {} if read.value is BAD else read.value


def check_probe(
    name: str,
    probe: Read,
    draft: ServiceDraft,
    servers: Sequence[RealServer],
    checks: Reading,
    problems: Problems,
) -> None:
    """Check one probe as it is made for some servers."""
    if probe.value is BAD:
        return
    given = {"host"}
    if all(server.port or draft.service.port for server in servers):
        given.add("port")
    check_one(name, probe, problems, given, {server.address.version: server.address for server in servers})
    check_damping(group_of(probe.value, "damping"), problems)
    parent = good(probe.value, "parent")
    if parent is not None and parent.value not in checks:
        nearest, why = nearest_of(parent.value, checks), 'none below "checks"'
        problems.add(
            parent.place, quote(parent.value), "the name of a health check", nearest=nearest, why=why
        )


def check_names(checks: Reading, drafts: Sequence[ServiceDraft], problems: Problems) -> None:
    """Refuse a check that has the name of one that is made for a server."""
    services = {draft.service.name: draft for draft in drafts}
    for name, read in checks.items():
        draft = services.get(name.partition("/")[0])
        if draft is not None and name in made_for(draft):
            why = f"it is made for a server in {problems.line(draft.place)}"
            problems.add(read.place, f"{quote(name)} again", why=why)


def made_for(draft: ServiceDraft) -> Iterator[str]:
    """Yield the names of the checks that are made for the servers of a virtual service."""
    for server in draft.service.servers:
        yield from draft.service.probe_names(server)
