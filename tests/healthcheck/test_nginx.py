"""HTTP and HTTPS checks against nginx: keep-alive, chunks, virtual hosts, client certificates, SNI."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from havip.config.http import Http, HttpVersion, Method, Request, Statuses
from havip.config.tls import Tls
from havip.healthcheck.outcome import Failure
from havip.healthcheck.runner import Result
from tests.healthcheck.authority import certificates
from tests.healthcheck.probing import LOCAL, check, result_of
from tests.healthcheck.telling import play

PAGE = "ready " * 5000
CONFIGURATION = """
daemon off;
master_process off;
pid {here}/nginx.pid;
error_log {here}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log {here}/access.log;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    gzip off;
    server {{
        listen {plain};
        server_name _;
        root {here};
        location = /moved {{ return 302 /elsewhere; }}
        location = /busy {{ return 503; }}
        location = /weight {{ add_header X-Weight 40; return 200 "take me"; }}
        location = /chunked {{ ssi on; ssi_types *; root {here}; try_files /page.html =404; }}
    }}
    server {{ listen {plain}; server_name www.example.com; return 200 "the virtual host"; }}
    ssl_certificate {certificates}/server.pem;
    ssl_certificate_key {certificates}/server.key;
    server {{ listen {tls} ssl; return 200 "encrypted for $ssl_server_name"; }}
    server {{
        listen {tls} ssl;
        server_name private.shop.example.com;
        ssl_client_certificate {certificates}/ca.pem;
        ssl_verify_client on;
        return 200 "hello $ssl_client_s_dn";
    }}
}}
"""


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Run nginx; return its ports for HTTP and HTTPS."""
    here = tmp_path_factory.mktemp("nginx")
    here.chmod(0o755)
    (here / "page.html").write_text(PAGE)
    with socket.socket() as one, socket.socket() as two:
        for listener in (one, two):
            listener.bind((LOCAL, 0))
        plain, tls = one.getsockname()[1], two.getsockname()[1]
    where = {"plain": f"{LOCAL}:{plain}", "tls": f"{LOCAL}:{tls}"}
    configuration = here / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(here=here, certificates=certificates(), **where))
    command = ["/usr/sbin/nginx", "-c", str(configuration), "-e", str(here / "error.log")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            listening(here, process)
            yield plain, tls
        finally:
            process.terminate()


def listening(here: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until nginx listens: it writes its number once it does."""
    while not (here / "nginx.pid").exists():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
            raise AssertionError((here / "error.log").read_text())


def asked(http: Http, port: int, **more: Any) -> Result:
    """Return the result of one check."""
    found: list[Result] = []

    async def scene() -> None:
        found.append(await result_of(check(http=http, port=port, **more)))

    play(scene)
    return found[0]


def test_pages_virtual_hosts_and_several_urls(ports: tuple[int, int]) -> None:
    urls = (
        Request("/page.html", digest=hashlib.md5(PAGE.encode()).hexdigest()),
        Request("/page.html", method=Method.HEAD),
        Request("/chunked", digest=hashlib.sha256(PAGE.encode()).hexdigest()),
        Request("/", host="www.example.com", contains="the virtual host", forbidden="ready"),
        Request("/moved", status=(Statuses(302, 302),)),
        Request("/weight", regex="^take"),
    )
    for version in HttpVersion:
        outcome = asked(Http(urls=urls, version=version, weight_header="X-Weight"), ports[0]).outcome
        assert (outcome.failure, outcome.words, outcome.weight) == (None, "HTTP 200", 40)


@pytest.mark.parametrize(
    ("http", "words"),
    [
        (Http("/busy"), "HTTP 503, expected 200-299"),
        (Http("/nowhere"), "HTTP 404, expected 200-299"),
        (Http("/page.html", contains="hello"), 'the body does not contain "hello"'),
        (Http("/page.html", method=Method.POST, body="x"), "HTTP 405, expected 200-299"),
    ],
)
def test_what_is_wrong_is_said(ports: tuple[int, int], http: Http, words: str) -> None:
    assert asked(http, ports[0]).outcome.words == words


def test_https_with_sni_and_a_client_certificate(ports: tuple[int, int]) -> None:
    where = certificates()
    ours: dict[str, Any] = {
        "ca_file": str(where / "ca.pem"),
        "certificate_file": str(where / "client.pem"),
        "key_file": str(where / "client.key"),
    }
    http = Http(host="private.shop.example.com", contains="hello CN=client", tls=Tls(**ours))
    assert asked(http, ports[1]).outcome.passed
    without = Http(host="private.shop.example.com", tls=Tls(ca_file=ours["ca_file"]))
    assert asked(without, ports[1]).outcome.words == "HTTP 400, expected 200-299"
    named = Http(
        contains="encrypted for www", tls=Tls(ca_file=ours["ca_file"], server_name="www.example.com")
    )
    assert asked(named, ports[1]).outcome.passed


def test_https_asked_in_clear_and_http_asked_in_tls(ports: tuple[int, int]) -> None:
    assert asked(Http(), ports[1]).outcome.words == "HTTP 400, expected 200-299"
    outcome = asked(Http(tls=Tls(verify=False)), ports[0]).outcome
    assert (outcome.failure, outcome.words) == (Failure.TLS, "this is not a TLS server")
