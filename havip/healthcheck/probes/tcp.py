"""TCP: a server is there if it takes the connection; and if it answers as expected, where that is asked."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from functools import cache
from struct import Struct
from typing import Final

from havip.config.probes import Expected, Tcp
from havip.healthcheck import agent, dial
from havip.healthcheck.attempt import Attempt
from havip.healthcheck.conversation import Conversation
from havip.healthcheck.expressions import LONGEST_SEARCH, OutOfTime, search
from havip.healthcheck.outcome import Failed, Failure, Outcome
from havip.healthcheck.stream import open_stream
from havip.healthcheck.words import said

#: close with a reset: nothing was said, so nothing waits to be acknowledged, and no TIME_WAIT stays behind
ABORT: Final = Struct("ii").pack(1, 0)
TAKEN: Final = Outcome(words="took the connection")
MOST: Final = 16384  # bytes of an answer that are looked at


@cache
def compiled(regex: str) -> re.Pattern[str]:
    """Return an expression over bytes as one over characters of the same numbers."""
    return re.compile(regex.encode().decode("latin-1"), re.ASCII)


async def probe(attempt: Attempt) -> Outcome:
    """Connect; send, and read until the answer is right or cannot become right any more."""
    settings = attempt.check.tcp
    if settings is None or not settings.talks:
        sock = dial.open_socket(attempt, socket.SOCK_STREAM)
        try:
            await dial.connect(sock, attempt)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        finally:
            sock.close()
        return TAKEN
    with await open_stream(attempt, settings.tls) as stream:
        return replace(await converse(Conversation(stream, attempt), settings), warning=stream.warning)


async def converse(talk: Conversation, settings: Tcp) -> Outcome:
    """Send and judge the answer."""
    attempt = talk.attempt
    if settings.send:
        attempt.stage = "sending"
        await talk.send(settings.send)
        if attempt.note is not None:
            attempt.note(f"sent {said(settings.send)}")
    if settings.agent:
        line = await talk.line(agent.LONGEST_LINE, "the agent's line")
        if attempt.note is not None:
            attempt.note(f"the agent says {said(line)}")
        return agent.judge(line)
    if settings.expect is None:
        return Outcome(words=f"took the connection{' and what was sent' if settings.send else ''}")
    await expect(talk, settings.expect)
    return Outcome(words="answered as expected")


async def expect(talk: Conversation, wanted: Expected) -> None:
    """Read until the answer is as expected.  Raises `Failed` as soon as it cannot be any more."""
    attempt = talk.attempt
    attempt.stage = "waiting for the answer"
    while True:
        wrong = cannot_become(talk.buffer, wanted)
        if wrong:
            raise Failed(Failure.CONTENT, f"answered {said(bytes(talk.buffer))}, {wrong}")
        missing = lacks(talk.buffer, wanted)
        if not missing:
            if attempt.note is not None:
                attempt.note(f"answered {said(bytes(talk.buffer))}")
            return
        seen = len(talk.buffer)
        attempt.stage = f"waiting for {missing}" + (f", after {said(bytes(talk.buffer))}," if seen else "")
        if await talk.more(MOST):
            continue
        if not talk.ended:
            raise Failed(Failure.TOO_LONG, f"answered more than {MOST} bytes without {missing}")
        if not seen:
            raise Failed(Failure.CLOSED, "closed the connection without an answer")
        raise Failed(Failure.CONTENT, f"answered {said(bytes(talk.buffer))} without {missing}")


def lacks(data: bytearray, wanted: Expected) -> str:
    """Return what is missing in an answer; empty: nothing."""
    whole = wanted.exact or wanted.begins or b""
    if not data.startswith(whole):
        return said(whole)
    if wanted.contains and wanted.contains not in data:
        return said(wanted.contains)
    if wanted.regex and not fits(wanted.regex, data):
        return f"anything that fits {wanted.regex!r}"
    return ""


def fits(regex: str, data: bytearray) -> bool:
    """Say whether an expression fits somewhere.  Raises `Failed` if that takes too long to find out."""
    try:
        return search(compiled(regex), data.decode("latin-1")) is not None
    except OutOfTime:
        words = f"searching for {regex!r} took more than {LONGEST_SEARCH * 1000:g} ms of processor time"
        raise Failed(Failure.TOO_LONG, words) from None


def cannot_become(data: bytearray, wanted: Expected) -> str:
    """Say what is wrong with an answer whatever follows; empty: nothing yet."""
    for whole in (wanted.exact, wanted.begins):
        if whole and not whole.startswith(data[: len(whole)]):
            return f"expected {said(whole)}"
    if wanted.exact and len(data) > len(wanted.exact):
        return f"expected {said(wanted.exact)} and no more"
    return ""
