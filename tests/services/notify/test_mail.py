"""Mail against a real SMTP server: in clear, STARTTLS, TLS and AUTH, and against servers that are no help."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope

from havip.clock import milliseconds, seconds
from havip.config.authentication import Secret, SecretSource
from havip.config.notify import Mail, Tls
from havip.services.notify import mail as module
from havip.services.notify.mail import Mailer
from havip.services.notify.news import News
from tests.services.notify.conftest import PATIENCE

Make = Callable[..., News]
PASSWORD = SecretSource(Secret(b"letmein"))
pytestmark = pytest.mark.usefixtures("_quick_retries")


class Postbox:
    """What the server has taken; the first ``failing`` mails it refuses for now."""

    def __init__(self, failing: int = 0) -> None:
        self.failing = failing
        self.mails: list[Message] = []
        self.envelopes: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, server: SMTP, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Know everybody but one."""
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail, or not yet."""
        if self.failing:
            self.failing -= 1
            return "451 try again later"
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        self.envelopes.append(envelope)
        return "250 OK"


@contextlib.asynccontextmanager
async def serving(box: Postbox, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """Run an SMTP server and yield its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(box, hostname="mx.test", loop=loop, **options), "127.0.0.1", 0, ssl=tls
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


def server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def spec(port: int, **changes: Any) -> Mail:
    usual: dict[str, Any] = {"server": "127.0.0.1", "sender": "havip@r1.test", "to": ("ops@test", "noc@test"),
                             "port": port, "tls": Tls.NONE, "helo": "r1.test"}  # fmt: skip
    return Mail(**(usual | changes))


def body_of(got: Message) -> str:
    assert isinstance(got, EmailMessage)
    return str(got.get_content())


async def mail(mailer: Mailer, *told: News) -> Mailer:
    for news in told:
        mailer.tell(news)
    await mailer.finish(PATIENCE)
    return mailer


def test_a_mail_says_what_happened_and_to_whom_it_goes(news: Make) -> None:
    box = Postbox()

    async def main() -> Mailer:
        async with serving(box) as port:
            return await mail(Mailer(spec(port), "r1"), news("MASTER"))

    status = asyncio.run(main()).status()
    (got,) = box.mails
    assert got["Subject"] == "[r1] virtual router gateway is MASTER"
    assert (got["From"], got["To"]) == ("havip@r1.test", "ops@test, noc@test")
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Message-ID"].endswith("@r1>")
    assert "virtual router gateway: MASTER (before: BACKUP), priority 100" in body_of(got)
    assert box.envelopes[0].rcpt_tos == ["ops@test", "noc@test"]
    assert (status["done"], status["failed"], status["queued"]) == (1, 0, 0)


def test_only_the_states_that_are_asked_for_are_mailed(news: Make) -> None:
    box = Postbox()

    async def main() -> None:
        async with serving(box) as port:
            wanted = spec(port, states=("MASTER", "BACKUP"))
            await mail(Mailer(wanted, "r1"), news("FAULT"), news("BACKUP"), news("MASTER_RX_LOWER_PRI"))

    asyncio.run(main())
    assert [got["Subject"] for got in box.mails] == ["[r1] virtual router gateway is BACKUP"]


def test_many_changes_share_a_mail(news: Make) -> None:
    box = Postbox()

    async def main() -> None:
        async with serving(box) as port:
            await mail(Mailer(spec(port), "r1"), *(news("MASTER", f"gw{number}") for number in range(250)))

    asyncio.run(main())
    assert [got["Subject"] for got in box.mails] == [
        "[r1] 200 changes of 200 virtual routers and groups: 200 MASTER",
        "[r1] 50 changes of 50 virtual routers and groups: 50 MASTER",
    ]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.TLS])
def test_with_tls_and_a_password_nothing_goes_in_clear(
    tls: Tls, certificate: tuple[Path, Path], news: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    box = Postbox()
    seen = []

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        seen.append((mechanism, data.login, data.password, session.ssl is not None or tls is Tls.TLS))
        return AuthResult(success=data.password == b"letmein")

    options: dict[str, Any] = {"authenticator": authenticate, "auth_required": True}
    if tls is Tls.STARTTLS:
        options |= {"tls_context": server_context(certificate), "require_starttls": True}
    else:
        options |= {"auth_require_tls": False}  # it cannot know that the whole way is encrypted

    async def main() -> None:
        context = server_context(certificate) if tls is Tls.TLS else None
        async with serving(box, context, **options) as port:
            account = {"tls": tls, "ca_file": str(certificate[0]), "username": "havip", "password": PASSWORD}
            await mail(Mailer(spec(port, server="localhost", **account), "r1"), news("MASTER"))

    asyncio.run(main())
    assert len(box.mails) == 1
    assert seen[-1][1:] == (b"havip", b"letmein", True)
    assert "letmein" not in caplog.text


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.TLS])
def test_a_certificate_that_nobody_vouches_for_gets_no_mail(
    tls: Tls, certificate: tuple[Path, Path], news: Make
) -> None:
    box = Postbox()

    async def main() -> Mailer:
        context = server_context(certificate)
        options = {"tls_context": context} if tls is Tls.STARTTLS else {}
        async with serving(box, context if tls is Tls.TLS else None, **options) as port:
            mailer = Mailer(spec(port, server="localhost", tls=tls, give_up_after=milliseconds(1)), "r1")
            return await mail(mailer, news("MASTER"))

    mailer = asyncio.run(main())
    assert box.mails == []
    assert "CERTIFICATE_VERIFY_FAILED" in mailer.status()["last"]["result"]


def test_a_server_without_starttls_gets_no_mail_in_clear(news: Make) -> None:
    box = Postbox()

    async def main() -> Mailer:
        async with serving(box) as port:
            mailer = Mailer(spec(port, tls=Tls.STARTTLS, give_up_after=milliseconds(1)), "r1")
            return await mail(mailer, news("MASTER"))

    mailer = asyncio.run(main())
    assert box.mails == []
    assert "STARTTLS" in mailer.status()["last"]["result"]


def test_a_refused_mail_is_sent_again_with_all_that_has_happened_since(
    news: Make, caplog: pytest.LogCaptureFixture
) -> None:
    box = Postbox(failing=2)

    async def main() -> Mailer:
        async with serving(box) as port:
            return await mail(Mailer(spec(port), "r1"), news("MASTER"), news("BACKUP"))

    mailer = asyncio.run(main())
    (got,) = box.mails
    assert got["Subject"] == "[r1] 2 changes of 1 virtual routers and groups: 1 BACKUP"
    assert (mailer.status()["done"], mailer.status()["failed"]) == (2, 2)
    assert any("451" in line or "try again later" in line for line in caplog.messages)


def test_one_wrong_recipient_is_logged_and_the_others_get_their_mail(
    news: Make, caplog: pytest.LogCaptureFixture
) -> None:
    box = Postbox()

    async def main() -> None:
        async with serving(box) as port:
            await mail(Mailer(spec(port, to=("nobody@test", "ops@test")), "r1"), news("MASTER"))

    asyncio.run(main())
    assert box.envelopes[0].rcpt_tos == ["ops@test"]
    assert "127.0.0.1 refused mail for nobody@test (550 no such user)" in caplog.messages


@pytest.mark.parametrize("greeting", [b"", b"220 ", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 100_000])
def test_a_silent_or_hostile_server_is_left_after_a_bounded_time(greeting: bytes, news: Make) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    async def main() -> Mailer:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            patience = {"timeout": milliseconds(100), "give_up_after": milliseconds(1)}
            return await mail(Mailer(spec(port, **patience), "r1"), news("MASTER"))

    status = asyncio.run(main()).status()
    assert (status["done"], status["failed"], status["dropped"], status["queued"]) == (0, 1, 1, 0)


def test_the_backlog_is_bounded_and_the_next_mail_says_so(
    news: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    box = Postbox()

    async def main() -> Mailer:
        async with serving(box) as port:
            return await mail(Mailer(spec(port), "r1"), *(news("MASTER", f"gw{i}") for i in range(5)))

    mailer = asyncio.run(main())
    assert "2 earlier changes are not told" in body_of(box.mails[0])
    assert (mailer.status()["done"], mailer.status()["dropped"]) == (3, 2)


def test_the_end_does_not_wait_for_a_server_for_long(news: Make, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Mailer:
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
            mailer = Mailer(spec(server.sockets[0].getsockname()[1], timeout=seconds(1000)), "r1")
            mailer.tell(news("STOP"))
            await mailer.finish(0.05)
            return mailer

    assert asyncio.run(main()).status()["dropped"] == 1
    assert "1 changes were not mailed: the daemon ends" in caplog.messages
