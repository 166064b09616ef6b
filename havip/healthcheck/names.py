"""The addresses of hosts that are given by name: looked up beside the probes, and again and again.

A look-up may hang for as long as the resolver likes: it has a thread of its own, of which there are few, and
which the end of the process does not wait for.  Names whose look-up was slow wait for each other, not for
others.  A name that cannot be looked up keeps the addresses that it had.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from queue import SimpleQueue
from typing import Final, TypeAlias

from havip.clock import Duration, Instant, after, milliseconds, monotonic, seconds
from havip.healthcheck.attempt import readable

FRESH_FOR: Final = seconds(60)
AGAIN_AFTER: Final = seconds(5)  # when it failed
SLOW: Final = milliseconds(2000)
SWIFT_THREADS, SLOW_THREADS = 6, 2
BEFORE: Final = Instant(0)

Addresses: TypeAlias = tuple[str, ...]
#: blocks, and raises OSError
Resolve: TypeAlias = Callable[[str], Addresses]


def look_up(host: str) -> Addresses:
    """Ask the system's resolver; its order is that of RFC 6724.  Blocks.  Raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(info[4][0]) for info in found))


class Lane:
    """A few threads that do one thing after another; they end with the process, whatever they wait for."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._started = 0
        self._busy = 0  # work that is waiting or under way
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def put(self, work: Callable[[], None]) -> None:
        """Have something done by the next thread that is free."""
        self._busy += 1
        self._work.put(work)
        if self._started < min(self._busy, self._most):
            self._started += 1
            threading.Thread(target=self._run, name="look-up", daemon=True).start()

    def done(self) -> None:
        """Count one thing as done."""
        self._busy -= 1

    def close(self) -> None:
        """Let every thread end that is free, and the others when they are."""
        for _ in range(self._started):
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


@dataclass(slots=True)
class Entry:
    """What is known of one name."""

    addresses: Addresses = ()
    why_none: str = ""
    trouble: str = ""  # why the last look-up failed; empty: it did not
    stale_at: Instant = BEFORE
    under_way: bool = False
    slow: bool = False
    bells: list[int] = field(default_factory=list)  # of those who wait for the first look-up


class Names:
    """Names and their addresses."""

    def __init__(self, resolve: Resolve = look_up) -> None:
        self._resolve = resolve
        self._entries: dict[str, Entry] = {}
        self._swift, self._slow = Lane(SWIFT_THREADS), Lane(SLOW_THREADS)
        self._closed = False

    def close(self) -> None:
        """Look nothing up any more."""
        self._closed = True
        self._swift.close()
        self._slow.close()

    def addresses(self, host: str, version: int | None, now: Instant) -> Addresses:
        """Return the addresses of a name, of one IP version if that is given; none: see `why_none`."""
        entry = self._entries.get(host)
        if entry is None:
            entry = self._entries[host] = Entry()
        if now >= entry.stale_at and not entry.under_way:
            self._begin(host, entry)
        return tuple(one for one in entry.addresses if version in (None, ip_address(one).version))

    def is_coming(self, host: str) -> bool:
        """Say whether nothing is known of a name yet, because its first look-up has not ended."""
        entry = self._entries.get(host)
        return entry is not None and entry.under_way and not (entry.addresses or entry.why_none)

    async def coming(self, host: str) -> None:
        """Wait, as a probe waits, until the look-up that is under way has ended."""
        entry = self._entries[host]
        bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        entry.bells.append(bell)
        try:
            while entry.under_way:
                await readable(bell)
        finally:
            entry.bells.remove(bell)
            os.close(bell)

    def why_none(self, host: str) -> str:
        """Return why a name has no address, in words."""
        entry = self._entries[host]
        if entry.addresses or not entry.why_none:
            return f"the name {host} has no address of the family that is wanted"
        return entry.why_none

    def warning(self, host: str) -> str:
        """Return what somebody should know of the addresses of a name; empty: nothing."""
        entry = self._entries[host]
        if not (entry.trouble and entry.addresses):
            return ""
        return f"the name {host} cannot be resolved any more ({entry.trouble}): it keeps its addresses"

    def _begin(self, host: str, entry: Entry) -> None:
        loop = asyncio.get_running_loop()
        lane = self._slow if entry.slow else self._swift
        entry.under_way = True

        def work() -> None:
            begun = monotonic()
            try:
                found, trouble = self._resolve(host), ""
            except (OSError, UnicodeError) as error:  # UnicodeError: no name at all
                found, trouble = (), getattr(error, "strerror", None) or str(error)
            took = Duration(monotonic() - begun)
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(ended, found, trouble, took)

        def ended(found: Addresses, trouble: str, took: Duration) -> None:
            lane.done()
            if not self._closed:
                self._end(host, entry, found, trouble, took)

        lane.put(work)

    def _end(self, host: str, entry: Entry, found: Addresses, trouble: str, took: Duration) -> None:
        """Take what a look-up found; what was known before keeps its place in the order."""
        entry.under_way, entry.slow, entry.trouble = False, took > SLOW, trouble
        if found:
            known = {address: place for place, address in enumerate(entry.addresses)}
            entry.addresses = tuple(sorted(found, key=lambda one: known.get(one, len(known))))
        elif not entry.addresses:
            entry.why_none = f"the name {host} cannot be resolved: {trouble or 'it has no addresses'}"
        entry.stale_at = after(monotonic(), FRESH_FOR if found else AGAIN_AFTER)
        for bell in entry.bells:
            os.eventfd_write(bell, 1)
