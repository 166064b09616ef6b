"""What can happen to a virtual service, and what is told of it.  Closed unions.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from havip.balancing import Order
from havip.clock import Duration
from havip.config.balancing import OnStop
from havip.ipvs.servers import Verdict
from havip.ipvs.states import Settings


@dataclass(frozen=True, slots=True)
class Judged:
    """The checks of these servers say something else now.  All that is news at once comes as one event."""

    verdicts: Mapping[str, Verdict]


@dataclass(frozen=True, slots=True)
class Ordered:
    """An operator has said something of these servers, or (None) taken it back."""

    orders: Mapping[str, Order | None]


@dataclass(frozen=True, slots=True)
class Counted:
    """So many connections are left to servers that drain, persistent templates with them.

    Counted after the kernel was told that they get nothing new: one may come just before that.
    """

    left: Mapping[str, int]
    sorry: int = 0


@dataclass(frozen=True, slots=True)
class Suspended:
    """The service is probed no more, since another router is MASTER; or (``suspended`` False) again."""

    suspended: bool


@dataclass(frozen=True, slots=True)
class Configured:
    """A reload has put the settings of this step in the place of ``old``.

    ``orders``: all that an operator has said of servers by the names that they have now.
    """

    old: Settings
    orders: Mapping[str, Order] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Removed:
    """A reload has taken the service away."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The daemon ends."""

    on_stop: OnStop
    drain_timeout: Duration  # of `OnStop.DRAIN`


@dataclass(frozen=True, slots=True)
class Tick:
    """A deadline has come."""


Event: TypeAlias = Judged | Ordered | Counted | Suspended | Configured | Removed | Ended | Tick


@dataclass(frozen=True, slots=True)
class Tell:
    """Something to tell.  DRAINING and DRAINED are what an operator wanted: no program is run for them."""

    server: str | None  # by name; None: the service itself
    state: str  # UP, DOWN, DRAINING or DRAINED
    why: str
