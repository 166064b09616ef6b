"""Everything that can happen to a virtual router.  A closed union: `machine` must answer each member.

An event carries no time: the caller passes ``now`` beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from havip.clock import ZERO, Duration
from havip.vrrp.packet import Advert


@dataclass(frozen=True, slots=True)
class Start:
    """Take part in the election (RFC 9568 section 6.4.1, Startup).

    ``resume``: our adverts of a moment ago still bind our peers, so go on as MASTER.  ``farewell``: they do,
    but our sync group cannot go on, so release the peers.  ``defer``: we stepped down in our last life, so
    follow whoever took over, as after `StepDown`.
    """

    resume: bool = False
    farewell: bool = False
    defer: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Leave for good (RFC 9568 section 6.4, Shutdown)."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A deadline may have come."""


@dataclass(frozen=True, slots=True)
class Impeded:
    """We cannot take part, for ``reason`` in words: in FAULT until `Cleared`.

    The interface cannot be used, a tracker failed, an operator or the supervisor holds us.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """Nothing keeps us from taking part any more."""


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


@dataclass(frozen=True, slots=True)
class StepDown:
    """As MASTER, give the addresses away and go on as BACKUP; ``why`` in words.

    ``defer``: follow whoever takes over, whatever the priorities, until it fails or resigns.  ``wait``: take
    over again no earlier than that, if nobody else does.
    """

    why: str
    defer: bool = True
    wait: Duration = ZERO


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Our sync group becomes MASTER, and we with it; ``why`` in words."""

    why: str


@dataclass(frozen=True, slots=True)
class Recall:
    """A member of our sync group heard a weaker master, which may have called our clients too."""


Event: TypeAlias = (
    Start
    | Stop
    | Tick
    | Advert
    | Impeded
    | Cleared
    | SettingsChanged
    | AddressesLost
    | AddressesRefused
    | StepDown
    | TakeOver
    | Recall
)
