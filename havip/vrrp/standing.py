"""What a sync group is and remembers beside its members' states, and when it lets others go first.  Pure.

Two hosts that become MASTER at one moment, each better on another LAN, would depose each other for ever:
see `holds_back`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from havip.clock import Duration, Instant, after
from havip.vrrp.settings import Settings
from havip.vrrp.states import LONG_AGO, State

MOST_CLASHES: Final = 8  # in a row, that still lengthen the wait
INIT, BACKUP, MASTER, FAULT = "INIT", "BACKUP", "MASTER", "FAULT"


class Member(Protocol):
    """What is looked at of a member."""

    @property
    def settings(self) -> Settings:
        """Return its side of the election."""

    @property
    def state(self) -> State:
        """Return its state."""


@dataclass(frozen=True, slots=True)
class Group:
    """Who moves together.  A member is known by its place."""

    name: str
    members: tuple[str, ...]  # their names
    ranks: tuple[int, ...]  # their places, in an order on which all hosts agree


@dataclass(frozen=True, slots=True)
class Standing:
    """What a group remembers beside the states of its members."""

    ailments: tuple[str | None, ...]  # each member's own reason to be in FAULT
    state: str = INIT  # of the group as a whole
    masters: bool = False  # some member is MASTER
    why: str = "not started"
    gave_way_at: Instant = LONG_AGO  # when a better master last deposed us
    clashes: int = 0  # how often in a row
    better: int = 0  # bit by place: where a better master was heard since we last became MASTER
    weaker: int = 0  # where a weaker one was

    def among(self, ailments: tuple[str | None, ...]) -> Standing:
        """Return the standing of a group whose members, and so their places, are others now."""
        return replace(self, ailments=ailments, better=0, weaker=0)


def compared(standing: Standing, place: int, we_give_way: bool) -> Standing:
    """Note how a master that a member heard compares with it."""
    bit = 1 << place
    if we_give_way:
        return standing if standing.better & bit else replace(standing, better=standing.better | bit)
    return standing if standing.weaker & bit else replace(standing, weaker=standing.weaker | bit)


def gave_way(standing: Standing, members: Sequence[Member], now: Instant) -> Standing:
    """Note that a better master has deposed the group, and how often that happened in a row."""
    recent = now < after(standing.gave_way_at, memory(members, standing.clashes))
    clashes = min(standing.clashes + 1, MOST_CLASHES) if recent else 1
    return replace(standing, gave_way_at=now, clashes=clashes)


def holds_back(group: Group, standing: Standing, members: Sequence[Member]) -> Instant:
    """Return until when the group lets another host go first.

    If each of two hosts is the better one on some LAN, and both become MASTER at one moment, each
    deposes the other, both listen for the same time, and all begins anew.  So the one that is the
    weaker one on the first LAN, in an order that all hosts share, waits longer than the other.  Once
    one of them is MASTER alone, the other hears a better master somewhere and stays BACKUP.
    """
    if standing.gave_way_at == LONG_AGO or not (standing.better and standing.weaker):
        return LONG_AGO
    heard = standing.better | standing.weaker
    first = next(place for place in group.ranks if heard >> place & 1)
    if not standing.better >> first & 1:
        return LONG_AGO
    return after(standing.gave_way_at, pause(members, standing.clashes))


def longest_wait(members: Sequence[Member]) -> Duration:
    """Return the longest Master_Down_Interval of a member."""
    return max(member.settings.master_down(member.settings.interval) for member in members)


def pause(members: Sequence[Member], clashes: int) -> Duration:
    """Return how long a group holds back after the last of so many clashes."""
    longest = max(member.settings.interval for member in members)
    return Duration(longest_wait(members) + clashes * longest * 3 // 2)


def memory(members: Sequence[Member], clashes: int) -> Duration:
    """Return within what time after giving way the same happens again for the same reason."""
    return Duration(pause(members, clashes) + longest_wait(members))
