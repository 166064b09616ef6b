"""What must hold between the keys of one virtual router, and between virtual routers.  Pure.

A check runs when every key that it looks at was read, so one mistake is reported once.  It blames the
key to change; a value from `defaults:` is blamed where it stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from havip.clock import ZERO, centiseconds, milliseconds, seconds, spell
from havip.config import (
    checks_authentication,
    checks_cast,
    checks_health,
    checks_holdings,
    checks_metrics,
    checks_notify,
    checks_snmp,
)
from havip.config.cast import Key
from havip.config.checks_accept import check_accept
from havip.config.checks_devices import check_devices
from havip.config.checks_dumps import check_dumps
from havip.config.checks_groups import check_groups
from havip.config.checks_relations import check_relations
from havip.config.checks_strict import check_strict
from havip.config.checks_tracking import check_tracking
from havip.config.draft import Draft
from havip.config.model import OWNER_PRIORITY, Family, VirtualAddress, VirtualRouter
from havip.config.problems import Problems, quote
from havip.config.reader import Reading

LONGEST_INTERVAL_V3 = centiseconds(0x0FFF)  # 12 bits (RFC 9568 section 5.2.7)
STEP_V3 = milliseconds(10)
STEP_V2 = seconds(1)  # 8 bits of seconds (RFC 3768 section 5.3.7)

#: An advert must not need fragments on Ethernet: what is left of its MTU beside the IP header, the VRRP
#: header, and the 28 bytes of an authentication trailer.
MTU = 1500
VRRP_HEADER = 8
TRAILER = 28
IP_HEADER = {Family.IPV4: 20, Family.IPV6: 40}
ADDRESS_SIZE = {Family.IPV4: 4, Family.IPV6: 16}
MOST_THAT_FIT = {
    family: (MTU - IP_HEADER[family] - VRRP_HEADER - TRAILER) // ADDRESS_SIZE[family] for family in Family
}


@dataclass(frozen=True, slots=True)
class Objection:
    """What is wrong with the value of one key, beside the others."""

    key: str
    found: str
    expected: str
    why: str


Check = Callable[[VirtualRouter], Iterator[Objection]]


def interval_fits_version(router: VirtualRouter) -> Iterator[Objection]:
    """RFC 9568 section 5.2.7, RFC 3768 section 5.3.7: the unit and the width of the field."""
    if router.version == 2:
        if router.interval % STEP_V2:
            yield Objection("interval", spell(router.interval), "whole seconds from 1s to 255s", "VRRPv2")
    elif router.interval % STEP_V3 or router.interval > LONGEST_INTERVAL_V3:
        yield Objection("interval", spell(router.interval), "10ms to 40.95s in steps of 10ms", "VRRPv3")


def version_fits_family(router: VirtualRouter) -> Iterator[Objection]:
    """RFC 3768 knows IPv4 only."""
    if router.version == 2 and router.family is Family.IPV6:
        yield Objection("version", "2", "3", "VRRPv2 has no IPv6")


def owner_takes_over_at_once(router: VirtualRouter) -> Iterator[Objection]:
    """RFC 9568 section 6.1: Preempt_Mode does not bind the owner of the addresses."""
    if router.priority != OWNER_PRIORITY:
        return
    why = "the owner of the addresses (priority 255) always takes over at once"
    if not router.preempt:
        yield Objection("preempt", "false", "true", why)
    if router.preempt_delay:
        yield Objection("preempt_delay", spell(router.preempt_delay), "0s", why)


def delay_needs_preemption(router: VirtualRouter) -> Iterator[Objection]:
    """A delay before something that never happens is a misunderstanding."""
    if router.preempt_delay > ZERO and not router.preempt and router.priority != OWNER_PRIORITY:
        yield Objection(
            "preempt_delay", spell(router.preempt_delay), "0s", "with preempt: false nothing is delayed"
        )


def stall_matters_without_preemption(router: VirtualRouter) -> Iterator[Objection]:
    """Whoever preempts takes over again anyway."""
    if router.yield_after_stall and router.preempt:
        why = "with preempt: true the router takes over again anyway"
        yield Objection("yield_after_stall", "true", "false", why)


def addresses_fit_one_packet(router: VirtualRouter) -> Iterator[Objection]:
    """One advert names every address, and should not be fragmented."""
    most, count = MOST_THAT_FIT[router.family], len(router.addresses)
    if count > most:
        why = f"more do not fit into one packet of {MTU} bytes"
        yield Objection("addresses", str(count), f"at most {most} IPv{router.family} addresses", why)


#: Each check with the keys that it looks at.
CHECKS: tuple[tuple[frozenset[str], Check], ...] = (
    (frozenset(("version", "interval")), interval_fits_version),
    (frozenset(("version", "addresses")), version_fits_family),
    (frozenset(("priority", "preempt", "preempt_delay")), owner_takes_over_at_once),
    (frozenset(("priority", "preempt", "preempt_delay")), delay_needs_preemption),
    (frozenset(("preempt", "yield_after_stall")), stall_matters_without_preemption),
    (frozenset(("addresses",)), addresses_fit_one_packet),
)


def check(
    root: Reading,
    drafts: Sequence[Draft],
    problems: Problems,
    made: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Run every check over one file.

    ``made`` are the names of health checks beside those that it defines, with those of their parents.
    """
    for draft in drafts:
        for needed, objections in CHECKS:
            if needed.isdisjoint(draft.bad):
                for objection in objections(draft.router):
                    object_to(draft, objection, problems)
        check_family(draft, problems)
        checks_authentication.check(draft, problems)
    check_identities(drafts, problems)
    checks_cast.check(drafts, problems)
    checks_holdings.check(root, drafts, problems)
    check_groups(root, drafts, problems)
    check_tracking(root, drafts, problems, made)
    checks_notify.check(root, problems)
    check_dumps(root, problems)
    checks_health.check(root, problems)
    checks_snmp.check(root, problems)
    check_relations(root, problems, made)
    checks_metrics.check(root, problems)
    check_devices(drafts, problems)
    check_accept(drafts, problems)
    check_strict(drafts, problems)


def object_to(draft: Draft, objection: Objection, problems: Problems) -> None:
    """Report an objection where the value stands."""
    place, why = draft.at(objection.key), objection.why
    if not place.path.startswith(draft.place.path):
        why += f" (virtual router {quote(draft.router.name)})"  # the value is one of `defaults:`
    problems.add(place, objection.found, objection.expected, why=why)


def check_family(draft: Draft, problems: Problems) -> None:
    """Refuse a second family in one virtual router, and point at an unusual first IPv6 address."""
    first: VirtualAddress | None = None
    for virtual, place in draft.address_places():
        if first is None:
            first = virtual
            if virtual.address.version == 6 and not virtual.address.is_link_local:
                # RFC 9568 section 5.2.9: the first address is the link-local one.
                why = "RFC 9568 wants the link-local address of the virtual router first"
                problems.note(place, f"{virtual.address} is not link-local", why=why)
        elif virtual.address.version != first.address.version:
            problems.add(
                place,
                f'"{virtual}"',
                f"an IPv{first.address.version} address like the first",
                why="a virtual router has one family; give the other its own virtual router",
            )


def check_identities(drafts: Iterable[Draft], problems: Problems) -> None:
    """Refuse two virtual routers that peers could not tell apart."""
    first: dict[Key, Draft] = {}
    for draft in drafts:
        if not draft.bad.isdisjoint(("interface", "vrid", "addresses")):
            continue
        router = draft.router
        other = first.setdefault(router.key, draft)
        if other is not draft:
            problems.add(
                draft.at("vrid"),
                f"vrid {router.vrid} again on {router.interface} for IPv{router.family}",
                why=f"{quote(other.router.name)} has it in {problems.line(other.at('vrid'))}",
            )
