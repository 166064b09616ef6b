"""SMTP: a mail server is good if it greets, takes EHLO (or HELO), and encrypts where that is asked for."""

from __future__ import annotations

import re
import socket
from functools import cache
from typing import Final, NoReturn

from havip.config.probes import Smtp
from havip.config.tls import Tls
from havip.healthcheck.attempt import Attempt
from havip.healthcheck.http1 import shown
from havip.healthcheck.outcome import Failed, Failure, Outcome
from havip.healthcheck.stream import Stream, open_stream

LONGEST_LINE: Final = 2000  # bytes; RFC 5321 section 4.5.3.1.5 has 512
MOST_LINES: Final = 100  # of one reply
REPLY: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
TLS: Final = Tls()


async def probe(attempt: Attempt) -> Outcome:
    """Be greeted, say EHLO, encrypt if it is asked for, and go."""
    smtp = attempt.check.smtp
    assert smtp is not None
    with await open_stream(attempt, None if smtp.starttls else smtp.tls) as stream:
        attempt.stage = "waiting for the greeting"
        await expect(stream, attempt, "the greeting")
        await greet(stream, attempt, smtp)
        if smtp.starttls:
            await command(stream, attempt, "STARTTLS")
            await stream.start_tls(smtp.tls or TLS)
            await greet(stream, attempt, smtp)
        await command(stream, attempt, "QUIT")
        return Outcome(words="the mail server is ready", warning=stream.warning)


async def greet(stream: Stream, attempt: Attempt, smtp: Smtp) -> None:
    """Say who we are; to a server that does not know EHLO, in the old way."""
    name = smtp.helo or our_name()
    code, words = await say(stream, attempt, f"EHLO {name}")
    if code // 100 == 5:  # RFC 5321 section 3.2
        await command(stream, attempt, f"HELO {name}")
    elif code // 100 != 2:
        refuse("EHLO", code, words)


async def command(stream: Stream, attempt: Attempt, line: str) -> None:
    """Say something that is answered with a code 2xx.  Raises `Failed`."""
    code, words = await say(stream, attempt, line)
    if code // 100 != 2:
        refuse(line.partition(" ")[0], code, words)


async def say(stream: Stream, attempt: Attempt, line: str) -> tuple[int, bytes]:
    """Say something and return the reply."""
    verb = line.partition(" ")[0]
    attempt.stage = f"waiting for the reply to {verb}"
    await stream.send(f"{line}\r\n".encode())
    return await reply(stream, attempt, f"the reply to {verb}")


async def expect(stream: Stream, attempt: Attempt, what: str) -> None:
    """Read a reply with a code 2xx.  Raises `Failed`."""
    code, words = await reply(stream, attempt, what)
    if code // 100 != 2:
        refuse(what, code, words)


async def reply(stream: Stream, attempt: Attempt, what: str) -> tuple[int, bytes]:
    """Return the code and the last line of a reply (RFC 5321 section 4.2).  Raises `Failed`."""
    first = b""
    for _ in range(MOST_LINES):
        line = await stream.line(LONGEST_LINE)
        match = REPLY.fullmatch(line)
        if match is None or (first and match[1] != first):
            raise Failed(Failure.MALFORMED, f"{what} is no reply of SMTP, but {shown(line)}")
        first = match[1]
        if match[2] != b"-":
            if attempt.note is not None:
                attempt.note(f"{what}: {shown(line)}")
            return int(first), match[3] or b""
    raise Failed(Failure.TOO_LONG, f"{what} has more than {MOST_LINES} lines")


def refuse(what: str, code: int, words: bytes) -> NoReturn:
    """Raise `Failed` for a code."""
    verb = what if what.startswith("the ") else f"the reply to {what}"
    raise Failed(Failure.STATUS, f"SMTP {code} {shown(words)}, expected 200-299 as {verb}")


@cache
def our_name() -> str:
    """Return what this host calls itself."""
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()) or "localhost"
