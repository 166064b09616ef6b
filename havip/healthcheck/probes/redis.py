"""Redis and its like: a server is there if it answers PING, and is what it should be.

A server that is loading its data, wants a password, or has lost its master answers, but does not serve: that
is a failure, in its own words.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from havip.config.probes import Redis, RedisRole
from havip.healthcheck.attempt import Attempt
from havip.healthcheck.conversation import Conversation
from havip.healthcheck.outcome import Failed, Failure, Outcome
from havip.healthcheck.resp import LONGEST_LINE, LONGEST_TEXT, Malformed, command, size_of
from havip.healthcheck.stream import open_stream
from havip.healthcheck.words import decoded, said

ROLES: Final = {b"master": RedisRole.MASTER, b"slave": RedisRole.REPLICA, b"replica": RedisRole.REPLICA}
#: what the words at the beginning of an error mean, for those who have never met them
MEANINGS: Final = {
    "LOADING": "it is loading its data",
    "NOAUTH": "it wants a password",
    "WRONGPASS": "it refuses the user and password",
    "NOPERM": "the user may not do that",
    "MASTERDOWN": "it has lost its master",
    "BUSY": "a script keeps it busy",
    "MISCONF": "it cannot save its data",
}


async def probe(attempt: Attempt) -> Outcome:
    """Log in if there is a password, and ask."""
    settings = attempt.check.redis or Redis()
    with await open_stream(attempt, settings.tls) as stream:
        talk = Conversation(stream, attempt)
        if settings.password is not None:
            login = (b"AUTH", *((settings.user.encode(),) if settings.user else ()), settings.password.octets)
            await simple(talk, "AUTH", command(*login), b"OK")
        await simple(talk, "PING", command(b"PING"), b"PONG")
        if settings.role is None:
            return Outcome(words="answered PING", warning=stream.warning)
        return replace(await role(talk, settings.role), warning=stream.warning)


async def simple(talk: Conversation, name: str, data: bytes, wanted: bytes) -> None:
    """Give a command whose reply is one word.  Raises `Failed`."""
    await talk.send(data)
    reply = await first_line(talk, name)
    if reply != b"+" + wanted:
        raise Failed(Failure.MALFORMED, f"answered {said(reply)} to {name}")
    if talk.attempt.note is not None:
        talk.attempt.note(f"{name}: {said(wanted)}")


async def role(talk: Conversation, wanted: RedisRole) -> Outcome:
    """Ask what the server is; read no more of the answer than its first item.  Raises `Failed`."""
    await talk.send(command(b"ROLE"))
    try:
        kind = await first_of_array(talk)
    except Malformed as why:
        raise Failed(Failure.MALFORMED, f"the answer to ROLE is not Redis' protocol: {why}") from None
    found = str(ROLES.get(kind) or decoded(kind, 60))
    if talk.attempt.note is not None:
        talk.attempt.note(f"ROLE: {found}")
    if found != wanted:
        raise Failed(Failure.STATUS, f"it is {found}, expected {wanted}")
    return Outcome(words=f"answered PING and is {found}")


async def first_of_array(talk: Conversation) -> bytes:
    """Return the first item of an array.  Raises `Malformed`, `Failed`."""
    line = await first_line(talk, "ROLE")
    if not line.startswith(b"*") or size_of(line[1:], 1_000) < 1:
        raise Malformed(f"{said(line)} is no array")
    line = await talk.line(LONGEST_LINE, "the answer to ROLE")
    if not line.startswith(b"$"):
        raise Malformed(f"{said(line)} is no text")
    return await talk.exactly(max(size_of(line[1:], LONGEST_TEXT), 0), "the answer to ROLE")


async def first_line(talk: Conversation, name: str) -> bytes:
    """Return the first line of an answer.  Raises `Failed`, also for an error."""
    line = await talk.line(LONGEST_LINE, f"the answer to {name}")
    if line.startswith(b"-"):
        text = decoded(line[1:], 200)
        meaning = MEANINGS.get(text.partition(" ")[0])
        raise Failed(Failure.STATUS, f"{name}: {text}" + (f" ({meaning})" if meaning else ""))
    return line
