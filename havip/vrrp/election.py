"""Who gives way to whom: the only place where two priorities meet.

A predicate's name says what its answer means.  Addresses are compared as unsigned integers in network
order (RFC 9568 section 6.4.3), which is how Python compares `bytes` of one length.
"""

from __future__ import annotations

from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings


def resigns(advert: Advert) -> bool:
    """Say whether the sender stops being master (RFC 9568 section 5.2.4: priority 0)."""
    return advert.priority == 0


def we_keep_waiting(us: Settings, advert: Advert) -> bool:
    """As backup: say whether this master is one that we follow (RFC 9568 section 6.4.2)."""
    return advert.priority >= us.priority or not us.preempt


def we_are_equals(us: Settings, advert: Advert) -> bool:
    """Say whether another router has our priority: only addresses decide then (RFC 9568 section 8.3.2)."""
    return advert.priority == us.priority


def we_give_way(us: Settings, advert: Advert) -> bool:
    """As master: say whether the other master is the better one (RFC 9568 section 6.4.3)."""
    if advert.priority == us.priority:
        return advert.source > us.address
    return advert.priority > us.priority
