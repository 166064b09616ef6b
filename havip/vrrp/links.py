"""Interfaces as they count: down only once they have been down for long enough, and up likewise.

Without delays an interface counts as what it is, and nothing is kept about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from havip.clock import NEVER, Instant
from havip.config.tracking import InterfaceDelays
from havip.damping import Damped
from havip.vrrp.interface import despite_link
from havip.vrrp.kernel import InterfaceView, Kernel


class Links:
    """Every interface that somebody looks at, through its delays."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._delays: dict[str, InterfaceDelays] = {}
        self._damped: dict[str, Damped] = {}
        self.next_deadline = NEVER  #: when `due` has something to say

    def delay(self, delays: Iterable[InterfaceDelays]) -> frozenset[str]:
        """Go by these delays; return the interfaces whose delay is another one.

        What counts as up or down goes on doing so; a turn that is under way comes no later than before.
        """
        before, self._delays = self._delays, {one.name: one for one in delays}
        self._damped = {name: one for name, one in self._damped.items() if name in self._delays}
        self._set_deadline()
        either = before.keys() | self._delays.keys()
        return frozenset(name for name in either if before.get(name) != self._delays.get(name))

    def shown(self, view: InterfaceView, interface: str, now: Instant) -> InterfaceView:
        """Return the view of an interface as its routers shall see it."""
        if interface not in self._delays or not self._is_there(interface):
            return view
        counts_as_up = self._saw(interface, view.link is None, now)
        if counts_as_up is (view.link is None):
            return view
        if counts_as_up:
            return despite_link(view)
        words = f"interface {interface} has not been up for long enough"
        return replace(view, fault=words, link=words)

    def fault(self, interface: str, now: Instant) -> str | None:
        """Return in words why an interface does not count as up; None: it does."""
        fault = self._kernel.link_fault(interface)
        if interface not in self._delays or not self._is_there(interface):
            return fault
        if self._saw(interface, fault is None, now):
            return None
        return fault or f"interface {interface} has not been up for long enough"

    def due(self, now: Instant) -> frozenset[str]:
        """Return the interfaces that count as something else from now on."""
        due = frozenset(name for name, one in self._damped.items() if one.turns_at <= now)
        self._damped |= {name: self._damped[name].at(now) for name in due}
        self._set_deadline()
        return due

    def _is_there(self, interface: str) -> bool:
        """Say whether an interface exists: one that does not is told at once, and begins anew."""
        if self._kernel.has_link(interface):
            return True
        self._damped.pop(interface, None)
        self._set_deadline()
        return False

    def _saw(self, interface: str, up: bool, now: Instant) -> bool:
        delays = self._delays[interface]
        damped = self._damped.get(interface) or Damped(up)
        self._damped[interface] = damped = damped.saw(up, delays.up_delay, delays.down_delay, now)
        self._set_deadline()
        return damped.shown

    def _set_deadline(self) -> None:
        self.next_deadline = min((one.turns_at for one in self._damped.values()), default=NEVER)
