"""The keys of ``tls`` in a health check: one group for every kind of probe.  Pure."""

from __future__ import annotations

from havip.clock import seconds
from havip.config.authentication import SecretSource
from havip.config.fields import Field, Group, ListOf
from havip.config.files import CA_FILE, CERTIFICATE_FILE, KEY_FILE
from havip.config.keys.cast import HOST_NAME
from havip.config.kinds import Flag, Period, Text, Word
from havip.config.secrettext import SecretText, sources
from havip.config.tls import Tls, TlsVersion

LONGEST_PASSWORD = 1024  # bytes
DAY = seconds(86400)

PASSWORD = Group(
    SecretSource,
    sources(SecretText(1, LONGEST_PASSWORD, binary=False), "the secret", "secret"),
    expected='a secret: its "file", its "credential" or its "value"',
)

TLS = Group(
    Tls,
    (
        Field(
            "verify",
            Flag(),
            "the server's certificate must be valid, signed by somebody whom we trust, and for its name",
            True,
        ),
        Field(
            "ca_file",
            CA_FILE,
            "certificates to trust instead of the system's",
            "/etc/havip/ca.pem",
            elsewhere=("ca", "cacert", "ca-file"),
        ),
        Field(
            "server_name",
            HOST_NAME,
            "the name that is asked for (SNI) and verified; unless given, the host of the request",
            "www.example.com",
            elsewhere=("sni", "sni_name", "enable_sni"),
        ),
        Field(
            "certificate_file",
            CERTIFICATE_FILE,
            "our certificate, and those between it and its CA, for a server that asks",
            "/etc/havip/client.pem",
            elsewhere=("certificate", "cert", "crt"),
        ),
        Field(
            "key_file",
            KEY_FILE,
            "the key of our certificate; unless given, it stands in the same file",
            "/etc/havip/client.key",
            elsewhere=("key",),
        ),
        Field(
            "key_password", PASSWORD, "what the key is encrypted with", {"file": "/etc/havip/key-password"}
        ),
        Field("min_version", Word(TlsVersion), "the oldest version that is spoken", "1.3"),
        Field(
            "alpn",
            ListOf(Text("the name of a protocol", r"^[!-~]{1,255}$", longest=255), 16),
            "the protocols that are offered (ALPN)",
            ["http/1.1"],
        ),
        Field(
            "expiry_warning",
            Period(seconds(1), seconds(3650 * 86400)),
            "how long before the end of the server's certificate a good run says so; 0s: never",
            "14d",
        ),
    ),
)
#: for the group of a kind of probe
TLS_FIELD = Field(
    "tls",
    TLS,
    "the connection is encrypted",
    {"ca_file": "/etc/havip/ca.pem"},
    elsewhere=("ssl", "SSL"),
)
