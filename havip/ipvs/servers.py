"""One real server of a virtual service: what its checks say, what it is therefore, and its weight.  Pure.

What stands in the table also depends on the service: `havip.ipvs.pool` decides that.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from havip.balancing import DOWN, DRAINED, DRAINING, UNKNOWN, UP, Order
from havip.clock import NEVER, Duration, Instant, after
from havip.config.balancing import RealServer
from havip.messages import TrackResult

STEPS: Final = 20  # in which a weight grows: each of them is a message to the kernel
GREATEST_WEIGHT: Final = 65535

LONG_AGO: Final = Instant(0)
NO_CHECKS: Final = "has no checks"
NOT_YET: Final = "its checks have not run yet"
AS_IT_WAS: Final = "stands in the kernel already, and its checks have not run yet"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all checks of one server say together."""

    good: bool | None = None  # None: some have said nothing yet, and none has failed
    why: str = ""
    weight: int | None = None  # asked for, in place of the configured one
    added: int = 0  # to whichever weight it has
    failed: tuple[str, ...] = ()  # checks


def together(results: Mapping[str, TrackResult | None], terms: Container[str] = ()) -> Verdict:
    """Return what checks say together that must all be good; None: one has said nothing yet.

    Of several weights that are asked for, the least counts: the check that asks for it knows of a reason.
    Those of ``terms``, which are the `file` checks, are added to it instead, as for a router.
    """
    failed = tuple(name for name, one in results.items() if one is not None and not one.good)
    if failed:
        first = results[failed[0]]
        assert first is not None
        more = f" (and {len(failed) - 1} more)" if failed[1:] else ""
        return Verdict(False, f"{failed[0]} {first.why}{more}", failed=failed)
    if any(one is None for one in results.values()):
        return Verdict(why=NOT_YET)
    asked, added, why = None, 0, "all its checks are good" if results else NO_CHECKS
    for name, one in results.items():
        if one is None or one.weight is None:
            continue
        if name in terms:
            added += one.weight
        elif asked is None or one.weight < asked:
            asked, why = one.weight, f"{name} {one.why}"
    return Verdict(True, why, asked, added)


@dataclass(frozen=True, slots=True)
class Server:
    """What is known of one server, and what follows from it."""

    config: RealServer
    heard: Verdict = field(default=Verdict())  # the newest that says something
    counted: Verdict = field(default=Verdict())  # what counts: the one before while the service is suspended
    kept: int | None = None  # weight with which it stood in the kernel before anything was known of it
    order: Order | None = None
    leaving: bool = False  # a reload has taken it away
    drain_until: Instant | None = None  # it gets nothing new, and is waited for
    drained: bool = False  # it is not waited for any more, and not in the table
    left: int | None = None  # connections, as they were last counted while it drained
    cold: bool = False  # its weight is to grow from the moment it gets traffic
    ramp_at: Instant | None = None  # since when it grows
    present: bool = False  # it stands in the table
    state: str = UNKNOWN
    told: str = ""  # the last state that was told; empty: none was
    since: Instant = LONG_AGO
    why: str = NOT_YET

    @property
    def set_aside(self) -> bool:
        """Say whether nothing new is to come, whatever its checks say."""
        return self.leaving or (self.order is not None and self.order.drain)

    @property
    def weight(self) -> int:
        """Return its weight when all is well and nothing grows: an operator's before that of its checks."""
        if self.order is not None and self.order.weight is not None:
            return self.order.weight
        asked = self.config.weight if self.counted.weight is None else self.counted.weight
        return max(0, min(GREATEST_WEIGHT, asked + self.counted.added))

    @property
    def kept_weight(self) -> int:
        """Return the weight of one that stands there although nothing is known of it."""
        return self.weight if self.order is not None and self.order.weight is not None else self.kept or 0

    @property
    def alive(self) -> int:
        """Return what it adds to the weight that the quorum asks for, as if it had grown already."""
        if self.drained or self.drain_until is not None or self.set_aside:
            return 0
        if self.counted.good is None:
            return self.kept_weight
        return self.weight if self.counted.good else 0

    @property
    def possible(self) -> int:
        """Return the same for one that may yet turn out to be good."""
        if self.counted.good is None and self.kept is None and not self.set_aside and not self.drained:
            return self.weight
        return self.alive

    def judged(self, verdict: Verdict, suspended: bool) -> Server:
        """Return it with a newer verdict; one that says nothing changes nothing."""
        counted = self.counted if suspended else verdict
        if verdict.good is None or (verdict == self.heard and counted == self.counted):
            return self
        return replace(self, heard=verdict, counted=counted)

    def resumed(self) -> Server:
        """Return it with what was heard in the meantime."""
        return self.judged(self.heard, False)

    def what(self) -> tuple[str, str]:
        """Return what it is, and why."""
        if self.counted.good is False:
            return DOWN, self.counted.why
        if self.drained:
            return DRAINED, self._why_drained()
        if self.drain_until is not None:
            return DRAINING, self._why_draining()
        if self.counted.good is None:
            return UNKNOWN, AS_IT_WAS if self.kept is not None else NOT_YET
        return UP, self.counted.why

    def _why_draining(self) -> str:
        return "a reload has taken it away" if self.leaving else "an operator has set it aside"

    def _why_drained(self) -> str:
        if not self.left:
            return f"{self._why_draining()}, and no connection is left"
        return f"{self._why_draining()}; waited long enough for the {self.left} connections that are left"


def ramped(weight: int, ramp_at: Instant | None, length: Duration, now: Instant) -> int:
    """Return what a weight has grown to: in `STEPS` of its own length each, from 1 on."""
    if ramp_at is None or now - ramp_at >= length:
        return weight
    return max(min(weight, 1), weight * ((now - ramp_at) * STEPS // length) // STEPS)


def grows_at(weight: int, ramp_at: Instant | None, length: Duration, now: Instant) -> Instant:
    """Return when a weight that grows is another one next; NEVER: it has its own."""
    if ramp_at is None or now - ramp_at >= length:
        return NEVER
    reached = ramped(weight, ramp_at, length, now)
    for step in range((now - ramp_at) * STEPS // length + 1, STEPS + 1):
        at = after(ramp_at, Duration(-(-length * step // STEPS)))
        if ramped(weight, ramp_at, length, at) != reached:
            return at
    return NEVER
