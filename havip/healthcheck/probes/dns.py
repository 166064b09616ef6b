"""DNS: a server is there if it answers our question as expected, over UDP or TCP (RFC 1035, RFC 7766).

What does not answer the question is passed over, as anybody may have sent it; the kernel lets only through
what comes from the server's own address and port.
"""

from __future__ import annotations

import secrets
from typing import Final

from havip.config.probes import Dns, Rcode, Transport
from havip.healthcheck import datagram
from havip.healthcheck.attempt import Attempt
from havip.healthcheck.conversation import Conversation
from havip.healthcheck.dns_wire import Answer, Malformed, Unrelated, is_among, question, read_answer
from havip.healthcheck.outcome import Failed, Failure, Outcome
from havip.healthcheck.stream import open_stream

MOST_UNRELATED: Final = 100  # messages that are passed over
MOST_SHOWN: Final = 4  # answers that are repeated to people


async def probe(attempt: Attempt) -> Outcome:
    """Ask, over TCP too if the answer does not fit into a datagram, and judge the answer."""
    settings = attempt.check.dns or Dns()
    query = question(secrets.randbits(16), settings.name, settings.type, settings.recursion)
    asked = f"{settings.type} of {settings.name}"
    if settings.transport is Transport.TCP:
        return judge(await over_tcp(attempt, query, settings, asked), settings, asked)
    answer = await over_udp(attempt, query, settings, asked)
    if answer.truncated:
        if attempt.note is not None:
            attempt.note("the answer is truncated: asked again over TCP")
        answer = await over_tcp(attempt, query, settings, asked)
    return judge(answer, settings, asked)


async def over_udp(attempt: Attempt, query: bytes, settings: Dns, asked: str) -> Answer:
    """Return the first message that answers the question.  Raises `Failed`."""
    with datagram.open_datagram(attempt) as sock:
        attempt.stage = "sending"
        await datagram.send(sock, query)
        if attempt.note is not None:
            attempt.note(f"asked {attempt.peer} over UDP for {asked}")
        attempt.stage = "waiting for the answer"
        for _ in range(MOST_UNRELATED):
            data = await datagram.receive(sock)
            try:
                return read(data, query, settings)
            except Unrelated as why:
                attempt.stage = f"waiting for the answer ({len(data)} bytes came: {why})"
                if attempt.note is not None:
                    attempt.note(f"passed over {len(data)} bytes: {why}")
    raise Failed(Failure.MALFORMED, f"sent {MOST_UNRELATED} messages that are no answer to the question")


async def over_tcp(attempt: Attempt, query: bytes, settings: Dns, asked: str) -> Answer:
    """Return the answer.  Raises `Failed`."""
    with await open_stream(attempt) as stream:
        attempt.stage = "sending"
        await stream.send(len(query).to_bytes(2, "big") + query)
        if attempt.note is not None:
            attempt.note(f"asked {attempt.peer} over TCP for {asked}")
        talk = Conversation(stream, attempt)
        size = int.from_bytes(await talk.exactly(2, "the length of the answer"), "big")
        data = await talk.exactly(size, "the answer")
    try:
        answer = read(data, query, settings)
    except Unrelated as why:
        raise Failed(Failure.MALFORMED, f"sent {size} bytes: {why}") from None
    if answer.truncated:
        raise Failed(Failure.MALFORMED, "the answer is truncated over TCP as well")
    return answer


def read(data: bytes, query: bytes, settings: Dns) -> Answer:
    """Return what an answer says.  Raises `Failed`, `Unrelated`."""
    try:
        return read_answer(data, query, settings.type)
    except Malformed as why:
        raise Failed(Failure.MALFORMED, f"no DNS message: {why}") from None


def judge(answer: Answer, settings: Dns, asked: str) -> Outcome:
    """Hold an answer against what is expected.  Raises `Failed`."""
    count, records = len(answer.records), answer.records
    listed = ", ".join(record[:80] for record in records[:MOST_SHOWN])
    more = f" and {count - MOST_SHOWN} more" if count > MOST_SHOWN else ""
    if answer.rcode != settings.rcode:
        raise Failed(Failure.STATUS, f"{answer.rcode} for {asked}, expected {settings.rcode}")
    if settings.expect and not is_among(settings.expect, records, settings.type):
        found = f"{listed}{more}" if records else "no answer"
        raise Failed(Failure.CONTENT, f"{asked} is {found}, expected {settings.expect}")
    if answer.rcode != Rcode.NOERROR or not records:
        return Outcome(words=f"{answer.rcode}, no answers for {asked}")
    return Outcome(words=f"{asked} is {listed}{more}")
