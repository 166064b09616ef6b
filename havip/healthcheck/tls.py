"""TLS as probes speak it: contexts that are shared, a handshake that does not block, and failures in words.

A context is made once for each distinct setting (that takes 60 ms with the system's certificates), and made
anew when one of its files has changed.
"""

from __future__ import annotations

import os
import socket
import ssl
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from havip.clock import to_seconds, wall
from havip.config.tls import Tls, TlsVersion
from havip.healthcheck.attempt import Attempt, readable, writable
from havip.healthcheck.outcome import Failed, Failure, of_error

MOST_CONTEXTS: Final = 256
DAY: Final = 86400
OLDEST: Final = {
    TlsVersion.V1_0: ssl.TLSVersion.TLSv1,
    TlsVersion.V1_1: ssl.TLSVersion.TLSv1_1,
    TlsVersion.V1_2: ssl.TLSVersion.TLSv1_2,
    TlsVersion.V1_3: ssl.TLSVersion.TLSv1_3,
}
#: OpenSSL's numbers of what is wrong with a certificate
NOT_YET, EXPIRED, SELF_SIGNED, SELF_SIGNED_CA, NO_ISSUER, NO_CHAIN, WRONG_NAME, WRONG_ADDRESS = (
    9, 10, 18, 19, 20, 21, 62, 64,
)  # fmt: skip
#: what OpenSSL says when the other side does not speak TLS
NO_TLS: Final = {
    "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE",
    "RECORD_TOO_SMALL", "UNEXPECTED_MESSAGE", "UNKNOWN_PROTOCOL", "WRONG_VERSION_NUMBER",
}  # fmt: skip
ALERTS: Final = {
    "NO_APPLICATION_PROTOCOL": "the server speaks none of the protocols that were offered (ALPN)",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": "the server speaks none of the protocols that were offered (ALPN)",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the server does not accept our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the server says that our certificate has expired",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server found no way to go on: no cipher in common, "
    "or it wants a certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server wants a certificate of ours",
    "TLSV1_ALERT_PROTOCOL_VERSION": "no version of TLS in common",
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not trust the issuer of our certificate",
    "TLSV1_UNRECOGNIZED_NAME": "the server has no such name",
    "SSLV3_ALERT_UNRECOGNIZED_NAME": "the server has no such name",
    "UNSUPPORTED_PROTOCOL": "no version of TLS in common",
}

Files: TypeAlias = tuple[tuple[int, ...] | None, ...]  # what each was when it was read

_contexts: dict[tuple[object, ...], tuple[Files, ssl.SSLContext]] = {}


def context_of(tls: Tls, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """Return the context of a setting.  Raises `Failed` if one of its files is no longer good."""
    alpn = tls.alpn or alpn
    trusted = tls.ca_file or ssl.get_default_verify_paths().cafile
    files = tuple(map(look_of, (trusted if tls.verify else None, tls.certificate_file, tls.key_file)))
    # Without the name that is asked for: a thousand servers of one setting share a context.
    key = (
        *(tls.verify, tls.ca_file, tls.certificate_file, tls.key_file, tls.key_password, tls.min_version),
        alpn,
    )
    kept = _contexts.get(key)
    if kept is not None and kept[0] == files:
        return kept[1]
    if len(_contexts) >= MOST_CONTEXTS:
        _contexts.clear()
    context = new_context(tls, alpn)
    _contexts[key] = files, context
    return context


def look_of(path: str | None) -> tuple[int, ...] | None:
    """Return what changes when a file does; None: there is none."""
    try:
        found = os.stat(path) if path else None
    except OSError:
        return None
    return None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns)


def new_context(tls: Tls, alpn: tuple[str, ...]) -> ssl.SSLContext:
    """Make a context.  Raises `Failed`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.min_version in (TlsVersion.V1_0, TlsVersion.V1_1):
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL 3 has no others for them
    context.minimum_version = OLDEST[tls.min_version]
    if alpn:
        context.set_alpn_protocols(alpn)
    path = tls.ca_file
    try:
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif path is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(path)
            # what the file holds is trusted as it stands there, be it a server's own certificate
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if tls.certificate_file is not None:
            path = tls.certificate_file
            password = b"" if tls.key_password is None else tls.key_password.octets
            context.load_cert_chain(path, tls.key_file, lambda: password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        words = f"{path} cannot be used: {why.replace('_', ' ').lower()}"
        raise Failed(Failure.LOCAL, words) from None
    return context


async def shake_hands(
    sock: socket.socket, attempt: Attempt, tls: Tls, name: str, alpn: tuple[str, ...]
) -> ssl.SSLSocket:
    """Return the encrypted socket that takes the place of ``sock``.  Raises `Failed`."""
    attempt.stage = "the TLS handshake"
    context = context_of(tls, alpn)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    secured = wrapped(sock, attempt, context, name.rstrip("."))
    try:
        while True:
            try:
                secured.do_handshake()
                break
            except OSError as error:
                if not await overcome(secured.fileno(), attempt, error, name):
                    outcome = of_error(error)
                    words = f"{outcome.words} ({attempt.stage})"
                    raise Failed(outcome.failure or Failure.LOCAL, words) from None
    except BaseException:
        secured.close()
        raise
    if attempt.note is not None:
        attempt.note(in_words(secured))
    return secured


def wrapped(sock: socket.socket, attempt: Attempt, context: ssl.SSLContext, name: str) -> ssl.SSLSocket:
    """Return an encrypted socket before its handshake.  Raises `Failed`."""
    try:
        # of an address OpenSSL verifies the IP SAN, and Python asks for no name
        return context.wrap_socket(sock, server_hostname=name or None, do_handshake_on_connect=False)
    except ValueError:
        raise Failed(Failure.LOCAL, f"{name} is no name that can be asked for") from None
    except OSError:  # there is no connection any more
        raise Failed(Failure.RESET, f"connection reset by peer ({attempt.stage})") from None


async def overcome(descriptor: int, attempt: Attempt, error: OSError, name: str = "") -> bool:
    """Wait for what the encryption waits for.  Raises `Failed` for its errors; returns False for others."""
    match error:
        case ssl.SSLWantReadError():
            await readable(descriptor)
        case ssl.SSLWantWriteError():
            await writable(descriptor)
        case ssl.SSLCertVerificationError():
            raise Failed(Failure.CERTIFICATE, refusal(error, name)) from None
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            raise Failed(Failure.CLOSED, f"the connection was closed ({attempt.stage})") from None
        case ssl.SSLError():
            raise Failed(Failure.TLS, trouble(error)) from None
        case _:
            return False
    return True


def refusal(error: ssl.SSLCertVerificationError, name: str) -> str:
    """Say what is wrong with a certificate."""
    match error.verify_code:
        case code if code == NOT_YET:
            return "the certificate is not valid yet"
        case code if code == EXPIRED:
            return "the certificate has expired"
        case code if code in (SELF_SIGNED, SELF_SIGNED_CA):
            return "the certificate is signed by itself, or by somebody whom we do not trust"
        case code if code in (NO_ISSUER, NO_CHAIN):
            return "the certificate is signed by nobody whom we trust"
        case code if code in (WRONG_NAME, WRONG_ADDRESS):
            return f"the certificate is not for {name}"
        case _:
            return f"the certificate does not hold: {error.verify_message}"


def trouble(error: ssl.SSLError) -> str:
    """Say why there is no encrypted connection."""
    reason = error.reason or ""
    if reason in NO_TLS:
        return "this is not a TLS server"
    words = ALERTS.get(reason) or reason.replace("_", " ").lower() or str(error)
    return f"no encrypted connection: {words}"


def ends_at(secured: ssl.SSLSocket) -> float | None:
    """Return when the server's certificate ends, in seconds since 1970; None: it was not verified."""
    end = (secured.getpeercert() or {}).get("notAfter")
    return ssl.cert_time_to_seconds(end) if isinstance(end, str) else None


def warning_of(secured: ssl.SSLSocket, tls: Tls) -> str:
    """Say that the server's certificate ends soon; nothing if it does not."""
    end = ends_at(secured) if tls.expiry_warning else None
    left = 0.0 if end is None else end - wall()
    if end is None or left > to_seconds(tls.expiry_warning):
        return ""
    days = int(left // DAY)
    when = "in less than a day" if days < 1 else "in 1 day" if days == 1 else f"in {days} days"
    return f"the certificate ends {when}, on {day_of(end)}"


def day_of(moment: float) -> str:
    """Return a day for people."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def in_words(secured: ssl.SSLSocket) -> str:
    """Say what the encryption is, for who watches."""
    version = (secured.version() or "TLS").replace("TLSv", "TLS ")
    cipher = secured.cipher()
    chosen = secured.selected_alpn_protocol()
    words = version + (f", {cipher[0]}" if cipher else "") + (f", {chosen}" if chosen else "")
    end = ends_at(secured)
    if end is None:
        return f"{words}; the certificate is not verified"
    subject: Any = (secured.getpeercert() or {}).get("subject", ())
    names = [value for part in subject for key, value in part if key == "commonName"]
    return f"{words}; the certificate{' of ' + names[0] if names else ''} holds until {day_of(end)}"
