"""The addresses of hosts that are given by name: looked up beside the probes, and again and again.

A name that cannot be looked up keeps the addresses that it had.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from havip.clock import Instant, after, monotonic, seconds

FRESH_FOR: Final = seconds(60)
BEFORE: Final = Instant(0)


@dataclass(slots=True)
class Entry:
    """What is known of one name."""

    addresses: tuple[str, ...] = ()
    why_none: str = "has not been looked up yet"
    stale_at: Instant = BEFORE
    task: asyncio.Task[None] | None = None


class Names:
    """Names and their addresses."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def close(self) -> None:
        """Look nothing up any more."""
        for entry in self._entries.values():
            if entry.task is not None:
                entry.task.cancel()

    def addresses(self, host: str, version: int | None, now: Instant) -> tuple[str, ...]:
        """Return the addresses of a host, of one IP version if that is given; none: see `why_none`."""
        try:
            ip_address(host)
        except ValueError:
            pass
        else:
            return (host,)
        entry = self._entries.setdefault(host, Entry())
        if now >= entry.stale_at and entry.task is None:
            entry.task = asyncio.get_running_loop().create_task(self._look_up(host, entry))
        return tuple(one for one in entry.addresses if version is None or ip_address(one).version == version)

    def why_none(self, host: str) -> str:
        """Return why a host has no address, in words."""
        entry = self._entries.get(host)
        return "" if entry is None else entry.why_none

    async def known(self, host: str) -> None:
        """Wait until a look-up that is under way has ended."""
        entry = self._entries.get(host)
        if entry is not None and entry.task is not None:
            await entry.task

    async def _look_up(self, host: str, entry: Entry) -> None:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
            entry.addresses = tuple(dict.fromkeys(str(info[4][0]) for info in found))
            entry.why_none = f"the name {host} has no address of the family that is wanted"
        except OSError as error:
            entry.why_none = f"the name {host} cannot be resolved: {error.strerror}"
        finally:
            entry.stale_at = after(monotonic(), FRESH_FOR)
            entry.task = None
