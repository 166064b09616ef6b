"""Everything that the machine may ask for.  A list of these is carried out strictly in order.

Actions name what is wanted, not how: which sockets, batches and bytes belongs to `executor`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class SendAdvert:
    """Send one ADVERTISEMENT with this priority (0: we resign)."""

    priority: int


@dataclass(frozen=True, slots=True)
class AddAddresses:
    """Put every virtual address on the interface.  Those already there stay untouched."""


@dataclass(frozen=True, slots=True)
class RemoveAddresses:
    """Take every virtual address off the interface."""


@dataclass(frozen=True, slots=True)
class AnnounceAddresses:
    """Send gratuitous ARP or unsolicited NA, ``repeat`` rounds over all the addresses."""

    repeat: int


@dataclass(frozen=True, slots=True)
class Tell:
    """The state changed; ``why`` is for people."""

    why: str


@dataclass(frozen=True, slots=True)
class HeardWeaker:
    """As MASTER we heard a weaker master: whatever else sends clients to us may have to be told again."""


@dataclass(frozen=True, slots=True)
class Followed:
    """We stepped down, and another router took over: who waits for that is told."""


Action: TypeAlias = (
    SendAdvert | AddAddresses | RemoveAddresses | AnnounceAddresses | Tell | HeardWeaker | Followed
)
