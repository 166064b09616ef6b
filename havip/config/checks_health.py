"""What must hold between the keys of a health check.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from types import MappingProxyType

from havip.config.cast import Address
from havip.config.checks_http import check_http, check_smtp, check_tls
from havip.config.checks_probes import check_conversation
from havip.config.draft import good, group_of
from havip.config.probes import KINDS, PORTS, TOGETHER
from havip.config.problems import Problems, quote
from havip.config.reader import BAD, Read, Reading

#: keys of a check that mean something only for one that goes to a host
OF_A_JOURNEY = ("host", "port", "source", "source_port", "interface", "fwmark")


def check(root: Reading, problems: Problems) -> None:
    """Check every health check by itself."""
    for name, read in group_of(root, "checks").items():
        if read.value is not BAD:
            check_one(name, read, problems)


def check_one(
    name: str,
    read: Read,
    problems: Problems,
    given: Collection[str] = (),
    hosts: Mapping[int, Address] = MappingProxyType({}),
) -> None:
    """Check one by itself.

    The keys ``given`` need not stand there; ``hosts`` are those to which it then goes, one of each family.
    """
    check_kind(name, read, problems, given)
    check_families(read.value, problems, hosts)
    check_http(group_of(read.value, "http"), problems)
    check_smtp(group_of(read.value, "smtp"), problems)
    for kind in KINDS:
        if kind in read.value:
            check_tls(read.value, kind, problems)


def check_kind(name: str, read: Read, problems: Problems, given: Collection[str] = ()) -> None:
    """Refuse a check that does nothing, or two things; and one that does not say where it goes."""
    reading: Reading = read.value
    kinds = [kind for kind in KINDS if kind in reading]
    if not kinds:
        every = ", ".join(f'"{kind}"' for kind in KINDS if not given or kind not in TOGETHER)
        problems.add(read.place, f"{quote(name)} probes nothing", f"one of the keys {every}")
        return
    for kind in kinds:
        check_conversation(kind, reading[kind], problems)
    for kind in kinds[1:]:
        problems.add(reading[kind].place, f'"{kind}" beside "{kinds[0]}"', "one kind of probe a check")
    kind = kinds[0]
    if kind not in PORTS:
        for key in OF_A_JOURNEY:
            if key in reading:
                problems.add(reading[key].place, f'"{key}" beside "{kind}"', why=f"{kind} goes to no host")
        return
    if PORTS[kind] == 0:
        for key in ("port", "source_port"):
            if key in reading:
                problems.add(reading[key].place, f'"{key}" beside "{kind}"', why="ICMP has no ports")
    for key in ("host", "port") if PORTS[kind] is None else ("host",):
        if key not in reading and key not in given:
            problems.add(read.place, f'no "{key}" of {quote(name)}', f'the key "{key}" beside "{kind}"')


def check_families(
    reading: Reading, problems: Problems, hosts: Mapping[int, Address] = MappingProxyType({})
) -> None:
    """Refuse a source of another family than the destination, and a link-local one on no link."""
    host, source = good(reading, "host"), good(reading, "source")
    if host is not None:
        try:
            there = ip_address(host.value)
        except ValueError:
            return  # a name: whichever of its addresses are of the source's family will do
        if there.version == 6 and there.is_link_local and "interface" not in reading:
            why = "a link-local address is there on every link"
            problems.add(host.place, quote(host.value), 'the key "interface" beside it', why=why)
        hosts = {there.version: there}
    elif "host" in reading:
        return  # it could not be read
    for version, there in hosts.items():
        if source is not None and version != source.value.version:
            why = f"the host is {there}"
            problems.add(source.place, quote(str(source.value)), f"an IPv{version} address", why=why)
