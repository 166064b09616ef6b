"""Runs inside User-Mode Linux, which has IPVS: havip's checker and keepalived's probe the same servers.

Each line of the result file is a daemon, a kind, a number of servers, us of CPU time per probe and how many
probes there were, counted by the servers.  keepalived's addresses of servers are havip's, and so is its pace.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from bench import usage
from bench.probing import ANSWERS, Checker, Server, address, checks_of, serving
from havip.clock import seconds, to_seconds

INTERVAL = 5  # seconds between two probes of a server: system calls take fifty times as long here
WINDOW = seconds(10)
SETTLE = 6.0  # seconds in which both come to their pace


CHECKERS = {
    "TCP": "TCP_CHECK {\n   connect_timeout 3\n  }",
    "HTTP": "HTTP_GET {\n   url {\n    path /\n    status_code 200\n   }\n   connect_timeout 3\n  }",
}


def configuration(kind: str, count: int, port: int) -> str:
    """Return keepalived's file: every server behind one virtual server."""
    servers = "".join(
        f" real_server {address(number)} {port} {{\n  {CHECKERS[kind]}\n }}\n" for number in range(count)
    )
    keys = f" delay_loop {INTERVAL}\n lvs_sched rr\n lvs_method DR\n protocol TCP\n"
    return f"global_defs {{\n router_id bench\n}}\nvirtual_server 127.9.0.1 {port} {{\n{keys}{servers}}}\n"


@contextlib.contextmanager
def keepalived(kind: str, count: int, server: Server, folder: Path) -> Iterator[int]:
    """Run keepalived's checkers; yield the process id of the one that probes."""
    file = folder / "keepalived.conf"
    file.write_text(configuration(kind, count, server.port))
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
def havip(kind: str, count: int, server: Server, folder: Path) -> Iterator[int]:
    """Run havip's checker worker; yield its process id."""
    with Checker() as checker:
        checker.put(checks_of(kind, count, server.port, seconds(INTERVAL)))
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
    daemons = [("keepalived", keepalived), ("havip", havip)]
    with open(results, "a") as file:
        for kind, (answer, _) in ANSWERS.items():
            with serving(answer) as server:
                for count, number in product(map(int, counts.split(",")), range(int(rounds))):
                    for name, run in daemons if number % 2 == 0 else daemons[::-1]:
                        with run(kind, count, server, Path(folder)) as pid:
                            cost, probes = measure(pid, server)
                        file.write(json.dumps([name, kind, count, cost, probes]) + "\n")
                        file.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
