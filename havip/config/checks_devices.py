"""What must hold between the interfaces that virtual routers want to themselves.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from havip.config.devices import device_name, mac_of
from havip.config.problems import Place, Problems, quote
from havip.config.reader import BAD

if TYPE_CHECKING:
    from havip.config.draft import Draft

KEYS = ("interface", "vrid", "addresses", "virtual_mac", "ipvlan", "unicast")


def check_devices(drafts: Iterable[Draft], problems: Problems) -> None:
    """Run every check over those whose keys could all be read."""
    whole = [draft for draft in drafts if draft.bad.isdisjoint(KEYS)]
    for draft in whole:
        check_one_of_both(draft, problems)
        check_unicast(draft, problems)
    check_names(whole, problems)
    check_macs(whole, problems)


def check_one_of_both(draft: Draft, problems: Problems) -> None:
    """Refuse two interfaces for the same addresses."""
    router = draft.router
    if router.virtual_mac.enabled and router.ipvlan.enabled:
        why = "the addresses can stand on one interface only; virtual_mac is on"
        problems.add(at(draft, "ipvlan", "enabled"), "an ipvlan", "ipvlan: false", why=why)


def check_unicast(draft: Draft, problems: Problems) -> None:
    """Refuse unicast adverts from a virtual MAC address: the answers of the peers' ARP would go there."""
    router = draft.router
    if (
        router.unicast is not None
        and router.virtual_mac.enabled
        and not router.virtual_mac.transmit_on_parent
    ):
        why = "unicast adverts leave from the interface itself"
        problems.add(at(draft, "virtual_mac", "transmit_on_parent"), "false", "true", why=why)


def check_names(drafts: Iterable[Draft], problems: Problems) -> None:
    """Refuse a name that is another interface's."""
    drafts = list(drafts)
    carriers = {draft.router.interface: draft for draft in drafts}
    first: dict[str, Draft] = {}
    for draft in drafts:
        name = device_name(draft.router)
        if not name:
            continue
        place = at(draft, "virtual_mac" if draft.router.virtual_mac.enabled else "ipvlan", "name")
        if name in carriers:
            why = f"{quote(carriers[name].router.name)} runs on it"
            problems.add(place, f"{name} again", why=why)
        elif (other := first.setdefault(name, draft)) is not draft:
            problems.add(place, f"{name} again", why=f"{quote(other.router.name)} has it to itself")


def check_macs(drafts: Iterable[Draft], problems: Problems) -> None:
    """Refuse a MAC address twice on one interface: the kernel would."""
    first: dict[tuple[str, str], Draft] = {}
    for draft in drafts:
        mac = mac_of(draft.router)
        if mac and (other := first.setdefault((draft.router.interface, mac), draft)) is not draft:
            why = f"{quote(other.router.name)} has it on {draft.router.interface} already"
            problems.add(at(draft, "virtual_mac", "mac"), f"{mac} again", why=why)


def at(draft: Draft, key: str, inner: str) -> Place:
    """Return where a key of a mapping stands; the mapping itself for one that nobody wrote."""
    read = draft.reading.get(key)
    if read is None or read.value is BAD:
        return draft.place
    found = read.value.get(inner)
    return read.place if found is None else found.place
