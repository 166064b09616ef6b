"""TLS of probes: whom we believe, whom we do not, and in which words."""

from __future__ import annotations

import asyncio
import contextlib
import select
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from havip.clock import ZERO, milliseconds, seconds
from havip.config.authentication import Secret, SecretSource
from havip.config.http import Http, Request
from havip.config.tls import Tls, TlsVersion
from havip.healthcheck import tls as encryption
from havip.healthcheck.attempt import Attempt
from havip.healthcheck.outcome import Failed, Failure, Outcome
from havip.healthcheck.runner import Result
from havip.healthcheck.stream import ABORT
from tests.healthcheck.authority import certificates, openssl
from tests.healthcheck.probing import LOCAL, check, result_of, serving
from tests.healthcheck.telling import play

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def trusting(**more: Any) -> Tls:
    """Return a setting that trusts our CA."""
    return Tls(ca_file=str(certificates() / "ca.pem"), **more)


class Server:
    """An HTTPS server, and the names that it was asked for."""

    def __init__(self, name: str = "server", **more: Any) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates() / f"{name}.pem", certificates() / f"{name}.key")
        for key, value in more.items():
            setattr(self.context, key, value)
        self.names: list[str | None] = []
        self.context.sni_callback = lambda _sock, name, _context: self.names.append(name)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """Serve; yield the port."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await reader.readuntil(b"\r\n\r\n"):
                    writer.write(HELLO)
            writer.close()

        server = await asyncio.start_server(handle, LOCAL, ssl=self.context)
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        yield server.sockets[0].getsockname()[1]
        server.close()


def asked(server: Server, tls: Tls, notes: list[str] | None = None, *urls: Request) -> Result:
    """Return the result of one HTTPS check."""
    found: list[Result] = []

    async def scene() -> None:
        async with server.running() as port:
            found.append(await result_of(check(http=Http(tls=tls, urls=urls), port=port), notes))

    play(scene)
    return found[0]


def test_a_server_that_proves_its_address_is_good_and_is_asked_for_no_name() -> None:
    server, notes = Server(), []
    found = asked(server, trusting(), notes)
    assert found.outcome.passed
    assert found.outcome.warning == ""
    assert server.names == [None]
    assert notes[1].startswith("TLS 1.3, TLS_")
    assert "; the certificate of server holds until 20" in notes[1]


@pytest.mark.parametrize("name", ["www.example.com", "a.shop.example.com"])
def test_a_name_is_asked_for_and_proven(name: str) -> None:
    server = Server()
    assert asked(server, trusting(server_name=name)).outcome.passed
    assert server.names == [name]


def test_the_virtual_host_is_the_name_unless_another_is_given() -> None:
    server = Server()
    urls = (
        Request("/", host="www.example.com:8443"),
        Request("/", host="www.example.com"),
        Request("/", host="a.shop.example.com"),
    )
    assert asked(server, trusting(), None, *urls).outcome.passed
    assert server.names == ["www.example.com", "a.shop.example.com"]  # a connection for each name


REFUSED = [
    ("ended", {}, "the certificate has expired"),
    ("coming", {}, "the certificate is not valid yet"),
    ("elsewhere", {}, "the certificate is not for 127.0.0.1"),
    ("server", {"server_name": "bank.example.com"}, "the certificate is not for bank.example.com"),
    ("server", {"ca_file": "stranger.pem"}, "the certificate is signed by nobody whom we trust"),
    ("server", {"ca_file": None}, "the certificate is signed by nobody whom we trust"),
]


@pytest.mark.parametrize(("name", "more", "words"), REFUSED)
def test_a_certificate_that_does_not_hold_is_a_failure(name: str, more: dict[str, Any], words: str) -> None:
    if more.get("ca_file"):
        more = {"ca_file": str(certificates() / more["ca_file"])}
    tls = Tls(**{"ca_file": str(certificates() / "ca.pem"), **more})
    outcome = asked(Server(name), tls).outcome
    assert (outcome.failure, outcome.words) == (Failure.CERTIFICATE, words)


def test_a_certificate_of_its_own_making_is_believed_only_if_it_is_named() -> None:
    words = "the certificate is signed by itself, or by somebody whom we do not trust"
    outcome = asked(Server("stranger"), trusting(server_name="stranger")).outcome
    assert (outcome.failure, outcome.words) == (Failure.CERTIFICATE, words)
    own = Tls(ca_file=str(certificates() / "server.pem"))
    assert asked(Server(), own).outcome.passed


def test_nothing_is_verified_only_if_that_is_said() -> None:
    notes: list[str] = []
    assert asked(Server("ended"), Tls(verify=False), notes).outcome.passed
    assert notes[1].endswith("; the certificate is not verified")


def test_a_certificate_that_ends_soon_is_a_warning() -> None:
    warning = asked(Server("ending"), trusting()).outcome.warning
    assert warning.startswith("the certificate ends in 4 days, on 20")
    assert asked(Server("ending"), trusting(expiry_warning=seconds(86400))).outcome.warning == ""
    assert asked(Server("ending"), trusting(expiry_warning=ZERO)).outcome.warning == ""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_is_shown_to_a_server_that_asks(version: ssl.TLSVersion) -> None:
    where = certificates()
    server = Server(verify_mode=ssl.CERT_REQUIRED, maximum_version=version)
    server.context.load_verify_locations(where / "ca.pem")
    ours = {"certificate_file": str(where / "client.pem"), "key_file": str(where / "client.key")}
    assert asked(server, trusting(**ours)).outcome.passed
    outcome = asked(server, trusting()).outcome
    assert outcome.failure in (Failure.TLS, Failure.RESET, Failure.CLOSED)
    if outcome.failure is Failure.TLS:
        assert "certificate" in outcome.words


def test_a_key_may_be_encrypted(tmp_path: Path) -> None:
    where = certificates()
    openssl(tmp_path, f"ec -in {where}/client.key -aes128 -passout pass:sesame -out key")
    server = Server(verify_mode=ssl.CERT_REQUIRED)
    server.context.load_verify_locations(where / "ca.pem")
    ours = {"certificate_file": str(where / "client.pem"), "key_file": str(tmp_path / "key")}
    password = SecretSource(Secret(b"sesame"))
    assert asked(server, trusting(**ours, key_password=password)).outcome.passed
    outcome = asked(server, trusting(**ours)).outcome
    assert outcome.failure is Failure.LOCAL
    assert "client.pem cannot be used: " in outcome.words


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_versions_are_spoken_only_if_that_is_said() -> None:
    def server() -> Server:
        made = Server(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
        made.context.set_ciphers("DEFAULT:@SECLEVEL=0")
        return made

    # whether the server gets so far as to say why depends on its library
    assert asked(server(), trusting()).outcome.failure in (Failure.TLS, Failure.CLOSED)
    outcome = asked(
        Server(maximum_version=ssl.TLSVersion.TLSv1_2), trusting(min_version=TlsVersion.V1_3)
    ).outcome
    assert outcome.failure in (Failure.TLS, Failure.CLOSED)
    assert asked(server(), trusting(min_version=TlsVersion.V1_1)).outcome.passed


def test_a_context_is_shared_and_made_anew_when_a_file_has_changed(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    shutil.copy(certificates() / "stranger.pem", ca)
    tls = Tls(ca_file=str(ca))
    first = encryption.context_of(tls)
    assert encryption.context_of(Tls(ca_file=str(ca))) is first
    named = Tls(ca_file=str(ca), server_name="www.example.com", expiry_warning=seconds(86400))
    assert encryption.context_of(named) is first  # a thousand servers of a name each share it
    assert encryption.context_of(Tls(ca_file=str(ca), verify=False)) is not first
    assert encryption.context_of(tls, ("h2",)) is not first
    assert asked(Server(), tls).outcome.failure is Failure.CERTIFICATE
    new = tmp_path / "new"
    shutil.copy(certificates() / "ca.pem", new)
    new.replace(ca)
    assert encryption.context_of(tls) is not first
    assert asked(Server(), tls).outcome.passed
    ca.write_text("nothing of use")
    outcome = asked(Server(), tls).outcome
    assert (outcome.failure, outcome.words.partition(": ")[0]) == (Failure.LOCAL, f"{ca} cannot be used")


def spoken(talk: Any, **more: Any) -> Result:
    """Return the result of an HTTPS check of a server that does not speak TLS as it should."""
    found: list[Result] = []

    async def scene() -> None:
        async with serving(talk) as port:
            found.append(await result_of(check(http=Http(tls=trusting()), port=port, **more)))

    play(scene)
    return found[0]


@pytest.mark.parametrize(
    "octets",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail.example.com ESMTP\r\n", b"\x00" * 100, b"\xff" * 20000],
)
def test_a_server_that_speaks_something_else_is_no_tls_server(octets: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        await reader.read()

    outcome = spoken(talk).outcome
    assert (outcome.failure, outcome.words) == (Failure.TLS, "this is not a TLS server")


def test_a_handshake_that_is_cut_off_has_a_name() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"\x16\x03\x03\x40\x00\x02")
        writer.write_eof()
        await reader.read()

    outcome = spoken(close).outcome
    assert (outcome.failure, outcome.words) == (
        Failure.CLOSED,
        "the connection was closed (the TLS handshake)",
    )

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)

    outcome = spoken(reset).outcome
    assert (outcome.failure, outcome.words) == (
        Failure.RESET,
        "connection reset by peer (the TLS handshake)",
    )

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    outcome = spoken(say_nothing, timeout=milliseconds(500)).outcome
    assert (outcome.failure, outcome.words) == (
        Failure.TIMED_OUT,
        "the TLS handshake took longer than 500ms",
    )


@pytest.mark.parametrize("last_words", [b"", b"go away"])
def test_a_connection_that_was_reset_before_the_handshake_began_is_told_as_such(last_words: bytes) -> None:
    with socket.create_server((LOCAL, 0)) as server, socket.socket() as ours:
        ours.connect(server.getsockname())
        ours.setblocking(False)
        theirs, _ = server.accept()
        theirs.sendall(last_words)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        theirs.close()
        gone = select.poll()
        gone.register(ours, 0)  # an error and the end are always told
        assert gone.poll(5000)
        attempt = Attempt(check(http=Http()), *server.getsockname())
        handshake = encryption.shake_hands(ours, attempt, Tls(verify=False), "", ())
        with pytest.raises(Failed) as failed:
            handshake.send(None)
    assert failed.value.outcome == Outcome(Failure.RESET, "connection reset by peer (the TLS handshake)")


def test_a_name_that_no_server_can_have_is_a_failure_of_ours() -> None:
    name = "x" * 64 + ".example.com"
    outcome = asked(Server(), Tls(verify=False), None, Request(host=name)).outcome
    assert outcome == Outcome(Failure.LOCAL, f"{name} is no name that can be asked for")
