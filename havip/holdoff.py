"""Until when virtual routers hold back after a start.  Pure."""

from __future__ import annotations

from havip.clock import Duration, spell
from havip.config.model import Daemon


def hold(daemon: Daemon, uptime: Duration) -> tuple[Duration, str]:
    """Return for how long from now, the daemon's start, nobody takes part, and why in words.

    The delay after a boot counts from the host's start, so it is over when the daemon is only restarted.
    """
    startup = daemon.startup_delay, f"startup_delay of {spell(daemon.startup_delay)}"
    boot = daemon.delay_after_boot - uptime, f"delay_after_boot of {spell(daemon.delay_after_boot)}"
    length, why = max(startup, boot)
    return Duration(max(0, length)), why if length > 0 else ""
