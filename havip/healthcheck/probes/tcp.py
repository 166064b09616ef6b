"""TCP: a server is there if it takes the connection."""

from __future__ import annotations

import socket
from struct import Struct
from typing import Final

from havip.healthcheck import dial
from havip.healthcheck.attempt import Attempt
from havip.healthcheck.outcome import Outcome

#: close with a reset: nothing was said, so nothing waits to be acknowledged, and no TIME_WAIT stays behind
ABORT: Final = Struct("ii").pack(1, 0)


async def probe(attempt: Attempt) -> Outcome:
    """Connect, and no more."""
    with dial.open_socket(attempt, socket.SOCK_STREAM) as sock:
        await dial.connect(sock, attempt)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        return Outcome(words="took the connection")
