"""UDP: a server is there if it answers as expected; or, where nothing is expected, if nobody says it is not.

Without an expectation silence is good: all that can be heard then is an ICMP error, so a run takes its whole
timeout, and a host that is gone altogether looks like one that is silent unless a router tells.
"""

from __future__ import annotations

from havip.clock import spell
from havip.config.probes import Udp
from havip.healthcheck import datagram
from havip.healthcheck.attempt import Attempt, TimedOut
from havip.healthcheck.outcome import Failed, Failure, Outcome
from havip.healthcheck.words import said


async def probe(attempt: Attempt) -> Outcome:
    """Send a datagram and judge what comes back."""
    settings = attempt.check.udp or Udp()
    with datagram.open_datagram(attempt) as sock:
        attempt.stage, payload = "sending", settings.send or b""
        await datagram.send(sock, payload)
        if attempt.note is not None:
            attempt.note(f"sent {len(payload)} bytes to {attempt.peer}")
        attempt.stage = "waiting for a reply"
        try:
            reply = await datagram.receive(sock)
        except TimedOut:
            if settings.wants_reply:
                raise
            return Outcome(words=f"no ICMP error came within {spell(attempt.check.timeout)}")
    if attempt.note is not None:
        attempt.note(f"{len(reply)} bytes came: {shown(reply)}")
    judge(reply, settings)
    return Outcome(words=f"replied with {len(reply)} bytes")


def judge(reply: bytes, settings: Udp) -> None:
    """Hold a reply against what is expected.  Raises `Failed`."""
    size = len(reply)
    if size > settings.max_length:
        raise Failed(Failure.TOO_LONG, f"replied with {size} bytes, expected at most {settings.max_length}")
    if size < settings.min_length:
        raise Failed(Failure.CONTENT, f"replied with {size} bytes, expected at least {settings.min_length}")
    if settings.expect is not None and not settings.expect.begins(reply):
        raise Failed(Failure.CONTENT, f"replied {shown(reply)}, expected {settings.expect}")


def shown(data: bytes) -> str:
    """Return a datagram for people: a text as text, the rest in digits."""
    if data.isascii() and all(32 <= byte < 127 or byte in b"\r\n\t" for byte in data):
        return said(data)
    return data[:32].hex() + ("..." if len(data) > 32 else "")
