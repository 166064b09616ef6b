"""Runs inside User-Mode Linux, which has IPVS: havip's checker and keepalived's probe the same servers.

Each line of the result file is a kind, a number of servers, and us of CPU time per probe.  Probes are counted
by the servers.  keepalived's addresses of servers are havip's, and so is its pace.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import usage
from bench.probing import Checker, Server, address, tcp_checks, tcp_server
from havip.clock import seconds, to_seconds

INTERVAL = 5  # seconds between two probes of a server: system calls take fifty times as long here
WINDOW = seconds(10)
SETTLE = 6.0  # seconds in which both come to their pace


def configuration(count: int, port: int) -> str:
    """Return keepalived's file: every server behind one virtual server."""
    servers = "".join(
        f" real_server {address(number)} {port} {{\n  TCP_CHECK {{\n   connect_timeout 3\n  }}\n }}\n"
        for number in range(count)
    )
    keys = f" delay_loop {INTERVAL}\n lvs_sched rr\n lvs_method DR\n protocol TCP\n"
    return f"global_defs {{\n router_id bench\n}}\nvirtual_server 127.9.0.1 {port} {{\n{keys}{servers}}}\n"


@contextlib.contextmanager
def keepalived(count: int, server: Server, folder: Path) -> Iterator[int]:
    """Run keepalived's checkers; yield the process id of the one that probes."""
    file = folder / "keepalived.conf"
    file.write_text(configuration(count, server.port))
    words = [
        "keepalived",
        "-n",
        "-l",
        "-C",
        "-f",
        str(file),
        "-p",
        str(folder / "k"),
        "-c",
        str(folder / "c"),
    ]
    with (
        open(folder / "keepalived.log", "w") as log,
        subprocess.Popen(words, stdout=log, stderr=log) as parent,
    ):
        try:
            seen = server.connections
            while server.connections < seen + count:
                if parent.poll() is not None:
                    raise RuntimeError((folder / "keepalived.log").read_text()[-2000:])
                time.sleep(0.1)
            yield usage.family_of(parent.pid)[-1]
        finally:
            parent.terminate()


@contextlib.contextmanager
def havip(count: int, server: Server, folder: Path) -> Iterator[int]:
    """Run havip's checker worker; yield its process id."""
    with Checker() as checker:
        checker.put(tcp_checks(count, server.port, seconds(INTERVAL)))
        yield checker.pid


def measure(pid: int, server: Server) -> tuple[float, int]:
    """Return us of CPU time per probe over a while, and how many there were."""
    time.sleep(SETTLE)
    probes, used = server.connections, usage.cpu_time((pid,))
    time.sleep(to_seconds(WINDOW))
    probes, used = server.connections - probes, usage.cpu_time((pid,)) - used
    return used / 1e3 / max(1, probes), probes


def main(results: str, folder: str, counts: str, rounds: str) -> None:
    """Measure both, in turn."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open(results, "a") as file, tcp_server() as server:
        for count in map(int, counts.split(",")):
            for number in range(int(rounds)):
                kinds = [("keepalived", keepalived), ("havip", havip)]
                for kind, run in kinds if number % 2 == 0 else kinds[::-1]:
                    with run(count, server, Path(folder)) as pid:
                        cost, probes = measure(pid, server)
                    file.write(json.dumps([kind, count, cost, probes]) + "\n")
                    file.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
