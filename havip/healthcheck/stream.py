"""A connection over TCP, in clear or encrypted, as probes that converse want it.

    with await open_stream(attempt, tls) as stream:
        await stream.send(b"PING\\r\\n")
        answer = await stream.receive()

What breaks it is raised as `Failed`, with what the probe was about (`Attempt.stage`) in its words.
"""

from __future__ import annotations

import socket
from struct import Struct
from typing import Final, NoReturn

from havip.config.tls import Tls
from havip.healthcheck import dial
from havip.healthcheck.attempt import Attempt, readable, writable
from havip.healthcheck.outcome import Failed, Failure, of_error

PIECE: Final = 16384  # bytes read at once: one record of TLS
#: close with a reset: all that mattered has been heard, and no TIME_WAIT stays behind
ABORT: Final = Struct("ii").pack(1, 0)


class Stream:
    """One connection; `close` it, or leave its ``with``."""

    __slots__ = ("_ahead", "_attempt", "_encrypted", "_sock", "alpn", "warning")

    def __init__(self, attempt: Attempt, sock: socket.socket) -> None:
        self._attempt = attempt
        self._sock = sock
        self._encrypted = False
        self._ahead = b""  # has come and was not asked for yet
        self.alpn: str | None = None  # the protocol that the server chose, if it was asked
        self.warning = ""  # for `Outcome.warning`: its certificate ends soon

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        if not self._encrypted and self._sock.fileno() >= 0:  # a handshake that failed has taken it away
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        self._sock.close()

    async def send(self, data: bytes) -> None:
        """Send all of it.  Raises `Failed`."""
        sent = 0
        while True:
            try:
                sent += self._sock.send(data[sent:] if sent else data)
            except BlockingIOError:
                await writable(self._sock.fileno())
            except OSError as error:
                await self._overcome(error)
            if sent >= len(data):
                return

    async def receive(self, most: int = PIECE) -> bytes:
        """Return what has come; nothing: the server has ended the connection.  Raises `Failed`."""
        if self._ahead:
            data, self._ahead = self._ahead[:most], self._ahead[most:]
            return data
        while True:
            try:
                return self._sock.recv(most)
            except BlockingIOError:
                await readable(self._sock.fileno())
            except OSError as error:
                await self._overcome(error)

    async def exactly(self, count: int) -> bytes:
        """Return the next ``count`` bytes.  Raises `Failed` if the connection ends before."""
        pieces, missing = [], count
        while missing:
            piece = await self.receive(missing)
            if not piece:
                ended(self._attempt)
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    async def line(self, most: int) -> bytes:
        """Return the next line without its end, CR LF or LF.  Raises `Failed` past ``most`` bytes."""
        data = b""
        while (end := data.find(b"\n", 0, most + 2)) < 0:
            if len(data) > most + 1:
                raise Failed(Failure.TOO_LONG, f"a line of more than {most} bytes ({self._attempt.stage})")
            piece = await self.receive()
            if not piece:
                ended(self._attempt)
            data += piece
        self._ahead = data[end + 1 :] + self._ahead
        line = data[:end].removesuffix(b"\r")
        if len(line) > most:
            raise Failed(Failure.TOO_LONG, f"a line of more than {most} bytes ({self._attempt.stage})")
        return line

    async def start_tls(self, tls: Tls, name: str = "", alpn: tuple[str, ...] = ()) -> None:
        """Encrypt it from here on.

        The server is asked for ``name`` and must prove it, unless the configuration names another; without
        either it is the host of the check.  ``alpn`` is what is offered unless the configuration says so.
        Raises `Failed`.
        """
        from havip.healthcheck import tls as encryption  # takes a while, and megabytes

        if self._ahead:  # it would be taken for something that was said under protection
            raise Failed(Failure.MALFORMED, "something was said in clear behind the last word before TLS")
        name = tls.server_name or name or self._attempt.check.host
        self._encrypted = True  # also if that fails: the socket is no longer ours to reset
        secured = await encryption.shake_hands(self._sock, self._attempt, tls, name, alpn)
        self._sock = secured
        self.alpn = secured.selected_alpn_protocol()
        if tls.verify:
            self.warning = encryption.warning_of(secured, tls)

    async def _overcome(self, error: OSError) -> None:
        """Wait for what the encryption waits for, or give up.  Raises `Failed`."""
        if self._encrypted:
            from havip.healthcheck import tls as encryption

            if await encryption.overcome(self._sock.fileno(), self._attempt, error):
                return
        broken(self._attempt, error)


async def open_stream(
    attempt: Attempt, tls: Tls | None = None, name: str = "", alpn: tuple[str, ...] = ()
) -> Stream:
    """Connect, and encrypt at once if there is ``tls``.  Raises `Failed` and OSError."""
    sock = dial.open_socket(attempt, socket.SOCK_STREAM)
    try:
        await dial.connect(sock, attempt)
        stream = Stream(attempt, sock)
        if tls is not None:
            await stream.start_tls(tls, name, alpn)
    except BaseException:
        sock.close()
        raise
    return stream


def broken(attempt: Attempt, error: OSError) -> NoReturn:
    """Raise `Failed` for an error of the kernel's: what it was, and in the middle of what."""
    outcome = of_error(error)
    raise Failed(outcome.failure or Failure.LOCAL, f"{outcome.words} ({attempt.stage})") from None


def ended(attempt: Attempt) -> NoReturn:
    """Raise `Failed`: the server ended the connection in the middle of something."""
    raise Failed(Failure.CLOSED, f"the connection was closed ({attempt.stage})")
