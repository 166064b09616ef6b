"""Certificates for tests, made with openssl: two CAs, servers with all that can be wrong, a client."""

from __future__ import annotations

import atexit
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
#: (name, subject alternative names, days from now when it begins and ends)
SERVERS = (
    ("server", "DNS:www.example.com,DNS:*.shop.example.com,IP:127.0.0.1", 0, 300),
    ("elsewhere", "DNS:other.example.com,IP:192.0.2.1", 0, 300),
    ("ended", "IP:127.0.0.1", -9, -2),
    ("coming", "IP:127.0.0.1", 2, 300),
    ("ending", "IP:127.0.0.1", 0, 5),
    ("client", "DNS:client.example.com", 0, 300),
)


def openssl(where: Path, words: str) -> None:
    """Run openssl in a directory."""
    subprocess.run(["openssl", *words.split()], cwd=where, check=True, capture_output=True)


def day(distance: int) -> str:
    """Return a day as openssl wants it."""
    return (datetime.now(UTC) + timedelta(days=distance)).strftime("%Y%m%d%H%M%SZ")


@cache
def certificates() -> Path:
    """Return the directory with NAME.pem and NAME.key of each, `ca.pem`, and `stranger.pem`, another CA."""
    where = Path(mkdtemp(prefix="havip-certificates-"))
    atexit.register(shutil.rmtree, where)
    for authority in ("ca", "stranger"):
        made = f"-keyout {authority}.key -out {authority}.pem"
        openssl(where, f"req -x509 {KEY} -subj /CN={authority} -days 900 {made}")
    (where / "index.txt").touch()
    (where / "serial").write_text("1000\n")
    for name, names, first, last in SERVERS:
        (where / "ca.cnf").write_text(
            "[ca]\ndefault_ca = us\n[us]\ndatabase = index.txt\nserial = serial\nnew_certs_dir = .\n"
            "default_md = sha256\npolicy = any\nunique_subject = no\nx509_extensions = more\n"
            f"[any]\ncommonName = supplied\n[more]\nsubjectAltName = {names}\n"
        )
        openssl(where, f"req -new {KEY} -subj /CN={name} -keyout {name}.key -out {name}.csr")
        dates = f"-startdate {day(first)} -enddate {day(last)}"
        files = f"-cert ca.pem -keyfile ca.key -in {name}.csr -out {name}.pem"
        openssl(where, f"ca -batch -notext -config ca.cnf {dates} {files}")
        (where / f"{name}.key").chmod(0o600)
    return where
