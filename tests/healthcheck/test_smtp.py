"""Checks of mail servers: aiosmtpd as it is, and servers that say something else."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from havip.clock import milliseconds
from havip.config.probes import Smtp
from havip.config.tls import Tls
from havip.healthcheck.outcome import Failure
from havip.healthcheck.runner import Result
from tests.healthcheck.authority import certificates
from tests.healthcheck.probing import LOCAL, check, result_of, serving
from tests.healthcheck.telling import play


class Handler:
    """Takes nothing, and remembers who greeted."""

    def __init__(self) -> None:
        self.greeted: list[str] = []

    async def handle_EHLO(  # noqa: N802  (aiosmtpd's name)
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """Remember the name."""
        self.greeted.append(hostname)
        session.host_name = hostname
        return responses


def context() -> ssl.SSLContext:
    """Return the server's side of TLS."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificates() / "server.pem", certificates() / "server.key")
    return made


def of_library(
    smtp: Smtp, notes: list[str] | None = None, handler: Handler | None = None, **more: Any
) -> Result:
    """Return the result of a check of aiosmtpd's server."""
    found: list[Result] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        listen: dict[str, Any] = {"ssl": more.pop("ssl")} if "ssl" in more else {}
        server = await loop.create_server(
            lambda: SMTP(handler or Handler(), hostname="mx", loop=loop, **more), LOCAL, **listen
        )
        port = server.sockets[0].getsockname()[1]
        found.append(await result_of(check(smtp=smtp, port=port), notes))
        server.close()

    play(scene)
    return found[0]


def trusting() -> Tls:
    """Return a setting that trusts our CA."""
    return Tls(ca_file=str(certificates() / "ca.pem"))


def test_a_mail_server_that_greets_us_is_good() -> None:
    notes: list[str] = []
    handler = Handler()
    result = of_library(Smtp("lb1.example.com"), notes, handler, ident="ready")
    assert str(result).startswith("the mail server is ready, from 127.0.0.1:")
    assert notes[1:] == [
        'the greeting: "220 mx ready"',
        'the reply to EHLO: "250 HELP"',
        'the reply to QUIT: "221 Bye"',
    ]
    assert handler.greeted == ["lb1.example.com"]


def test_starttls_is_followed_by_another_greeting() -> None:
    handler = Handler()
    smtp = Smtp("me", starttls=True, tls=trusting())
    assert of_library(smtp, None, handler, tls_context=context()).outcome.passed
    assert handler.greeted == ["me", "me"]


def test_a_certificate_is_verified_after_starttls() -> None:
    outcome = of_library(Smtp("me", starttls=True), tls_context=context()).outcome
    assert (outcome.failure, outcome.words) == (
        Failure.CERTIFICATE,
        "the certificate is signed by nobody whom we trust",
    )


def test_encryption_from_the_first_byte() -> None:
    assert of_library(Smtp("me", tls=trusting()), ssl=context()).outcome.passed


def test_starttls_of_a_server_without_it_is_a_failure() -> None:
    outcome = of_library(Smtp("me", starttls=True)).outcome
    assert outcome.failure is Failure.STATUS
    assert outcome.words.startswith('SMTP 454 "TLS not available"')


class Script:
    """Says the first line, and one for each that it hears."""

    def __init__(self, *lines: bytes) -> None:
        self.lines = lines
        self.heard: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        for line in self.lines:
            writer.write(line)
            heard = await reader.readline()
            if not heard:
                return
            self.heard.append(heard)


def said(server: Any, **more: Any) -> Result:
    """Return the result of a check of a server of ours."""
    found: list[Result] = []

    async def scene() -> None:
        async with serving(server) as port:
            found.append(await result_of(check(smtp=Smtp("me"), port=port, **more)))

    play(scene)
    return found[0]


def test_an_old_server_is_greeted_in_the_old_way() -> None:
    server = Script(b"220 old\r\n", b"502 what?\r\n", b"250 hello\r\n", b"221 bye\r\n")
    assert said(server).outcome.passed
    assert server.heard == [b"EHLO me\r\n", b"HELO me\r\n", b"QUIT\r\n"]


WRONG = [
    (Script(b"554 no service\r\n"), Failure.STATUS,
     'SMTP 554 "no service", expected 200-299 as the greeting'),
    (Script(b"220 x\r\n", b"421 busy\r\n"), Failure.STATUS,
     'SMTP 421 "busy", expected 200-299 as the reply to EHLO'),
    (Script(b"220 x\r\n", b"500 no\r\n", b"500 no\r\n"), Failure.STATUS,
     'SMTP 500 "no", expected 200-299 as the reply to HELO'),
    (Script(b"220 x\r\n", b"250 x\r\n", b"500 no\r\n"), Failure.STATUS,
     'SMTP 500 "no", expected 200-299 as the reply to QUIT'),
    (Script(b"SSH-2.0-x\r\n"), Failure.MALFORMED, 'the greeting is no reply of SMTP, but "SSH-2.0-x"'),
    (Script(b"220 x\r\n", b"250-a\r\n251 b\r\n"), Failure.MALFORMED,
     'the reply to EHLO is no reply of SMTP, but "251 b"'),
    (Script(b"220 x\r\n", b"250-a\r\n" * 101), Failure.TOO_LONG, "the reply to EHLO has more than 100 lines"),
    (Script(b"220 " + b"x" * 3000), Failure.TOO_LONG,
     "a line of more than 2000 bytes (waiting for the greeting)"),
    (Script(), Failure.CLOSED, "the connection was closed (waiting for the greeting)"),
]  # fmt: skip


@pytest.mark.parametrize(("server", "failure", "words"), WRONG)
def test_whatever_else_a_server_says_is_a_failure(server: Script, failure: Failure, words: str) -> None:
    outcome = said(server).outcome
    assert (outcome.failure, outcome.words) == (failure, words)


def test_a_server_that_does_not_greet_is_late() -> None:
    outcome = said(Script(b""), timeout=milliseconds(500)).outcome
    assert (outcome.failure, outcome.words) == (
        Failure.TIMED_OUT,
        "waiting for the greeting took longer than 500ms",
    )


def test_what_is_said_in_clear_behind_starttls_does_not_count_as_encrypted() -> None:
    server = Script(b"220 x\r\n", b"250 x\r\n", b"220 go\r\n250 trust me\r\n")
    found: list[Result] = []

    async def scene() -> None:
        async with serving(server) as port:
            found.append(await result_of(check(smtp=Smtp("me", starttls=True), port=port)))

    play(scene)
    assert found[0].outcome.failure is Failure.MALFORMED
    assert found[0].outcome.words == "something was said in clear behind the last word before TLS"
