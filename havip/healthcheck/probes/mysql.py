"""MySQL and MariaDB: a server is there if it greets us, and would let somebody in or turns us away by name.

The log-in is brought to its end, and the session left with COM_QUIT: a server counts who hangs up in the
middle of it, and after `max_connect_errors` of them lets nobody in from that host any more.
"""

from __future__ import annotations

import contextlib
from struct import Struct
from typing import Final

from havip.config.probes import Mysql
from havip.healthcheck.attempt import Attempt, TimedOut
from havip.healthcheck.conversation import Conversation
from havip.healthcheck.outcome import Failed, Failure, Outcome
from havip.healthcheck.stream import open_stream
from havip.healthcheck.words import decoded, said

LONGEST_PACKET: Final = 16384  # bytes
OK, SWITCH, ERROR = 0x00, 0xFE, 0xFF
PROTOCOL: Final = 10
#: CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH
ABILITIES: Final = 0x200 | 0x8000 | 0x80000
LOGIN: Final = Struct("<IIB23x")  # abilities, longest packet, character set
UTF8: Final = 33
PLUGIN: Final = b"mysql_native_password\0"
QUIT: Final = b"\x01"
#: errors that judge who asks, not the server
ABOUT_US: Final = {
    1044,  # ER_DBACCESS_DENIED_ERROR
    1045,  # ER_ACCESS_DENIED_ERROR
    1130,  # ER_HOST_NOT_PRIVILEGED: in place of a greeting
    1251,  # ER_NOT_SUPPORTED_AUTH_MODE
    1698,  # ER_ACCESS_DENIED_NO_PASSWORD_ERROR
    1862,  # ER_MUST_CHANGE_PASSWORD_LOGIN
    3118,  # ER_ACCOUNT_HAS_BEEN_LOCKED of MySQL
    3159,  # ER_SECURE_TRANSPORT_REQUIRED
    4151,  # ER_ACCOUNT_HAS_BEEN_LOCKED of MariaDB
}


async def probe(attempt: Attempt) -> Outcome:
    """Read the greeting, log in without a password, and leave."""
    settings = attempt.check.mysql or Mysql()
    with await open_stream(attempt) as stream:
        talk = Conversation(stream, attempt)
        number, greeting = await packet(talk, "the greeting")
        if greeting[0] == ERROR:
            return Outcome(words=f"serves, and turns us away: {refused(greeting)}")
        version = greeted(greeting)
        if attempt.note is not None:
            attempt.note(f"greeted by version {version}")
        await talk.send(framed(number + 1, login(settings.user)))
        number, answer = await packet(talk, "the answer to the log-in")
        if answer[0] == SWITCH:  # another method: with nothing to prove, to its end
            await talk.send(framed(number + 1, b""))
            number, answer = await packet(talk, "the answer to the log-in")
        if answer[0] == ERROR:
            return Outcome(words=f"version {version} serves, and turns us away: {refused(answer)}")
        if answer[0] != OK:
            raise Failed(Failure.MALFORMED, f"answered {said(answer)} to the log-in")
        with contextlib.suppress(Failed, TimedOut):
            await talk.send(framed(0, QUIT))
            await talk.until_closed(LONGEST_PACKET)
        return Outcome(words=f"version {version} let us in")


async def packet(talk: Conversation, what: str) -> tuple[int, bytes]:
    """Return the number and the body of the next packet, which is not empty.  Raises `Failed`."""
    head = await talk.exactly(4, what)
    size, number = int.from_bytes(head[:3], "little"), head[3]
    if not size:
        raise Failed(Failure.MALFORMED, f"{what} is empty")
    if size > LONGEST_PACKET:
        raise Failed(Failure.TOO_LONG, f"{what} has {size} bytes, more than {LONGEST_PACKET}")
    return number, await talk.exactly(size, what)


def framed(number: int, body: bytes) -> bytes:
    """Return a packet."""
    return len(body).to_bytes(3, "little") + bytes((number & 0xFF,)) + body


def greeted(greeting: bytes) -> str:
    """Return the server's version.  Raises `Failed` for what is no greeting."""
    if greeting[0] != PROTOCOL:
        raise Failed(Failure.MALFORMED, f"no greeting of protocol {PROTOCOL}: {said(greeting)}")
    version, closed, _ = greeting[1:].partition(b"\0")
    if not closed:
        raise Failed(Failure.MALFORMED, "a greeting that is cut off")
    return decoded(version, 60)


def login(user: str) -> bytes:
    """Return the answer to a greeting: a user without a password."""
    return LOGIN.pack(ABILITIES, 1 << 24, UTF8) + user.encode() + b"\0" + b"\0" + PLUGIN


def refused(answer: bytes) -> str:
    """Return why we were turned away.  Raises `Failed` if that is not about us."""
    code, words = error_of(answer)
    if code not in ABOUT_US:
        raise Failed(Failure.STATUS, words)
    return words


def error_of(data: bytes) -> tuple[int, str]:
    """Return the number of an error, and its words with it."""
    code = int.from_bytes(data[1:3], "little")
    text = data[3:]
    if text.startswith(b"#"):  # the SQL state; not there before the log-in
        text = text[6:]
    return code, f"{decoded(text, 200)} (error {code})"
