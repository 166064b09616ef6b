"""What probes of small protocols read with: so many bytes, or a line, and never more than a bound."""

from __future__ import annotations

from havip.healthcheck.attempt import Attempt
from havip.healthcheck.outcome import Failed, Failure
from havip.healthcheck.stream import Stream


class Conversation:
    """A stream and what has come and was not taken yet."""

    __slots__ = ("attempt", "buffer", "ended", "stream")

    def __init__(self, stream: Stream, attempt: Attempt) -> None:
        self.stream = stream
        self.attempt = attempt
        self.buffer = bytearray()
        self.ended = False  # the other side has said all

    async def send(self, data: bytes) -> None:
        """Send all of it.  Raises `Failed`."""
        await self.stream.send(data)

    async def more(self, most: int) -> bool:
        """Add what comes next to the buffer, of at most ``most`` bytes; say whether anything came."""
        if self.ended or len(self.buffer) >= most:
            return False
        data = await self.stream.receive(most - len(self.buffer))
        self.ended = not data
        self.buffer += data
        return bool(data)

    async def exactly(self, size: int, what: str) -> bytes:
        """Return the next ``size`` bytes.  Raises `Failed` if the connection ends before."""
        self.attempt.stage = f"waiting for {what}"
        while len(self.buffer) < size:
            if not await self.more(size):
                raise Failed(Failure.CLOSED, f"closed the connection before {what} was there")
        return self.take(size)

    async def line(self, most: int, what: str) -> bytes:
        """Return the next line without its end, a lone LF being one too.  Raises `Failed`."""
        self.attempt.stage = f"waiting for {what}"
        sought = 0
        while (end := self.buffer.find(b"\n", sought)) < 0:
            sought = len(self.buffer)
            if sought >= most:
                raise Failed(Failure.TOO_LONG, f"{what} is longer than {most} bytes")
            if not await self.more(most):
                raise Failed(Failure.CLOSED, f"closed the connection before {what} was there")
        return self.take(end + 1).rstrip(b"\r\n")

    async def until_closed(self, most: int) -> None:
        """Wait until the other side closes, so that it sees an orderly end; or for ``most`` bytes more."""
        self.attempt.stage = "waiting for the end of the connection"
        self.buffer.clear()
        while await self.more(most):
            pass

    def take(self, size: int) -> bytes:
        """Take so many bytes, or what is there, out of the buffer."""
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data
