"""What must hold for ``accept: false``, which nftables carries out.  Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from havip.config.draft import Draft
from havip.config.model import OWNER_PRIORITY
from havip.config.problems import Problems, quote

#: an interface name that nftables takes literally; link-local addresses are dropped by their interface
PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.@+-]{1,15}")


def check_accept(drafts: Sequence[Draft], problems: Problems) -> None:
    """Point at an ``accept: false`` that does nothing, and refuse one that nftables could not carry out."""
    for draft in drafts:
        router = draft.router
        if router.accept or not draft.bad.isdisjoint(("accept", "priority", "addresses", "interface")):
            continue
        whose = f"virtual router {quote(router.name)}"
        if router.priority == OWNER_PRIORITY:
            why = f"{whose} owns its addresses (priority 255) and accepts all the same: RFC 9568 section 6.1"
            problems.note(draft.at("accept"), "accept: false changes nothing", why=why)
        estate = router.estate
        for virtual in estate.addresses:
            name = virtual.device or estate.home
            if virtual.address.is_link_local and not PLAIN_NAME.fullmatch(name):
                expected = 'an interface name of letters, digits and "_.@+-"'
                why = f"{whose}: {virtual.address} is dropped by its interface, which nftables must name"
                problems.add(draft.at("accept"), f"accept: false on {quote(name)}", expected, why=why)
