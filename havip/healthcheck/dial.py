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
IP_BIND_ADDRESS_NO_PORT: Final = 24  # linux/in.h


def open_socket(attempt: Attempt, kind: int, protocol: int = 0) -> socket.socket:
    """Return a socket that does not block, bound as the check says.  Raises `Failed`."""
    family = socket.AF_INET6 if ":" in attempt.address else socket.AF_INET
    check = attempt.check
    try:
        sock = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
    except OSError as error:
        raise Failed(Failure.LOCAL, f"no socket: {os.strerror(error.errno or 0).lower()}") from None
    step = ""
    try:
        if check.interface:
            step = f"through {check.interface}"
            sock.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, check.interface.encode())
        if check.fwmark:
            step = f"with the mark {check.fwmark}"
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, check.fwmark)
        if check.source is not None or check.source_port:
            here = str(check.source or ("::" if family == socket.AF_INET6 else "0.0.0.0"))
            step = f"from {here}"
            if check.source_port:
                step += f" and port {check.source_port}"
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            elif kind == socket.SOCK_STREAM:  # a port is chosen when the destination is known: more are free
                sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((here, check.source_port or 0))
    except OSError as error:
        sock.close()
        why = os.strerror(error.errno or 0).lower()
        raise Failed(Failure.LOCAL, f"nothing can be sent {step}: {why}") from None
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
