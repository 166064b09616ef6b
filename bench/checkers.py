"""keepalived's checkers beside havip's: the same servers at the same pace.

They do not start on a kernel without IPVS, so a library of ours (`ipvs.c`) answers what they ask of it; what
and how they probe is theirs.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench import usage
from bench.probing import Server, address
from havip.clock import Duration, to_seconds
from lab.processes import end

SHIM: Final = Path(__file__).with_name("ipvs.c")
PATIENCE: Final = 120.0  # seconds until each server has been probed
CHECKERS: Final = {
    "TCP": "TCP_CHECK {\n   connect_timeout 3\n  }",
    "HTTP": "HTTP_GET {\n   url {\n    path /\n    status_code 200\n   }\n   connect_timeout 3\n  }",
}


def configuration(kind: str, count: int, port: int, interval: Duration) -> str:
    """Return keepalived's file: every server behind one virtual server."""
    servers = "".join(
        f" real_server {address(number)} {port} {{\n  {CHECKERS[kind]}\n }}\n" for number in range(count)
    )
    keys = f" delay_loop {to_seconds(interval):g}\n lvs_sched rr\n lvs_method DR\n protocol TCP\n"
    return f"global_defs {{\n router_id bench\n}}\nvirtual_server 127.9.0.1 {port} {{\n{keys}{servers}}}\n"


@contextlib.contextmanager
def keepalived(
    kind: str, count: int, server: Server, interval: Duration, cpu: int, folder: Path
) -> Iterator[int]:
    """Run keepalived's checkers on one processor; yield the process id of the one that probes."""
    folder.mkdir(parents=True, exist_ok=True)
    library, file, log = folder / "ipvs.so", folder / "keepalived.conf", folder / "keepalived.log"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, SHIM, "-ldl"], check=True)
    file.write_text(configuration(kind, count, server.port, interval))
    words = [
        "taskset",
        "-c",
        str(cpu),
        "keepalived",
        "--dont-fork",
        "--log-console",
        "--no-syslog",
        "--check",
    ]
    files = ["-f", str(file), "-p", str(folder / "k.pid"), "-c", str(folder / "c.pid")]
    seen, environment = server.connections, os.environ | {"LD_PRELOAD": str(library)}
    with log.open("wb") as said:
        parent = subprocess.Popen([*words, *files], stdout=said, stderr=said, env=environment)
    try:
        deadline = time.monotonic() + PATIENCE
        while server.connections < seen + count:
            if parent.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text(errors="replace")[-2000:])
            time.sleep(0.1)
        yield usage.family_of(parent.pid)[-1]
    finally:
        end(usage.family_of(parent.pid))
        parent.wait()
