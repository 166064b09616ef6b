"""What the service manager hears of the daemon: when it is ready, and one line of how its routers are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from havip.clock import Instant
from havip.messages import RouterReport
from havip.systemd import Notifier

TELL_WITHIN: Final = 0.1  # seconds in which changes of state become one line


class Managed:
    """Speaks through ``systemd``; ``reports`` returns that of every router, ``more`` what is added."""

    def __init__(
        self,
        systemd: Notifier,
        reports: Callable[[], Iterable[RouterReport]],
        more: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.ready = False  # the start is complete
        self._systemd = systemd
        self._reports = reports
        self._more = more
        self._told = ""
        self._telling = False

    def watchdog(self) -> None:
        """Say that the daemon is alive."""
        self._systemd.watchdog()

    def stopping(self) -> None:
        """Say that an orderly end has begun."""
        self._systemd.stopping("resigning")

    def lingering(self, seconds: float) -> None:
        """Say that the end may take so long from now."""
        self._systemd.send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}")

    def reloading(self, now: Instant) -> None:
        """Say that a reload began, unless the service manager still waits for the start."""
        if self.ready:
            self._systemd.reloading(now)

    def complete(self) -> None:
        """Say that the start, or a reload, is complete."""
        self.ready = True
        self._systemd.ready(self.summary())

    def changed(self) -> None:
        """Have the line follow soon: a thousand routers may change their state at once."""
        if self.ready and not self._telling:
            self._telling = True
            asyncio.get_running_loop().call_later(TELL_WITHIN, self._tell)

    def _tell(self) -> None:
        self._telling = False
        summary = self.summary()
        if summary != self._told:
            self._told = summary
            self._systemd.status(summary)

    def summary(self) -> str:
        """Return the line that `systemctl status` shows."""
        states = [report.state for report in self._reports()]
        shown = [state for state in ("MASTER", "BACKUP", "FAULT") if state in states]
        counts = ", ".join(f"{states.count(state)} {state}" for state in shown)
        more = [words for words in self._more() if words]
        if more and not states:
            return "; ".join(more)
        return "; ".join([f"{len(states)} virtual routers: {counts or 'none in a state'}", *more])
