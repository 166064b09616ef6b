"""Which processes there are of those that are tracked, and whether that is enough.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from havip.clock import NEVER, Instant
from havip.config.tracking import Match, TrackedProcess, TrackerKind
from havip.damping import Damped
from havip.messages import TrackResult

LONGEST_NAME: Final = 15  # bytes of a process's name that the kernel keeps


def matches(tracked: TrackedProcess, name: bytes, words: Sequence[bytes]) -> bool:
    """Say whether a process is one of those that are tracked.

    ``name`` is what the kernel calls it, ``words`` are its command line.
    """
    wanted = tracked.process.encode()
    if tracked.full_command:
        if not words or words[0] != wanted:
            return False
    elif name != wanted.rpartition(b"/")[2][:LONGEST_NAME]:
        return False
    if tracked.match is Match.NONE:
        return len(words) == 1
    if tracked.arguments is None:
        return True
    expected = [argument.encode() for argument in tracked.arguments]
    given = list(words[1:])
    match tracked.match:
        case Match.EXACT:
            return given == expected
        case Match.PARTIAL:
            return given[: len(expected)] == expected
        case Match.INITIAL:
            if len(given) != len(expected) or not expected:
                return given == expected
            return given[:-1] == expected[:-1] and given[-1].startswith(expected[-1])


def needs_words(tracked: TrackedProcess) -> bool:
    """Say whether the name alone does not tell."""
    return tracked.full_command or tracked.arguments is not None or tracked.match is Match.NONE


class Census:
    """Tracked processes by number, and what each tracker makes of their count."""

    def __init__(self, tracked: Mapping[str, TrackedProcess]) -> None:
        self._tracked = tracked
        self._known: dict[int, frozenset[str]] = {}
        self._counts: Counter[str] = Counter()
        self._damped: dict[str, Damped] = {}

    def of(self, pid: int) -> frozenset[str]:
        """Return the trackers that a process counts for."""
        return self._known.get(pid, frozenset())

    def saw(self, pid: int, names: frozenset[str]) -> bool:
        """Take note of what a process counts for; say whether that is news."""
        before = self._known.pop(pid, frozenset())
        if names:
            self._known[pid] = names
        self._counts.update(names - before)
        self._counts.subtract(before - names)
        return names != before

    def replace(self, found: Mapping[int, frozenset[str]]) -> None:
        """Take a look at all processes for the truth."""
        self._known = {pid: names for pid, names in found.items() if names}
        self._counts = Counter(name for names in self._known.values() for name in names)

    def begin(self, name: str) -> None:
        """Judge a tracker anew."""
        self._damped.pop(name, None)

    def judge(self, now: Instant) -> list[TrackResult]:
        """Return what each tracker says now."""
        return [self._judge(tracked, now) for tracked in self._tracked.values()]

    def _judge(self, tracked: TrackedProcess, now: Instant) -> TrackResult:
        count = self._counts[tracked.name]
        enough = count >= tracked.quorum and (tracked.quorum_max is None or count <= tracked.quorum_max)
        damped = self._damped.get(tracked.name) or Damped(enough)
        damped = damped.saw(enough, tracked.fork_delay, tracked.terminate_delay, now)
        self._damped[tracked.name] = damped
        bounds = (
            f"{tracked.quorum}" if tracked.quorum_max is None else f"{tracked.quorum} to {tracked.quorum_max}"
        )
        # The count is not told while all is well: it would be news with every process.
        why = "is good" if damped.shown else f"has {count} of {bounds} processes"
        return TrackResult(
            TrackerKind.PROCESS, tracked.name, damped.shown, 0 if damped.shown else count, why=why
        )

    def next_deadline(self) -> Instant:
        """Return when `judge` may say something else although no process came or went."""
        turns: Iterable[Instant] = (one.turns_at for one in self._damped.values())
        return min(turns, default=NEVER)
