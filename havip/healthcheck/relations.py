"""What a check says that goes by others: several as one, and those whose parent has failed.  Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from havip.config.health import Check


@dataclass(frozen=True, slots=True)
class Word:
    """What a check says: good, failed or (None) nothing yet, and why in words that follow its name."""

    good: bool | None = None
    why: str = ""
    weight: int | None = None  # that the server asked for


NOTHING = Word()
Named: TypeAlias = tuple[str, Word]


def all_of(members: Sequence[Named]) -> Word:
    """Return what checks say together that must all be good."""
    failed = [one for one in members if one[1].good is False]
    if failed:
        return Word(False, in_short(failed))
    return NOTHING if any(word.good is None for _, word in members) else Word(True, "is good")


def any_of(members: Sequence[Named]) -> Word:
    """Return what checks say together of which one must be good."""
    if any(word.good for _, word in members):
        return Word(True, "is good")
    if any(word.good is None for _, word in members):
        return NOTHING
    return Word(False, f"has none that is good: {in_short(members)}")


def in_short(failed: Sequence[Named]) -> str:
    """Return the first of those that failed with its reason, and how many more there are."""
    name, word = failed[0]
    more = f" (and {len(failed) - 1} more)" if failed[1:] else ""
    return f"{name}: {word.why}{more}"


def orphaned(parent: str, word: Word) -> Word:
    """Return what a check says whose parent has failed."""
    return Word(False, f"is not probed while its parent {parent} has failed: {word.why}")


class Relations:
    """Who goes by whom, and in which order they are judged."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        graph = {name: [one for one in check.needs if one in checks] for name, check in checks.items()}
        self._users: dict[str, list[str]] = {}
        for name, others in graph.items():
            for one in others:
                self._users.setdefault(one, []).append(name)
        related = {name: others for name, others in graph.items() if others or name in self._users}
        try:
            order: Iterable[str] = TopologicalSorter(related).static_order()
            self._place = {name: number for number, name in enumerate(order)}
        except CycleError:  # no configuration has one; then each is judged once, in whichever order
            self._place = {name: number for number, name in enumerate(related)}

    def judge(self, names: Iterable[str], says_otherwise: Callable[[str], bool]) -> None:
        """Judge these, and whoever goes by one that ``says_otherwise``; each once, the ones below first."""
        waiting = [(self._place.get(name, -1), name) for name in dict.fromkeys(names)]
        heapq.heapify(waiting)
        seen = {name for _, name in waiting}
        while waiting:
            name = heapq.heappop(waiting)[1]
            if says_otherwise(name):
                for user in self._of(name):
                    if user not in seen:
                        seen.add(user)
                        heapq.heappush(waiting, (self._place[user], user))

    def _of(self, name: str) -> Iterator[str]:
        yield from self._users.get(name, ())
