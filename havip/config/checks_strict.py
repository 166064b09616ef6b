"""What ``strict: true`` forbids: each thing by its key, with the section of the RFC that knows it not.  Pure.

Strict changes one thing silently, nothing that anybody sees of an address: a master that gives way is silent
at once.  Everything else that strict rules out is an error, so the file always says what runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from havip.config.authentication import Mode
from havip.config.cast import GROUP
from havip.config.draft import Draft
from havip.config.model import OWNER_PRIORITY, Family, StartAs, VirtualRouter
from havip.config.problems import Place, Problems, quote

DOWN_ADVERTS: Final = 3


@dataclass(frozen=True, slots=True)
class Ban:
    """One thing that a strict router must not have, at ``key`` (dotted for a key within a mapping)."""

    key: str
    found: str
    expected: str
    section: str  # of the RFC, or what else says so


def check_strict(drafts: Sequence[Draft], problems: Problems) -> None:
    """Hold every router that is strict to the RFC, and point at what strict does not ask for."""
    for draft in drafts:
        if not draft.router.strict or "strict" in draft.bad:
            continue
        whose = f"virtual router {quote(draft.router.name)} is strict"
        for ban in bans(draft.router):
            if draft.bad.isdisjoint((ban.key.partition(".")[0], "version", "addresses", "priority")):
                # Of a key that nobody wrote the router is to blame: say which key it is.
                key = "" if ban.key.partition(".")[0] in draft.reading else f"{ban.key}: "
                found, expected = key + ban.found, key + ban.expected
                problems.add(place_of(draft, ban.key), found, expected, why=f"{whose}: {ban.section}")
        for key, found, section in notes(draft.router):
            if draft.bad.isdisjoint((key, "version", "addresses", "priority")):
                problems.note(draft.at(key), found, why=f"{whose}, and {section}")


def bans(router: VirtualRouter) -> Iterator[Ban]:
    """Yield everything that is wrong with a strict router."""
    rfc = "RFC 3768" if router.version == 2 else "RFC 9568"
    yield from bans_of_cast(router)
    first = router.addresses[0].address
    if first.version == 6 and not first.is_link_local:
        yield Ban("addresses", f'"{first}" first', "a link-local address first", "RFC 9568 section 5.2.9")
    if router.preempt_delay:
        yield Ban("preempt_delay", "a delay", "0s", f"{rfc} section 6.1 has none")
    if router.down_adverts != DOWN_ADVERTS:
        yield Ban("down_adverts", str(router.down_adverts), str(DOWN_ADVERTS), f"{rfc} section 6.1")
    answers = router.version == 3
    if router.answer_lower_priority is not answers:
        yield Ban(
            "answer_lower_priority",
            str(router.answer_lower_priority).lower(),
            str(answers).lower(),
            f"{rfc} section 6.4.3",
        )
    if router.start is StartAs.MASTER and router.priority != OWNER_PRIORITY:
        yield Ban(
            "start", "master", "backup", f"{rfc} section 6.4.1: only the owner of the addresses begins so"
        )
    if router.yield_after_stall:
        yield Ban("yield_after_stall", "true", "false", f"{rfc} section 6.4.3 has no such event")
    if router.authentication is not None:
        yield Ban("authentication", "a password", "none", "RFC 3768 section 5.3.6")
    if router.hmac is not None and router.hmac.mode is not Mode.ENFORCE:
        why = "adverts that are not signed are not believed"
        yield Ban("hmac.mode", str(router.hmac.mode), str(Mode.ENFORCE), why)
    yield from bans_of_devices(router, rfc)


def bans_of_cast(router: VirtualRouter) -> Iterator[Ban]:
    """Adverts go to the one group of the family."""
    group = GROUP[router.family]
    if router.version == 2:
        section = "RFC 3768 section 5.2.2"
    else:
        section = f"RFC 9568 section 5.1.{1 if router.family is Family.IPV4 else 2}.2"
    if router.unicast is not None:
        yield Ban("unicast", "unicast", f"adverts to the group {group}", section)
    elif router.multicast.group not in (None, group):
        yield Ban("multicast.group", str(router.multicast.group), str(group), section)


def bans_of_devices(router: VirtualRouter, rfc: str) -> Iterator[Ban]:
    """The virtual MAC address is the one of the RFC, and adverts come from it."""
    if router.virtual_mac.enabled:
        if router.virtual_mac.mac is not None:
            usual = f"00:00:5e:00:0{1 if router.family is Family.IPV4 else 2}:{router.vrid:02x}"
            yield Ban(
                "virtual_mac.mac", router.virtual_mac.mac, f"none, which is {usual}", f"{rfc} section 7.3"
            )
        if router.virtual_mac.transmit_on_parent:
            yield Ban("virtual_mac.transmit_on_parent", "true", "false", f"{rfc} section 7.2")
    if router.ipvlan.enabled:
        yield Ban("ipvlan", "an ipvlan", "virtual_mac", f"{rfc} section 7.3")


def notes(router: VirtualRouter) -> Iterator[tuple[str, str, str]]:
    """Yield (key, what is so, what the RFC has) for what strict leaves to the file."""
    if not router.virtual_mac.enabled and not router.ipvlan.enabled:
        yield "virtual_mac", "without virtual_mac", "RFC 9568 section 7.3 has a virtual MAC address"
    if router.version == 3 and router.family is Family.IPV4 and not router.rfc9568:
        # Not an error: with keepalived, strict or not, on the other side it would have to be.
        yield "strict", "without rfc9568: true", "RFC 9568 section 5.2.8 has no pseudo header over IPv4"


def place_of(draft: Draft, key: str) -> Place:
    """Return where the value of a key stands, or the nearest that does."""
    head, _, tail = key.partition(".")
    if tail and head in draft.reading:
        inner = draft.reading[head].value
        if isinstance(inner, dict) and tail in inner:
            place: Place = inner[tail].place
            return place
    return draft.at(head)
