"""Everything that can happen to a virtual router.  A closed union: `machine` must answer each member.

An event carries no time: the caller passes ``now`` beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from havip.vrrp.packet import Advert


@dataclass(frozen=True, slots=True)
class Start:
    """Take part in the election (RFC 9568 section 6.4.1, Startup).

    ``resume``: our adverts of a moment ago still bind our peers, so go on as MASTER.
    """

    resume: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Leave for good (RFC 9568 section 6.4, Shutdown)."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A deadline may have come."""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The interface cannot be used, for ``reason`` in words: we are in FAULT until `LinkUp`."""

    reason: str


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The interface can be used: up, running, with an address of our family."""


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """The settings given to this step differ from those of the last one."""

    addresses: bool = False  # the set of virtual addresses is among what changed


@dataclass(frozen=True, slots=True)
class AddressesLost:
    """Somebody else removed a virtual address that we hold as MASTER."""


@dataclass(frozen=True, slots=True)
class AddressesRefused:
    """The kernel would not give us a virtual address; ``reason`` in words."""

    reason: str


Event: TypeAlias = (
    Start | Stop | Tick | Advert | LinkDown | LinkUp | SettingsChanged | AddressesLost | AddressesRefused
)
