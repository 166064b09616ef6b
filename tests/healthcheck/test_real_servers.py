"""Probes against the servers that they are for: dnsmasq, Redis, PostgreSQL and MariaDB of Debian."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from havip.config.authentication import Secret, SecretSource
from havip.config.probes import (
    Dns,
    Expected,
    Mysql,
    Postgresql,
    Rcode,
    RecordType,
    Redis,
    RedisRole,
    Tcp,
    Transport,
)
from havip.config.tls import Tls
from havip.healthcheck.outcome import Failure, Outcome
from tests.healthcheck import real
from tests.healthcheck.probing import check, result_of

A, TXT = RecordType.A, RecordType.TXT


def outcome_of(port: int, notes: list[str] | None = None, **more: Any) -> Outcome:
    """Run a check of a server here."""
    return asyncio.run(result_of(check(port=port, **more), notes)).outcome


@pytest.fixture(scope="module")
def resolver() -> Iterator[int]:
    long = ",".join(f"{number:03d}" + "x" * 200 for number in range(4))
    with real.dnsmasq(
        "--local=/example.net/",
        "--host-record=www.example.net,192.0.2.80,2001:db8::80",
        "--cname=alias.example.net,www.example.net",
        "--mx-host=example.net,mail.example.net,10",
        "--srv-host=_sip._udp.example.net,sip.example.net,5060,1,2",
        "--txt-record=example.net,v=spf1 -all",
        f"--txt-record=long.example.net,{long}",
        "--ptr-record=80.2.0.192.in-addr.arpa,www.example.net",
    ) as port:
        yield port


@pytest.fixture(scope="module")
def authority() -> Iterator[int]:
    with real.dnsmasq(
        "--auth-server=ns.example.org,lo", "--auth-zone=example.org", "--auth-soa=7,root.example.org"
    ) as port:
        yield port


KNOWN = [
    (Dns(A, "www.example.net", "192.0.2.80"), "A of www.example.net is 192.0.2.80"),
    (Dns(A, "WWW.example.NET".lower(), transport=Transport.TCP), "A of www.example.net is 192.0.2.80"),
    (Dns(RecordType.AAAA, "www.example.net", "2001:DB8:0::80"), "AAAA of www.example.net is 2001:db8::80"),
    (Dns(A, "alias.example.net"), "A of alias.example.net is 192.0.2.80"),
    (Dns(RecordType.CNAME, "alias.example.net"), "CNAME of alias.example.net is www.example.net"),
    (Dns(RecordType.MX, "example.net", "mail.example.net"), "MX of example.net is 10 mail.example.net"),
    (
        Dns(RecordType.SRV, "_sip._udp.example.net"),
        "SRV of _sip._udp.example.net is 1 2 5060 sip.example.net",
    ),
    (Dns(TXT, "example.net", "v=spf1 -all"), "TXT of example.net is v=spf1 -all"),
    (Dns(RecordType.PTR, "80.2.0.192.in-addr.arpa"), "PTR of 80.2.0.192.in-addr.arpa is www.example.net"),
    (Dns(A, "nobody.example.net", rcode=Rcode.NXDOMAIN), "NXDOMAIN, no answers for A of nobody.example.net"),
    (Dns(rcode=Rcode.REFUSED), "REFUSED, no answers for SOA of ."),
]


@pytest.mark.parametrize(("dns", "words"), KNOWN)
def test_a_dns_server_answers(resolver: int, dns: Dns, words: str) -> None:
    assert outcome_of(resolver, dns=dns) == Outcome(words=words)


def test_a_dns_server_that_knows_something_else_has_failed(resolver: int) -> None:
    outcome = outcome_of(resolver, dns=Dns(A, "www.example.net", "192.0.2.81"))
    assert outcome == Outcome(Failure.CONTENT, "A of www.example.net is 192.0.2.80, expected 192.0.2.81")
    assert outcome_of(resolver, dns=Dns()).failure is Failure.STATUS


def test_a_server_of_a_zone_names_itself(authority: int) -> None:
    soa = outcome_of(authority, dns=Dns(RecordType.SOA, "example.org", "ns.example.org", recursion=False))
    assert soa.passed
    assert soa.words.startswith("SOA of example.org is ns.example.org root.example.org 7 ")
    assert outcome_of(authority, dns=Dns(RecordType.NS, "example.org", "ns.example.org")).passed


def test_a_long_answer_of_a_dns_server_comes_over_tcp(resolver: int) -> None:
    notes: list[str] = []
    outcome = outcome_of(resolver, notes, dns=Dns(TXT, "long.example.net"))
    assert outcome.passed
    assert outcome.words.startswith("TXT of long.example.net is 000xxx")
    assert "the answer is truncated: asked again over TCP" in notes


def secret(word: bytes) -> SecretSource:
    return SecretSource(Secret(word))


def test_a_redis_answers_and_says_what_it_is() -> None:
    with real.redis() as port:
        assert outcome_of(port, redis=Redis()) == Outcome(words="answered PING")
        wanted = Redis(role=RedisRole.MASTER)
        assert outcome_of(port, redis=wanted) == Outcome(words="answered PING and is master")
        outcome = outcome_of(port, redis=Redis(role=RedisRole.REPLICA))
        assert outcome == Outcome(Failure.STATUS, "it is master, expected replica")
        outcome = outcome_of(port, redis=Redis(password=secret(b"x")))
        assert outcome.failure is Failure.STATUS
        assert outcome.words.startswith("AUTH: ERR AUTH <password> called without any password configured")


def test_a_redis_that_lost_its_master_has_failed_if_it_serves_no_old_data() -> None:
    nobody = str(real.free_port())
    with real.redis("--replicaof", "127.0.0.1", nobody, "--replica-serve-stale-data", "no") as port:
        outcome = outcome_of(port, redis=Redis())
        assert outcome.failure is Failure.STATUS
        assert outcome.words.startswith("PING: MASTERDOWN ")
        assert outcome.words.endswith(" (it has lost its master)")
    with real.redis("--replicaof", "127.0.0.1", nobody) as port:
        outcome = outcome_of(port, redis=Redis(role=RedisRole.REPLICA))
        assert outcome == Outcome(words="answered PING and is replica")


def test_a_redis_with_passwords_lets_in_who_knows_one() -> None:
    with real.redis("--requirepass", "s3cret") as port:
        with socket.create_connection(("127.0.0.1", port)) as operator:
            operator.sendall(b"AUTH s3cret\r\nACL SETUSER monitor on >hunter2 +ping\r\n")
            assert operator.makefile("rb").read(10) == b"+OK\r\n+OK\r\n"
        outcome = outcome_of(port, redis=Redis())
        assert outcome == Outcome(
            Failure.STATUS, "PING: NOAUTH Authentication required. (it wants a password)"
        )
        assert outcome_of(port, redis=Redis(password=secret(b"s3cret"))).passed
        outcome = outcome_of(port, redis=Redis(password=secret(b"wrong")))
        assert outcome.words.endswith("(it refuses the user and password)")
        assert outcome_of(port, redis=Redis("monitor", secret(b"hunter2"))).passed
        outcome = outcome_of(port, redis=Redis("monitor", secret(b"hunter2"), RedisRole.MASTER))
        assert outcome.words.endswith("(the user may not do that)")


def certified(folder: Path) -> tuple[Path, Path]:
    """Make a key and the certificate of db.example.net that is its own authority."""
    key, certificate = folder / "key", folder / "certificate"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=db"]
    names = ("-addext", "subjectAltName=DNS:db.example.net", "-keyout", str(key), "-out", str(certificate))
    subprocess.run([*command, *names], check=True, capture_output=True)
    key.chmod(0o600)
    return key, certificate


def test_a_redis_may_be_asked_over_tls_by_either_kind(tmp_path: Path) -> None:
    key, certificate = certified(tmp_path)
    files = ("--tls-key-file", str(key), "--tls-cert-file", str(certificate), "--tls-auth-clients", "no")
    port = real.free_port()
    tls = Tls(ca_file=str(certificate), server_name="db.example.net")
    with real.redis("--tls-port", str(port), *files, "--tls-ca-cert-file", str(certificate)):
        outcome = outcome_of(port, redis=Redis(role=RedisRole.MASTER, tls=tls))
        assert (outcome.failure, outcome.words) == (None, "answered PING and is master")
        assert outcome.warning.startswith("the certificate ends in 1 day, on ")
        tcp = Tcp(b"PING\r\n", Expected(exact=b"+PONG\r\n"), tls=tls)
        assert outcome_of(port, tcp=tcp).words == "answered as expected"
        assert outcome_of(port, tcp=Tcp(tls=tls)).words == "took the connection"
        assert outcome_of(port, tcp=Tcp(tls=Tls())).failure is Failure.CERTIFICATE
        assert outcome_of(port, redis=Redis()).failure in (Failure.CLOSED, Failure.RESET)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    access = (
        "host all postgres 127.0.0.1/32 trust\n"
        "host all havip 127.0.0.1/32 scram-sha-256\n"
        "host all stranger 127.0.0.1/32 trust\n"
    )
    return real.initialized_postgresql(tmp_path_factory.mktemp("postgresql"), access)


def test_a_postgresql_that_judges_who_we_are_is_good(database: Path, tmp_path: Path) -> None:
    key, certificate = certified(tmp_path)
    shutil.copy(certificate, database / "server.crt")
    tls = Tls(ca_file=str(certificate), server_name="db.example.net")
    with real.postgresql(database, "ssl=on", f"ssl_key_file={key}") as port:
        for settings, words in [
            (Postgresql(), "serves, and asks for a log-in (SCRAM-SHA-256)"),
            (Postgresql("postgres"), "began a session"),
            (
                Postgresql("postgres", "nowhere"),
                'serves, and turns us away: database "nowhere" does not exist (3D000)',
            ),
            (Postgresql("stranger"), 'serves, and turns us away: role "stranger" does not exist (28000)'),
            (Postgresql("postgres", tls=tls), "began a session"),
        ]:
            outcome = outcome_of(port, postgresql=settings)
            assert (outcome.failure, outcome.words) == (None, words)
        outcome = outcome_of(port, postgresql=Postgresql("another"))
        assert outcome.passed
        assert "no pg_hba.conf entry" in outcome.words
        stranger = Tls(ca_file=str(certificate), server_name="other.example.net")
        outcome = outcome_of(port, postgresql=Postgresql("postgres", tls=stranger))
        assert outcome.failure is Failure.CERTIFICATE


def test_a_postgresql_that_is_full_has_failed(database: Path) -> None:
    few = ("max_connections=1", "superuser_reserved_connections=0", "max_wal_senders=0")
    with real.postgresql(database, *few) as port, socket.create_connection(("127.0.0.1", port)) as taken:
        taken.sendall(bytes.fromhex("00000017 00030000") + b"user\0postgres\0\0")
        assert taken.recv(1) == b"R"
        outcome = outcome_of(port, postgresql=Postgresql("postgres"))
    assert outcome == Outcome(Failure.STATUS, "sorry, too many clients already (53300)")


def test_a_postgresql_that_is_recovering_has_failed(database: Path) -> None:
    (database / "standby.signal").touch()
    try:
        with real.postgresql(database, "hot_standby=off", ready="entering standby mode") as port:
            outcome = outcome_of(port, postgresql=Postgresql("postgres"))
    finally:
        (database / "standby.signal").unlink()
    assert outcome.failure is Failure.STATUS
    assert outcome.words.endswith(" (57P03)")
    assert "the database system is" in outcome.words


def test_a_mariadb_is_good_and_does_not_count_us_among_those_who_hang_up(tmp_path: Path) -> None:
    source = ip_address("127.0.0.2")  # 127.0.0.1 is never blocked
    with real.mariadb(tmp_path, "--max-connect-errors=2") as port:
        for _ in range(5):
            outcome = outcome_of(port, mysql=Mysql(), source=source)
            assert outcome.passed
            assert "serves, and turns us away: Access denied for user 'havip'" in outcome.words
            assert outcome.words.endswith(" (error 1045)")
            outcome = outcome_of(port, mysql=Mysql("probe"), source=source)
            assert outcome.words.endswith("let us in")
        outcome = outcome_of(port, mysql=Mysql(), source=ip_address("127.0.0.3"))
        assert outcome.words == (
            "serves, and turns us away: Host '127.0.0.3' is not allowed to connect to this MariaDB server "
            "(error 1130)"
        )


def test_a_mariadb_that_is_full_has_failed(tmp_path: Path) -> None:
    # A fresh server: one that still counts an earlier connection turns one of ours away, and has room then.
    with real.mariadb(tmp_path, "--max-connections=10") as port, contextlib.ExitStack() as taken:
        for _ in range(11):  # it keeps one more, for who administers it
            one = taken.enter_context(socket.create_connection(("127.0.0.1", port)))
            header = one.recv(5, socket.MSG_WAITALL)
            assert header[4] == 10, "greeted: the version of the protocol"
        outcome = outcome_of(port, mysql=Mysql())
    assert outcome == Outcome(Failure.STATUS, "Too many connections (error 1040)")


def test_a_mariadb_that_blocks_this_host_has_failed(tmp_path: Path) -> None:
    source = ip_address("127.0.0.2")
    with real.mariadb(tmp_path, "--max-connect-errors=2") as port:
        for _ in range(3):
            with (
                socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0)) as rude,
                contextlib.suppress(ConnectionError),  # as it likes to hang up on such a one
            ):
                rude.recv(1024)
                rude.sendall(b"\1\0\0\1x")
                while rude.recv(1024):
                    pass
        outcome = outcome_of(port, mysql=Mysql(), source=source)
    assert outcome.failure is Failure.STATUS
    assert "is blocked because of many connection errors" in outcome.words
    assert outcome.words.endswith(" (error 1129)")
