"""What systemd is told about the daemon (sd_notify) and what it expects in return (the watchdog).

Standard library only.  The protocol is one datagram of KEY=VALUE lines, a stable interface of systemd; a
binding of libsystemd would be one more thing to build and saves nothing, so this is the only path.  Outside
systemd every call does nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

from havip.clock import Duration, Instant

#: systemd reads at once; this only bounds the harm of one that has stopped
SEND_TIMEOUT = 1.0  # seconds


class Notifier:
    """Speaks to the service manager that started this process, if one did.

    Takes NOTIFY_SOCKET out of ``environment``, so that scripts and workers cannot speak in our name.
    """

    def __init__(self, environment: MutableMapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        address = environment.pop("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        if address.startswith(("/", "@")):
            self._address = "\0" + address[1:] if address.startswith("@") else address
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(SEND_TIMEOUT)

    def ready(self, status: str = "") -> bool:
        """Say that start-up, or the reload announced by `reloading`, is complete."""
        return self.send("READY=1", *status_line(status))

    def reloading(self, now: Instant, status: str = "") -> bool:
        """Say that a reload began at ``now``; `ready` must follow whether it succeeds or not."""
        return self.send("RELOADING=1", f"MONOTONIC_USEC={now // 1000}", *status_line(status))

    def stopping(self, status: str = "") -> bool:
        """Say that an orderly end has begun."""
        return self.send("STOPPING=1", *status_line(status))

    def status(self, text: str) -> bool:
        """Set the line that `systemctl status` shows."""
        return self.send(*status_line(text))

    def watchdog(self) -> bool:
        """Say that the daemon is alive; due at least every `watchdog_interval`."""
        return self.send("WATCHDOG=1")

    def send(self, *lines: str) -> bool:
        """Send one message.  False: no service manager, or it does not listen; nothing is raised."""
        if self._socket is None or not lines:
            return False
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False  # nothing that a daemon could do about it, and no reason to stop forwarding
        return True

    def close(self) -> None:
        """Close the socket; later calls do nothing."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def status_line(text: str) -> tuple[str, ...]:
    """Return ``text`` as a STATUS line: one line, whatever it holds; nothing for an empty text."""
    return (f"STATUS={' '.join(text.split())}",) if text else ()


def watchdog_interval(
    environment: MutableMapping[str, str] | None = None, pid: int | None = None
) -> Duration | None:
    """Return within which time systemd wants a `Notifier.watchdog`; None: it does not watch us.

    Feed it at half that.  Takes WATCHDOG_USEC and WATCHDOG_PID out of ``environment``.
    """
    environment = os.environ if environment is None else environment
    microseconds = environment.pop("WATCHDOG_USEC", "")
    meant_for = environment.pop("WATCHDOG_PID", "")
    if not (microseconds.isascii() and microseconds.isdigit()) or int(microseconds) == 0:
        return None
    if meant_for and meant_for != str(os.getpid() if pid is None else pid):
        return None
    return Duration(int(microseconds) * 1000)
