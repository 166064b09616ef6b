"""PostgreSQL: a server is there if it would begin a session, or turns us away because of who we are.

Asking for a password, or refusing the user or the database, takes a server that has started and reads its
files: that is good.  One that is starting, stopping, recovering or full says so in an error: that is not.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from struct import Struct
from typing import Final

from havip.config.probes import Postgresql
from havip.config.tls import Tls
from havip.healthcheck.attempt import Attempt, TimedOut
from havip.healthcheck.conversation import Conversation
from havip.healthcheck.outcome import Failed, Failure, Outcome
from havip.healthcheck.stream import Stream, open_stream
from havip.healthcheck.words import decoded, said

VERSION: Final = 3 << 16  # 3.0
HEAD: Final = Struct("!cI")  # type, length without the type
LONGEST_MESSAGE: Final = 16384  # bytes
AUTHENTICATION, ERROR, NEGOTIATE = b"R", b"E", b"v"
STATUS, KEY, NOTICE, READY = b"S", b"K", b"N", b"Z"  # after the log-in: parameters, the key to cancel, ...
MOST_MESSAGES: Final = 100  # before the session has begun
SSL_REQUEST: Final = bytes.fromhex("0000000804d2162f")  # length, 80877103
TERMINATE: Final = b"X\0\0\0\4"
ACCEPTED: Final = 0  # the authentication request that requests nothing
REQUESTS: Final = {3: "password", 5: "md5", 7: "GSSAPI", 9: "SSPI", 10: "SCRAM-SHA-256"}
#: classes of SQLSTATE that judge who asks, not the server: invalid authorization, no such database
ABOUT_US: Final = ("28", "3D")


async def probe(attempt: Attempt) -> Outcome:
    """Begin a session and read how that goes."""
    settings = attempt.check.postgresql or Postgresql()
    with await open_stream(attempt) as stream:
        if settings.tls is not None:
            await encrypt(stream, attempt, settings.tls)
        talk = Conversation(stream, attempt)
        await talk.send(startup(settings))
        if attempt.note is not None:
            attempt.note(f"asked for a session of {settings.user}")
        kind, body = await message(talk, (AUTHENTICATION, ERROR, NEGOTIATE))
        if kind == NEGOTIATE:  # it wants an older minor version: what follows counts
            kind, body = await message(talk, (AUTHENTICATION, ERROR))
        outcome = judge(kind, body)
        if kind == AUTHENTICATION and method_of(body) == ACCEPTED:
            outcome = await begin(talk)
        return replace(outcome, warning=stream.warning)


async def encrypt(stream: Stream, attempt: Attempt, tls: Tls) -> None:
    """Ask for TLS, and begin it.  Raises `Failed`, also for a server that has none."""
    attempt.stage = "asking for TLS"
    await stream.send(SSL_REQUEST)
    answer = await stream.exactly(1)
    if answer == b"N":
        raise Failed(Failure.TLS, "it has no TLS")
    if answer == ERROR:  # before TLS nobody can say whose words they are: not shown
        raise Failed(Failure.TLS, "it answers the request for TLS with an error")
    if answer != b"S":
        raise Failed(Failure.MALFORMED, f"answered {said(answer)} to the request for TLS")
    await stream.start_tls(tls)


def startup(settings: Postgresql) -> bytes:
    """Return the message that begins a session."""
    words = ["user", settings.user, "application_name", "havip"]
    if settings.database:
        words += ["database", settings.database]
    body = VERSION.to_bytes(4, "big") + b"".join(word.encode() + b"\0" for word in words) + b"\0"
    return (len(body) + 4).to_bytes(4, "big") + body


async def begin(talk: Conversation) -> Outcome:
    """Read on until the session has begun, which may fail yet; and leave.  Raises `Failed`."""
    for _ in range(MOST_MESSAGES):
        kind, body = await message(talk, (STATUS, KEY, NOTICE, READY, ERROR))
        if kind == ERROR:
            return judge(kind, body)
        if kind == READY:
            with contextlib.suppress(Failed, TimedOut):
                await talk.send(TERMINATE)
                await talk.until_closed(LONGEST_MESSAGE)
            return Outcome(words="began a session")
    raise Failed(Failure.TOO_LONG, f"more than {MOST_MESSAGES} messages before the session began")


async def message(talk: Conversation, wanted: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """Return the type and body of the next message.  Raises `Failed`."""
    what = "the answer to the startup message"
    kind, length = HEAD.unpack(await talk.exactly(HEAD.size, what))
    if kind not in wanted or length < 4:
        raise Failed(Failure.MALFORMED, f"a message that begins with {said(HEAD.pack(kind, length))}")
    if length > LONGEST_MESSAGE:
        raise Failed(Failure.TOO_LONG, f"a message of {length} bytes, more than {LONGEST_MESSAGE}")
    return kind, await talk.exactly(length - 4, what)


def judge(kind: bytes, body: bytes) -> Outcome:
    """Return what the first message means.  Raises `Failed`."""
    if kind == AUTHENTICATION:
        method = method_of(body)
        return Outcome(words=f"serves, and asks for a log-in ({REQUESTS.get(method, f'method {method}')})")
    fields = errors(body)
    code, text = fields.get("C", ""), fields.get("M", "an error without words")
    if code.startswith(ABOUT_US):
        return Outcome(words=f"serves, and turns us away: {text} ({code})")
    raise Failed(Failure.STATUS, f"{text} ({code or 'no SQLSTATE'})")


def method_of(body: bytes) -> int:
    """Return what an authentication request asks for.  Raises `Failed`."""
    if len(body) < 4:
        raise Failed(Failure.MALFORMED, "an authentication request that is cut off")
    return int.from_bytes(body[:4], "big")


def errors(body: bytes) -> dict[str, str]:
    """Return the fields of an error message by their letters."""
    fields = {}
    for part in body.split(b"\0"):
        if part:
            fields[chr(part[0])] = decoded(part[1:], 200)
    return fields
