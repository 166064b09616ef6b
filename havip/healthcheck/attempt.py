"""One run of a probe: where it goes, and how it waits.  Probes are written against this and nothing else.

A probe is a coroutine.  It tries what it wants to do, and only if that would block it awaits `readable` or
`writable`; a wake-up is a hint, never a promise.  It neither looks at a clock nor sets a timeout: whoever
runs it ends it with `TimedOut` where it waits, and ``stage`` then says what it was about.
"""

from __future__ import annotations

import select
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, TypeAlias

from havip.config.health import Check
from havip.healthcheck.outcome import Outcome

READ: Final = select.EPOLLIN | select.EPOLLRDHUP
WRITE: Final = select.EPOLLOUT

Wait: TypeAlias = tuple[int, int]  # descriptor, events


class TimedOut(Exception):
    """The run has had its time."""


class Attempt:
    """What a probe is told.  ``note`` takes a line for whoever watches: a step done, and what came of it."""

    __slots__ = ("address", "check", "note", "port", "stage")

    def __init__(
        self, check: Check, address: str, port: int, note: Callable[[str], None] | None = None
    ) -> None:
        self.check = check
        self.address = address  # numeric; empty for a probe that goes nowhere
        self.port = port
        self.stage = "connecting"
        self.note = note  # None: nobody watches

    @property
    def peer(self) -> str:
        """Return where it goes, in words: ``192.0.2.10:80``, ``[2001:db8::1]:80``; empty: nowhere yet."""
        if not self.address:
            return ""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}" if self.port else host


Probe: TypeAlias = Callable[[Attempt], Coroutine[Any, Any, Outcome]]


@types.coroutine
def readable(descriptor: int) -> Generator[Wait, None, None]:
    """Wait until something may be read, or the connection has ended."""
    yield descriptor, READ


@types.coroutine
def writable(descriptor: int) -> Generator[Wait, None, None]:
    """Wait until something may be written, or the connection has failed."""
    yield descriptor, WRITE
