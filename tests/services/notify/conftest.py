"""What the tests of the channels share: quick retries, a certificate, changes to tell."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from havip import backoff
from havip.services.notify.news import News

PATIENCE = 15.0  # seconds until something that has not happened is taken for a failure


@pytest.fixture
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return (certificate, key) of localhost; the certificate vouches for itself."""
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.fixture
def news() -> Callable[..., News]:
    """Return what makes a change of state with the next serial number."""
    serial = 0

    def make(event: str = "MASTER", name: str = "gateway", kind: str = "router") -> News:
        nonlocal serial
        serial += 1
        state = "MASTER" if event == "MASTER_RX_LOWER_PRI" else event
        return News(serial, kind, name, event, state, "BACKUP", 100 if kind == "router" else 0, "why", 1.5)

    return make
