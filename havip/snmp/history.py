"""What is over, and what no report of a virtual router says any more.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from havip.errors import Refusal
from havip.messages import Key, RouterReport

RUNNING: Final = ("MASTER", "BACKUP")


@dataclass(frozen=True, slots=True)
class Past:
    """What is over of one virtual router."""

    running_since: float | None = None  # since when it is MASTER or BACKUP, in seconds since 1970
    last_error: Refusal | None = None  # why the last bad packet was refused
    new_master: str = ""  # why it became MASTER the last time
    counting_since: float | None = None  # when its counters began anew; None: not while we looked


NOTHING: Final = Past()


class History:
    """The past of every virtual router."""

    def __init__(self) -> None:
        self.counting_since: float | None = None  # when the counters of some of them last began anew
        self._past: dict[Key, Past] = {}
        self._last: dict[Key, RouterReport] = {}

    def of(self, key: Key) -> Past:
        """Return what is known of a virtual router."""
        return self._past.get(key, NOTHING)

    def note(self, report: RouterReport, now: float) -> bool:
        """Take a report; say whether it tells more than that counters have grown."""
        key, before, past = report.key, self._last.get(report.key), self.of(report.key)
        self._last[key] = report
        if report.state not in RUNNING:
            past = replace(past, running_since=None)
        elif past.running_since is None:
            past = replace(past, running_since=report.since)
        if before is not None and began_anew(before.counters, report.counters):
            self.counting_since = now
            past = replace(past, counting_since=now)
        anew = past.counting_since != self.of(key).counting_since
        self._past[key] = past
        return (
            anew
            or before is None
            or replace(before, counters={}, next_deadline=0) != replace(report, counters={}, next_deadline=0)
        )

    def became_master(self, key: Key, why: str) -> Past:
        """Note why a virtual router has become MASTER."""
        past = self._past[key] = replace(self.of(key), new_master=why)
        return past

    def erred(self, key: Key, why: Refusal) -> None:
        """Note why a packet for it was refused."""
        self._past[key] = replace(self.of(key), last_error=why)

    def keep(self, keys: Iterable[Key]) -> None:
        """Forget all virtual routers but these."""
        kept = set(keys)
        self._past = {key: past for key, past in self._past.items() if key in kept}
        self._last = {key: report for key, report in self._last.items() if key in kept}


def began_anew(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Say whether some counter is less than it was: the worker that counts is another one."""
    return any(after.get(name, 0) < count for name, count in before.items())
