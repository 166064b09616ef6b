"""How a probe encrypts its connection, and what it asks of the server's certificate.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from havip.clock import Duration, seconds
from havip.config.authentication import SecretSource


class TlsVersion(StrEnum):
    """The oldest version that is spoken."""

    V1_0 = "1.0"
    V1_1 = "1.1"
    V1_2 = "1.2"
    V1_3 = "1.3"


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS as a client; without a word the server must prove who it is, as to a browser."""

    verify: bool = True
    ca_file: str | None = None  # None: the certificates that the system trusts
    server_name: str | None = None  # asked for and verified; None: the host of the request or of the check
    certificate_file: str | None = None  # that we show if the server asks
    key_file: str | None = None  # None: the key stands in the file of the certificate
    key_password: SecretSource | None = None
    min_version: TlsVersion = TlsVersion.V1_2
    alpn: tuple[str, ...] = ()
    expiry_warning: Duration = field(default=seconds(14 * 86400))  # 0: none
