"""A router's standing: its configured priority and the results of its trackers, added up.  Pure.

It owns the rules of weights and nothing else: where results come from, and what FAULT means for the
election, are others' business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from havip.config.model import OWNER_PRIORITY
from havip.config.tracking import Tracker, TrackerKey, TrackerKind
from havip.messages import Term, TrackResult

LEAST, MOST = 1, 254  # what an effective priority is held to (0 resigns, 255 is the owner's)
FAULT_BELOW = -253  # a file whose weighted value is less puts the router in FAULT


@dataclass(frozen=True, slots=True)
class Standing:
    """What follows from all trackers together."""

    priority: int  # effective
    fault: str | None = None  # why we must not take part; None: we may
    terms: tuple[Term, ...] = ()


def standing(
    configured: int,
    trackers: Sequence[Tracker],
    results: Mapping[TrackerKey, TrackResult],
    override: int | None = None,
) -> Standing:
    """Return where a router stands.

    ``override`` is a priority that an operator has set: weights do not change it, a FAULT still counts.
    The owner of the addresses (priority 255) is above weights and overrides, but not above a FAULT.
    """
    terms = tuple(term_of(tracker, results.get(tracker.key)) for tracker in trackers)
    faults = [f"{term.kind} {term.name} {term.why}" for term in terms if term.fault]
    fault = None if not faults else faults[0] + (f", and {len(faults) - 1} more" if faults[1:] else "")
    if configured == OWNER_PRIORITY:
        return Standing(OWNER_PRIORITY, fault, terms)
    wanted = configured + sum(term.adds for term in terms) if override is None else override
    return Standing(min(MOST, max(LEAST, wanted)), fault, terms)


def term_of(tracker: Tracker, result: TrackResult | None) -> Term:
    """Return what one tracker adds, or the FAULT that it means."""
    if result is None:
        # Weight 0: not known to be good is not good.  A weight waits for a reason to count.
        why = "waits for its first result"
        return Term(tracker.kind, tracker.name, tracker.weight, 0, tracker.weight == 0, why)
    if tracker.kind is TrackerKind.FILE:
        return term_of_file(tracker, result)
    good = result.state in tracker.states if tracker.kind is TrackerKind.ROUTER else result.good
    if tracker.weight == 0:
        fault = good if tracker.reverse else not good
        return Term(tracker.kind, tracker.name, 0, 0, fault, result.why)
    counts = good if tracker.weight > 0 else not good
    adds = (-tracker.weight if tracker.reverse else tracker.weight) if counts else 0
    return Term(tracker.kind, tracker.name, tracker.weight, adds, False, result.why)


def term_of_file(tracker: Tracker, result: TrackResult) -> Term:
    """Return what a file adds: its value times the weight.  What cannot be read has no value."""
    weight = tracker.weight
    if weight == 0:
        failed = not result.good
        fault = failed or ((result.value == 0) if tracker.reverse else (result.value != 0))
        return Term(tracker.kind, tracker.name, 0, 0, fault, result.why)
    if not result.good:
        return Term(tracker.kind, tracker.name, weight, 0, False, result.why)
    adds = result.value * (-weight if tracker.reverse else weight)
    return Term(tracker.kind, tracker.name, weight, adds, adds < FAULT_BELOW, result.why)
