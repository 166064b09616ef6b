"""Checks over HTTP, SMTP and gRPC, and their encryption, as a file says them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from havip.clock import seconds
from havip.config.authentication import Secret, SecretSource
from havip.config.health import Check
from havip.config.http import Http, HttpVersion, Method, Request, Statuses
from havip.config.plan import plan
from havip.config.probes import Grpc, Smtp
from havip.config.tls import Tls, TlsVersion
from havip.messages import PutCheck, decode, encode
from tests.config.reading import complaints, read, router


def checks(*kinds: str) -> str:
    """Return a file with checks; the first stands in line 7."""
    lines = (f"  web{number}: {{host: 192.0.2.10, {kind}}}\n" for number, kind in enumerate(kinds))
    return f"{router()}checks:\n{''.join(lines)}"


def test_every_key_means_something(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)
    found = read(
        checks(
            "http: {path: /a, method: POST, host: w.example.com, body: x, status: '200-299, 404', "
            "contains: ok, regex: '^o', forbidden: error, regex_min_offset: 1, regex_max_offset: 9, "
            "digest: 900150983CD24FB0D6963F7D28E17F72, version: 1.0, headers: ['X: y'], username: me, "
            f"password: {{file: {secret}}}, max_body: 5, weight_header: X-Weight}}",
            "http: {urls: [/a, {path: /b, status: [301]}], authorization: {value: Bearer x}}",
            "http: {tls: {verify: false, server_name: w.example.com, min_version: 1.3, alpn: [h2]}}",
            "smtp: {helo: me.example.com, starttls: true, tls: {expiry_warning: 30d}}",
            "grpc: {service: shop.Cart, host: shop.example.com, tls: }, port: 50051",
        )
    ).checks
    password = SecretSource(Secret(b"open sesame"), file=str(secret))
    assert [one.http or one.smtp or one.grpc for one in found] == [
        Http(
            "/a", Method.POST, "w.example.com", "x", (Statuses(200, 299), Statuses(404, 404)), "ok", "^o",
            "error", 1, 9, "900150983cd24fb0d6963f7d28e17f72", (), HttpVersion.V1_0, ("X: y",),
            "me", password,
            max_body=5, weight_header="X-Weight",
        ),
        Http(
            urls=(Request("/a"), Request("/b", status=(Statuses(301, 301),))),
            authorization=SecretSource(Secret(b"Bearer x")),
        ),
        Http(tls=Tls(verify=False, server_name="w.example.com", min_version=TlsVersion.V1_3, alpn=("h2",))),
        Smtp("me.example.com", True, Tls(expiry_warning=seconds(30 * 86400))),
        Grpc("shop.Cart", "shop.example.com", Tls()),
    ]  # fmt: skip
    assert [one.port_in_force for one in found] == [80, 80, 443, 25, 50051]
    assert [decode(encode(PutCheck(one, None))) for one in found] == [PutCheck(one, None) for one in found]
    assert "sesame" not in repr(found)


def test_the_port_follows_the_encryption() -> None:
    assert Check("a", smtp=Smtp(tls=Tls())).port_in_force == 465
    assert Check("a", http=Http(tls=Tls()), port=8443).port_in_force == 8443


WEB = "checks.web0.http"
MISTAKES = [
    ("http: {path: health}", f'7:41: {WEB}.path: expected a path such as "/health", found "health"'),
    (
        "http: {status: 600-200}",
        f'7:43: {WEB}.status: expected status codes such as "200", "200-299, 301" or a list of these, '
        'found "600-200": it ends before it begins',
    ),
    (
        "http: {status: [20]}",
        f'7:44: {WEB}.status[0]: expected a status such as "200", or a range such as "200-299", found "20"',
    ),
    (
        "http: {regex: '(a'}",
        f'7:42: {WEB}.regex: expected a regular expression of at most 1024 characters, found "(a": '
        "missing ), unterminated subpattern at position 0",
    ),
    (
        "http: {forbidden: 'a*'}",
        f'7:46: {WEB}.forbidden: "a*": it matches every body, also an empty one',
    ),
    (
        "http: {digest: abc}",
        f'7:43: {WEB}.digest: expected 32 hexadecimal digits (MD5) or 64 (SHA-256), found "abc"',
    ),
    (
        "http: {urls: [/a, {path: /b, method: HEAD, contains: x}]}",
        f'7:81: {WEB}.urls[1].contains: "contains" beside "method: HEAD": the answer to HEAD has no body',
    ),
    (
        "http: {urls: [/a], path: /b}",
        f'7:53: {WEB}.path: expected it with each of the urls, found "path" beside "urls"',
    ),
    ("http: {username: x}", f'7:45: {WEB}.username: "username" without "password"'),
    ("http: {headers: ['Host: x']}", f'7:45: {WEB}.headers[0]: the header "Host": the key "host" says it'),
    (
        "http: {headers: ['Connection: close']}",
        f'7:45: {WEB}.headers[0]: the header "Connection": it is not for you to say',
    ),
    (
        "http: {regex_min_offset: 3}",
        f'7:53: {WEB}.regex_min_offset: expected "regex" or "forbidden", '
        "found an offset without a regular expression",
    ),
    (
        "http: {regex: a, regex_min_offset: 3, regex_max_offset: 2}",
        f"7:84: {WEB}.regex_max_offset: expected at least regex_min_offset, 3, found 2",
    ),
    ("http: {virtualhost: x}", f'7:35: {WEB}.virtualhost: unknown key "virtualhost"; did you mean "host"?'),
    ("http: {version: 2}", f'7:44: {WEB}.version: expected 1.0 or 1.1, found "2"'),
    ("http: {max_body: 0}", f'7:45: {WEB}.max_body: expected a whole number from 1 to 16777216, found "0"'),
    ("http: {tls: {ca_file: /nowhere}}", f"7:50: {WEB}.tls.ca_file: /nowhere: No such file or directory"),
    (
        "http: {tls: {verify: false, expiry_warning: 1d}}",
        f'7:72: {WEB}.tls.expiry_warning: "expiry_warning" beside "verify: false": '
        "with verify: false nothing is asked of the server's certificate",
    ),
    ("http: {tls: {sni: x}}", f'7:41: {WEB}.tls.sni: unknown key "sni"; did you mean "server_name"?'),
    (
        "http: {tls: {key_file: /nowhere}}",
        f'7:51: {WEB}.tls.key_file: "key_file" without "certificate_file"',
    ),
    (
        "http: {tls: {certificate_file: /etc/hostname}}",
        f"7:59: {WEB}.tls.certificate_file: /etc/hostname: no certificate in PEM with its key: "
        "they cannot be read",
    ),
    (
        "smtp: {helo: 'a b'}",
        "7:41: checks.web0.smtp.helo: expected a name of letters, digits, hyphens and dots, or an address "
        'in brackets, found "a b"',
    ),
    ("grpc: ", '7:3: checks.web0: expected the key "port" beside "grpc", found no "port" of "web0"'),
    (
        "SSL_GET: {}, tcp: {}, port: 1",
        '7:28: checks.web0.SSL_GET: unknown key "SSL_GET"; did you mean "http"?',
    ),
]


@pytest.mark.parametrize(("kind", "complaint"), MISTAKES)
def test_a_mistake_is_shown_where_it_stands(kind: str, complaint: str) -> None:
    assert complaints(checks(kind))[:1] == [complaint]


def test_grpc_without_its_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = checks("grpc: , port: 50051")
    assert complaints(text) == []
    monkeypatch.setitem(sys.modules, "hpack", None)
    assert complaints(text) == [
        "7:28: checks.web0.grpc: checks of gRPC need the Python library hpack, which is not installed"
    ]


def test_a_key_that_everybody_may_read_or_that_is_of_another_certificate_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        words = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -days 2"
        subprocess.run(
            ["openssl", *words.split(), "-keyout", f"{name}.key", "-out", f"{name}.pem"],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip
        (tmp_path / f"{name}.key").chmod(0o600)
    tls = "http: {{tls: {{certificate_file: {0}/one.pem, key_file: {0}/{1}.key}}}}"
    assert complaints(checks(tls.format(tmp_path, "one"))) == []
    (found,) = complaints(checks(tls.format(tmp_path, "two")))
    assert "one.pem: no certificate in PEM with its key: key values mismatch" in found
    (tmp_path / "one.key").chmod(0o644)
    (found,) = complaints(checks(tls.format(tmp_path, "one")))
    assert found.endswith("one.key: everybody has access to it (mode 0644): chmod o= it")


def test_a_reload_says_what_is_probed_otherwise_and_no_secret() -> None:
    old = read(checks("http: {path: /a, authorization: {value: old-secret}}", "http: {urls: [/a, /b]}"))
    new = read(
        checks(
            "http: {path: /b, status: [200, 301], authorization: {value: new-secret}}",
            "http: {urls: [/a, /c], tls: {}}",
        )
    )
    settings = plan(old, new).settings
    assert settings == (
        "checks.web0.http.path: /a -> /b",
        "checks.web0.http.status: 200-299 -> 200 301",
        "checks.web0.http.authorization.value: changed",
        "checks.web1.http.urls: GET /c (200-299) added, GET /b (200-299) removed",
        "checks.web1.http.tls: none -> set",
    )
