"""Real servers for tests of probes: on ports of this host, with files of their own, and ended afterwards."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lab.processes import end
from tests.healthcheck.telling import PATIENCE

POSTGRESQL: Final = Path("/usr/lib/postgresql")
MARIADB: Final = Path("/usr/share/mysql")
ACCOUNT: Final = (
    "insert into global_priv values ('127.0.0.2', 'probe', '{\"access\":0,"
    '"plugin":"mysql_native_password","authentication_string":""}\');\n'
)
#: PostgreSQL refuses to run as root: in here root has another number
AS_NOBODY: Final = ("unshare", "--user", "--map-user=1000")


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """Return a port that nobody had a moment ago."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def running(*argv: str, ready: str) -> Iterator[None]:
    """Run a server; what it says must contain ``ready`` before this goes on."""
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines: list[str] = []
    is_ready = threading.Event()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if ready in line:
                is_ready.set()
        is_ready.set()  # it has ended

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert is_ready.wait(PATIENCE), "".join(lines)
        assert process.poll() is None, "".join(lines)
        yield
    finally:
        end([process.pid])
        process.wait(PATIENCE)
        listener.join(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()


@contextlib.contextmanager
def dnsmasq(*options: str) -> Iterator[int]:
    """Run a DNS server that knows what it is told; yield its port."""
    port = free_port(socket.SOCK_DGRAM)
    common = ("--conf-file=/dev/null", "--no-daemon", "--no-resolv", "--no-hosts", "--user=root", "--no-ping")
    here = ("--listen-address=127.0.0.1", "--bind-interfaces", f"--port={port}")
    with running("dnsmasq", *common, *here, *options, ready="started, version"):
        yield port


@contextlib.contextmanager
def redis(*options: str) -> Iterator[int]:
    """Run a Redis that keeps nothing; yield its port."""
    port = free_port()
    common = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", str(port))
    with running("redis-server", *common, *options, ready="Ready to accept connections"):
        yield port


def initialized_postgresql(directory: Path, access: str) -> Path:
    """Make a data directory for PostgreSQL; return it."""
    data = directory / "data"
    program = str(newest_postgresql() / "initdb")
    options = ("--username=postgres", "--no-sync", "--encoding=UTF8", "--no-locale")
    command = [*AS_NOBODY, program, "-D", str(data), *options]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    (data / "pg_hba.conf").write_text(access)
    return data


@contextlib.contextmanager
def postgresql(data: Path, *settings: str, ready: str = "ready to accept connections") -> Iterator[int]:
    """Run a PostgreSQL; yield its port."""
    port = free_port()
    common = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", f"port={port}")
    words = [word for setting in (*common, *settings) for word in ("-c", setting)]
    program = str(newest_postgresql() / "postgres")
    with running(*AS_NOBODY, program, "-D", str(data), *words, ready=ready):
        yield port


def newest_postgresql() -> Path:
    """Return where the programs of Debian's newest PostgreSQL are."""
    return max(POSTGRESQL.glob("*/bin"), key=lambda path: int(path.parent.name))


@contextlib.contextmanager
def mariadb(directory: Path, *options: str) -> Iterator[int]:
    """Run a MariaDB with the accounts of a new installation, and `probe` from 127.0.0.2; yield its port."""
    data, port = directory / "data", free_port()
    (data / "mysql").mkdir(parents=True)
    small = ("--innodb-data-file-path=ibdata1:5M:autoextend", "--innodb-log-file-size=4M")
    common = ("--no-defaults", f"--datadir={data}", "--user=root", "--innodb-buffer-pool-size=8M", *small)
    tables = [MARIADB / f"mysql_system_tables{part}.sql" for part in ("", "_data")]
    subprocess.run(
        ["mariadbd", *common, "--bootstrap", "--skip-grant-tables"],
        input="\n".join(("use mysql;", *(path.read_text() for path in tables), ACCOUNT)),
        text=True,
        check=True,
        capture_output=True,
        timeout=60,
    )
    here = ("--bind-address=127.0.0.1", f"--port={port}", f"--socket={data}/socket")
    with running("mariadbd", *common, *here, *options, ready="ready for connections"):
        yield port
