"""Health checks as the control socket shows them, as JSON and as values.  Pure: no socket, no clock.

`check_as_dict` is the daemon's side, `Checks.of` is the client's.  Lengths of time are seconds, instants are
seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from havip.clock import to_seconds

if TYPE_CHECKING:  # the client does without what the daemon's messages need
    from havip.healthreport import CheckReport

Json: TypeAlias = dict[str, Any]

GOOD, FAILED, UNKNOWN = "good", "failed", "unknown"


def state_of(good: bool | None) -> str:
    """Return a verdict as a word."""
    return UNKNOWN if good is None else GOOD if good else FAILED


def report_as_dict(report: CheckReport | None, bounds: tuple[int, ...], now: float) -> Json:
    """Return what a checker reported of the runs, at ``now``; ``bounds`` are those of the buckets in ns."""
    if report is None:
        return {
            "last": None,
            "against": 0,
            "held_back": None,
            "runs": {},
            "response_times": None,
            "weight": None,
        }
    times = None
    if report.passed:
        counts = zip((*map(to_seconds, bounds), None), report.buckets, strict=True)
        times = {"sum": to_seconds(report.sum), "buckets": [list(pair) for pair in counts]}
    last = {
        "words": report.words,
        "failure": report.failure or None,
        "warning": report.warning or None,
        "took": to_seconds(report.took),
        "at": now - to_seconds(report.age),
    }
    return {
        "last": None if report.age < 0 else last,
        "against": report.against,
        "held_back": report.held,
        "runs": {"passed": report.passed, **report.failed},
        "response_times": times,
        "weight": report.weight,
    }


@dataclass(frozen=True, slots=True)
class Check:
    """One health check."""

    name: str
    kind: str
    where: str  # host and port, as configured; empty: it goes nowhere
    state: str  # good, failed or unknown
    since: float
    why: str  # what led to this state
    changes: int  # of the verdict, since the daemon started
    last: Json | None = None  # the latest run: words, failure, warning, took, at
    runs: Mapping[str, int] = field(default_factory=dict)  # by result, since the checker worker started
    response_times: Json | None = None  # of the runs that passed: sum, and how many in each bucket
    weight: int | None = None  # that the server asked for
    against: int = 0  # latest runs in a row that deny the verdict
    held_back: bool | None = None  # its runs are good, and it flapped; None: without damping

    @classmethod
    def of(cls, data: Json) -> Check:
        """Return the check that ``data`` shows.  Raises KeyError or TypeError if it shows none."""
        needed = ("name", "kind", "where", "state", "since", "why", "changes")
        known: Json = {name: data[name] for name in needed}
        known |= {name: data.get(name) for name in ("last", "response_times", "weight", "held_back")}
        known["against"] = data.get("against") or 0
        return cls(**known, runs=dict(data.get("runs") or {}))


@dataclass(frozen=True, slots=True)
class Checks:
    """Every health check in numbers, and those that are shown."""

    good: int = 0
    failed: int = 0
    unknown: int = 0
    warned: int = 0  # of them, whose latest run passed with a warning
    stale: str | None = None  # why what is shown of runs may be old; None: it is not
    counters: Mapping[str, int] = field(default_factory=dict)  # of the whole checker worker
    shown: tuple[Check, ...] = ()

    @property
    def total(self) -> int:
        """Return how many checks there are."""
        return self.good + self.failed + self.unknown

    @classmethod
    def of(cls, data: Json) -> Checks:
        """Return the checks that ``data`` shows.  Raises KeyError or TypeError if it shows none."""
        counts = {name: data[name] for name in (GOOD, FAILED, UNKNOWN)}
        shown = tuple(map(Check.of, data["shown"]))
        counters, warned = dict(data.get("counters") or {}), data.get("warned") or 0
        return cls(**counts, warned=warned, stale=data.get("stale"), counters=counters, shown=shown)
