"""What waits to be told, and what may be told next.  Pure: whoever tells it asks `take` and reports `done`.

Items of one subject come one after the other, in order; those of different subjects side by side, up to a
limit.  The backlog of a subject is bounded: what a later state supersedes goes first, the newest state never.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
Subject: TypeAlias = tuple[str, str]


class Backlog(Generic[T]):
    """Queues by subject.  ``is_state`` says of an item whether it tells a state or a passing event."""

    def __init__(self, most_waiting: int, most_running: int, is_state: Callable[[T], bool]) -> None:
        self._most_waiting = most_waiting  # of one subject, at least 1
        self._most_running = most_running  # of all
        self._is_state = is_state
        self._waiting: dict[Subject, deque[T]] = {}
        self._ready: deque[Subject] = deque()  # subjects that wait and do not run, in order of arrival
        self._running: set[Subject] = set()
        self.queued = 0

    @property
    def running(self) -> int:
        """Return how many items are being told."""
        return len(self._running)

    def put(self, subject: Subject, item: T) -> T | None:
        """Let an item wait; return what had to go to make room, perhaps the item itself."""
        waiting = self._waiting.get(subject)
        if waiting is None:
            waiting = self._waiting[subject] = deque()
        if not waiting and subject not in self._running:
            self._ready.append(subject)
        waiting.append(item)
        self.queued += 1
        if len(waiting) <= self._most_waiting:
            return None
        index = superseded([self._is_state(one) for one in waiting])
        dropped = waiting[index]
        del waiting[index]
        self.queued -= 1
        return dropped

    def take(self) -> tuple[Subject, T] | None:
        """Return the next item that may be told now; its subject runs until `done`.  None: there is none."""
        if not self._ready or len(self._running) >= self._most_running:
            return None
        subject = self._ready.popleft()
        self._running.add(subject)
        self.queued -= 1
        return subject, self._waiting[subject].popleft()

    def done(self, subject: Subject) -> None:
        """Take note that the subject's item has been told."""
        self._running.discard(subject)
        if self._waiting[subject]:
            self._ready.append(subject)
        else:
            del self._waiting[subject]

    def clear(self) -> list[T]:
        """Forget all that waits, and return it."""
        left = [item for waiting in self._waiting.values() for item in waiting]
        self._waiting = {subject: deque() for subject in self._running}
        self._ready.clear()
        self.queued = 0
        return left


def superseded(states: Sequence[bool]) -> int:
    """Return the index of the item that can best be missed, of items that are states (True) or events.

    The first that a later state makes old news; without one, the first event after the newest state, since
    that state must be told.  A lone state is missed only if nothing else is there.
    """
    newest = max((index for index, is_state in enumerate(states) if is_state), default=len(states))
    if newest == 0:
        return 1 if len(states) > 1 else 0
    return 0
