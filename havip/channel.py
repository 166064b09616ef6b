"""The non-blocking pair that carries `messages` between the supervisor and a worker.

Neither end ever waits for the other: what does not fit into the socket stays here, where a newer value
replaces an older one of the same key and log lines are the first to be dropped.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from collections.abc import Hashable
from struct import Struct
from typing import Final

from havip import messages
from havip.healthreport import CheckReport
from havip.messages import Alive, LogLine, Message, RouterReport, TrackResult
from havip.plain import Unfit

LENGTH: Final = Struct("!I")
LARGEST: Final = 1 << 20  # bytes of one message; a longer one is a fault of the other end
READ_SIZE: Final = 1 << 16
LOG_BACKLOG: Final = 256  # messages waiting before log lines are dropped


def pair() -> tuple[Channel, socket.socket]:
    """Return our end, and the bare socket to hand to a child process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return Channel(ours), theirs


class Channel:
    """One end.  ``closed`` turns true when the other end is gone; nothing here raises for that."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._inbox = bytearray()
        self._parsed = 0  # bytes of the inbox that were handed out
        self._backlog: OrderedDict[Hashable, bytes] = OrderedDict()
        self._partial = b""  # rest of a frame that is half sent
        self._serial = 0
        self.closed = False
        self.dropped = 0  # log lines lost because the other end was slow

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    @property
    def wants_write(self) -> bool:
        """Say whether something waits until the socket can be written."""
        return bool(self._partial or self._backlog)

    @property
    def has_input(self) -> bool:
        """Say whether a whole message waits that `receive` left behind because of its limit."""
        waiting = len(self._inbox) - self._parsed
        return (
            waiting >= LENGTH.size
            and waiting >= LENGTH.size + LENGTH.unpack_from(self._inbox, self._parsed)[0]
        )

    def post(self, message: Message) -> None:
        """Send a message now or, if the other end is slow, as soon as it takes it."""
        if self.closed:
            return
        if isinstance(message, LogLine) and len(self._backlog) >= LOG_BACKLOG:
            self.dropped += 1
            return
        key: Hashable
        if isinstance(message, RouterReport | TrackResult | CheckReport):
            key = message.key
        elif isinstance(message, Alive):
            key = Alive  # an end that sleeps for a day needs to hear of one sign of life
        else:
            self._serial += 1
            key = self._serial
        self._backlog.pop(key, None)  # a newer value takes the later place in the queue
        body = messages.encode(message)
        self._backlog[key] = LENGTH.pack(len(body)) + body
        self.flush()

    def flush(self) -> None:
        """Send as much of what waits as the socket takes."""
        while self._partial or self._backlog:
            if not self._partial:
                _, self._partial = self._backlog.popitem(last=False)
            try:
                sent = self._socket.send(self._partial, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except OSError:
                self._lost()
                return
            self._partial = self._partial[sent:]

    def receive(self, limit: int = 64) -> list[Message]:
        """Return up to ``limit`` messages that have arrived.  Raises `Unfit` for one that is not ours."""
        if not self.has_input:
            self._read()
        received: list[Message] = []
        while len(received) < limit:
            available = len(self._inbox) - self._parsed
            if available < LENGTH.size:
                break
            (size,) = LENGTH.unpack_from(self._inbox, self._parsed)
            if size > LARGEST:
                raise Unfit(f"a message of {size} bytes")
            if available < LENGTH.size + size:
                break
            start = self._parsed + LENGTH.size
            received.append(messages.decode(bytes(self._inbox[start : start + size])))
            self._parsed = start + size
        if self._parsed == len(self._inbox) or self._parsed > READ_SIZE:
            del self._inbox[: self._parsed]
            self._parsed = 0
        return received

    def end_input(self) -> None:
        """Let the end of the file follow upon what has arrived so far, whoever else holds the other end."""
        self._socket.shutdown(socket.SHUT_RD)

    def give_up(self) -> None:
        """Hear and say nothing more: what arrived makes no sense."""
        self._lost()
        self._inbox.clear()
        self._parsed = 0

    def close(self) -> None:
        """Close our end; the other one sees the end of the file."""
        self._socket.close()
        self.closed = True

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._inbox += data
        else:
            self._lost()

    def _lost(self) -> None:
        self.closed = True
        self._backlog.clear()
        self._partial = b""
