"""HTTP and HTTPS: a server is good if each of its answers is what is expected.

No redirect is followed: the server that is probed must answer itself.  Several requests share a connection
where the server lets them.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NoReturn

from havip import __version__
from havip.config.http import Http, HttpVersion, Method, Request
from havip.healthcheck.attempt import Attempt
from havip.healthcheck.expressions import LONGEST_SEARCH, OutOfTime, search
from havip.healthcheck.http1 import Answer, Malformed, TooLong, shown
from havip.healthcheck.outcome import Failed, Failure, Outcome
from havip.healthcheck.stream import Stream, ended, open_stream

MOST_PREPARED: Final = 16384  # settings of which the requests are kept
GREATEST_WEIGHT: Final = 65535
ALPN: Final = ("http/1.1",)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, ready to be sent, and what is made of its answer."""

    expected: Request
    octets: bytes
    title: str  # for people: GET /health
    name: str  # of the server, for TLS; empty: the host of the check
    contains: bytes
    regex: re.Pattern[str] | None
    forbidden: re.Pattern[str] | None


async def probe(attempt: Attempt) -> Outcome:
    """Ask for everything, one after the other; the first answer that is not good ends it."""
    check = attempt.check
    http = check.http
    assert http is not None
    stream: Stream | None = None
    answer, warning, name = Answer(), "", ""
    try:
        for asked in prepared(http, check.host, attempt.port):
            elsewhere = http.tls is not None and asked.name != name
            if stream is not None and (elsewhere or not answer.persistent):
                stream.close()
                stream = None
            fresh = stream is None
            if stream is None:
                stream = await open_stream(attempt, http.tls, asked.name, ALPN)
                warning, name = stream.warning or warning, asked.name
            try:
                answer = await converse(stream, attempt, http, asked)
            except Ended:
                if fresh:
                    ended(attempt)
                # RFC 9112 section 9.3.1: it may end a connection between two requests
                stream.close()
                stream = None
                stream = await open_stream(attempt, http.tls, asked.name, ALPN)
                answer = await converse(stream, attempt, http, asked)
    except Ended:
        ended(attempt)
    finally:
        if stream is not None:
            stream.close()
    return Outcome(None, f"HTTP {answer.status}", weight_of(http, answer), warning)


class Ended(Exception):
    """The connection ended before the first byte of an answer."""


async def converse(stream: Stream, attempt: Attempt, http: Http, asked: Asked) -> Answer:
    """Ask once, and return an answer that is as expected.  Raises `Failed` for others, and `Ended`."""
    attempt.stage = "sending the request"
    note = attempt.note
    if note is not None:
        note(f"asked: {asked.octets.partition(b' HTTP')[0].decode()} HTTP/{http.version}")
    await stream.send(asked.octets)
    attempt.stage = "waiting for the answer"
    expected = asked.expected
    digest = digest_for(expected.digest)
    answer = Answer(
        http.max_body if expected.reads_the_body else 0,
        None if digest is None else digest.update,
        no_body=expected.method is Method.HEAD,
    )
    try:
        await read(stream, attempt, http, asked, answer)
        judge_content(http, asked, answer, "" if digest is None else digest.hexdigest())
    except Malformed as why:
        refuse(http, asked, Failure.MALFORMED, str(why))
    except TooLong as why:
        refuse(http, asked, Failure.TOO_LONG, str(why))
    if note is not None:
        note(f"{answer.size} bytes of body{'' if answer.complete else ' read, and more to come'}")
        for line in matched(expected):
            note(line)
    return answer


async def read(stream: Stream, attempt: Attempt, http: Http, asked: Asked, answer: Answer) -> None:
    """Read an answer to its end or as far as it may go."""
    heard = False
    while not answer.complete:
        data = await stream.receive()
        if not data:
            if answer.end():
                return
            if not heard:
                raise Ended
            refuse(http, asked, Failure.CLOSED, f"the connection was closed ({attempt.stage})")
        answer.feed(data)
        if answer.headed and attempt.stage != "reading the body":
            attempt.stage = "reading the body"
            if attempt.note is not None:
                attempt.note(f"answered: HTTP/1.{answer.minor} {answer.status} {answer.reason}".rstrip())
            judge_status(http, asked, answer)
        heard = True
        if answer.size > http.max_body:
            if asked.expected.digest:
                raise TooLong(f"a body of more than {http.max_body} bytes, and its digest is wanted")
            answer.persistent = False
            return


def judge_status(http: Http, asked: Asked, answer: Answer) -> None:
    """Raise `Failed` for a status that is not expected."""
    status = answer.status
    for good in asked.expected.status:
        if good.first <= status <= good.last:
            return
    words = ", ".join(map(str, asked.expected.status))
    place = answer.headers.get(b"location")
    to = f" to {shown(place)}" if place is not None and 300 <= status < 400 else ""
    refuse(http, asked, Failure.STATUS, f"HTTP {status}{to}, expected {words}")


def judge_content(http: Http, asked: Asked, answer: Answer, digest: str) -> None:
    """Raise `Failed` for a body that is not what is expected."""
    expected = asked.expected
    if expected.digest and digest != expected.digest:
        what = "MD5" if len(digest) == 32 else "SHA-256"
        refuse(http, asked, Failure.CONTENT, f"the body's {what} digest is {digest}")
    if not expected.reads_the_body:
        return
    if asked.contains and asked.contains not in answer.kept:
        where = "" if answer.complete else f" in its first {http.max_body} bytes"
        words = f'the body does not contain "{expected.contains}"{where}'
        refuse(http, asked, Failure.CONTENT, words)
    if asked.regex is None and asked.forbidden is None:
        return
    text = answer.kept.decode("utf-8", "replace")
    try:
        if asked.regex is not None and not found(asked.regex, text, expected):
            words = f"nothing in the body matches {expected.regex}"
            refuse(http, asked, Failure.CONTENT, words)
        if asked.forbidden is not None and found(asked.forbidden, text, expected):
            refuse(http, asked, Failure.CONTENT, f"the body matches {expected.forbidden}")
    except OutOfTime:
        words = f"searching the body took more than {LONGEST_SEARCH * 1000:g} ms of processor time"
        refuse(http, asked, Failure.TOO_LONG, words)


def found(pattern: re.Pattern[str], text: str, expected: Request) -> bool:
    """Say whether a match begins within the bounds.  Raises `OutOfTime`."""
    match = search(pattern, text, expected.regex_min_offset)
    most = expected.regex_max_offset
    return match is not None and (most is None or match.start() <= most)


def matched(expected: Request) -> list[str]:
    """Return what was found to be as expected, for who watches."""
    lines = []
    if expected.digest:
        lines.append("the digest is right")
    if expected.contains:
        lines.append(f'the body contains "{expected.contains}"')
    if expected.regex:
        lines.append(f"the body matches {expected.regex}")
    if expected.forbidden:
        lines.append(f"the body does not match {expected.forbidden}")
    return lines


def refuse(http: Http, asked: Asked, failure: Failure, words: str) -> NoReturn:
    """Raise `Failed`; of several requests it is said which one."""
    raise Failed(failure, f"{asked.title}: {words}" if len(http.requests) > 1 else words) from None


def weight_of(http: Http, answer: Answer) -> int | None:
    """Return the weight that the server asks for; None: it does not.  Raises `Failed`."""
    value = answer.headers.get(http.weight_header.lower().encode()) if http.weight_header else None
    if value is None:
        return None
    if not value.isdigit() or len(value) > 5 or int(value) > GREATEST_WEIGHT:
        words = f"{http.weight_header} is {shown(value)}, expected 0 to {GREATEST_WEIGHT}"
        raise Failed(Failure.CONTENT, words)
    return int(value)


def digest_for(digits: str) -> hashlib._Hash | None:
    """Return what computes a digest of that length."""
    if not digits:
        return None
    return hashlib.md5(usedforsecurity=False) if len(digits) == 32 else hashlib.sha256()


@lru_cache(MOST_PREPARED)
def prepared(http: Http, host: str, port: int) -> tuple[Asked, ...]:
    """Return the requests, ready to be sent; prepared once for each setting."""
    requests = http.requests
    return tuple(
        prepare(http, request, host, port, last=number == len(requests))
        for number, request in enumerate(requests, 1)
    )


def prepare(http: Http, request: Request, host: str, port: int, *, last: bool) -> Asked:
    """Return one request, ready to be sent."""
    authority = request.host or http.host or written(host, port, http.usual_port)
    target = f"{request.method} {request.path}"
    octets = "\r\n".join([f"{target} HTTP/{http.version}", *fields(http, request, authority, last), "", ""])
    return Asked(
        request,
        octets.encode() + request.body.encode(),
        target,
        bare(request.host or http.host),
        request.contains.encode(),
        re.compile(request.regex) if request.regex else None,
        re.compile(request.forbidden) if request.forbidden else None,
    )


def fields(http: Http, request: Request, authority: str, last: bool) -> list[str]:
    """Return the header of a request."""
    given = {header.partition(":")[0].lower() for header in http.headers}
    lines = [f"Host: {authority}"]
    if "user-agent" not in given:
        lines.append(f"User-Agent: havip/{__version__}")
    if "accept" not in given:
        lines.append("Accept: */*")
    if http.password is not None and http.username is not None:
        credentials = http.username.encode() + b":" + http.password.octets
        lines.append(f"Authorization: Basic {base64.b64encode(credentials).decode()}")
    if http.authorization is not None:
        lines.append(f"Authorization: {http.authorization.octets.decode()}")
    if request.body or request.method in (Method.POST, Method.PUT):
        lines.append(f"Content-Length: {len(request.body.encode())}")
    if last:
        lines.append("Connection: close")
    elif http.version is HttpVersion.V1_0:
        lines.append("Connection: keep-alive")
    return lines + list(http.headers)


def written(host: str, port: int, usual: int) -> str:
    """Return a host as the Host header wants it."""
    name = f"[{host}]" if ":" in host else host
    return name if port == usual else f"{name}:{port}"


def bare(authority: str) -> str:
    """Return the host of an authority, without its port and the brackets of an IPv6 address."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]
