"""Opens sockets for probes: from the source, through the interface and with the mark that the check names."""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

from havip.healthcheck.attempt import Attempt, writable
from havip.healthcheck.outcome import Failed, Failure

UNDER_WAY: Final = (errno.EINPROGRESS, errno.EALREADY)
SO_BINDTODEVICE: Final = socket.SO_BINDTODEVICE


def open_socket(attempt: Attempt, kind: int, protocol: int = 0) -> socket.socket:
    """Return a socket that does not block, bound as the check says.  Raises `Failed`."""
    family = socket.AF_INET6 if ":" in attempt.address else socket.AF_INET
    check = attempt.check
    try:
        sock = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
    except OSError as error:
        raise Failed(Failure.LOCAL, f"no socket: {os.strerror(error.errno or 0).lower()}") from None
    try:
        if check.interface:
            sock.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, check.interface.encode())
        if check.fwmark:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, check.fwmark)
        if check.source is not None or check.source_port:
            anywhere = "::" if family == socket.AF_INET6 else "0.0.0.0"
            if check.source_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((anywhere if check.source is None else str(check.source), check.source_port))
    except OSError as error:
        sock.close()
        what = f"interface {check.interface}" if check.interface else f"source {check.source}"
        why = os.strerror(error.errno or 0).lower()
        raise Failed(Failure.LOCAL, f"cannot be sent from {what}: {why}") from None
    return sock


async def connect(sock: socket.socket, attempt: Attempt) -> None:
    """Connect over TCP.  Raises OSError, or `Failed` if that is not possible from here."""
    attempt.stage = "connecting"
    there = (attempt.address, attempt.port)
    error = sock.connect_ex(there)
    while error in UNDER_WAY:
        await writable(sock.fileno())
        error = sock.connect_ex(there)  # says how it ended; SO_ERROR would call one under way good
    if error:
        raise OSError(error, os.strerror(error))
    if attempt.note is not None:
        attempt.note(f"connected to {attempt.peer}")
