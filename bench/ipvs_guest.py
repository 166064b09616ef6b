"""Runs inside User-Mode Linux: programs IPVS tables by each program in turn, and writes down what it took.

What the kernel holds is read from /proc/net/ip_vs, whoever put it there; the watch is the same for all and
costs a few small reads a millisecond.  The results go to a file, one JSON line each.

Each measurement has a network namespace of its own: the kernel keeps what was removed for two minutes, and
walks through all of that for each server that is added, so whoever is measured first would be the fastest.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final

from bench import usage
from havip.control.client import Client
from lab.netns import Network
from lab.processes import end

TABLE: Final = Path("/proc/thread-self/net/ip_vs")  # of the namespace that the thread is in
SERVICES_OF_RR: Final = Path("/sys/module/ip_vs_rr/refcnt")  # each service holds its scheduler's module
PATIENCE: Final = 120.0  # seconds
PORT: Final = 8000
CHECK_EVERY: Final = 2  # seconds
MILLISECOND: Final = 0.001


@dataclass(frozen=True, slots=True)
class Pools:
    """So many services of so many servers each; one server's weight may differ."""

    services: int
    servers: int
    checked: bool = False  # the servers are this machine's loopback addresses, with a TCP check each
    odd: tuple[int, int, int] | None = None  # (service, server, weight)

    def __iter__(self) -> Iterator[tuple[int, str, list[tuple[str, int]]]]:
        """Yield each service: its number, its address, and its servers with their weights."""
        for service in range(self.services):
            yield service, f"10.200.{service}.1", [self._server(service, n) for n in range(self.servers)]

    def _server(self, service: int, number: int) -> tuple[str, int]:
        weight = self.odd[2] if self.odd is not None and self.odd[:2] == (service, number) else 1
        return f"{'127.1' if self.checked else '10.201'}.{service}.{number + 1}", weight

    @property
    def lines(self) -> int:
        """Return how many lines the kernel's table has for them."""
        return self.services * (1 + self.servers)


class Balancer(ABC):
    """A program that puts pools into the kernel."""

    kind: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.file = folder / f"{self.kind}.conf"
        self.log = folder / f"{self.kind}.log"
        self.process: subprocess.Popen[Any] | None = None

    @abstractmethod
    def words(self) -> list[str]:
        """Return its command line."""

    @abstractmethod
    def text(self, pools: Pools) -> str:
        """Return what is in its file."""

    def start(self, pools: Pools) -> None:
        """Start it on pools."""
        self.file.write_text(self.text(pools))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.words(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def reload(self) -> None:
        """Have it read its file again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def messages(self) -> int | None:
        """Return how many messages it has sent to the kernel; None if it does not say."""
        return None

    def stop(self) -> None:
        """End it, whatever it leaves in the table."""
        if self.process is not None and self.process.poll() is None:
            end(usage.family_of(self.process.pid))
            self.process.wait()


class Keepalived(Balancer):
    """Debian's keepalived with its checkers alone."""

    kind = "keepalived"

    def words(self) -> list[str]:
        pids = ("-p", f"{self.file}.pid", "-c", f"{self.file}.checkers.pid")
        return [
            "keepalived",
            "-C",
            "--dont-fork",
            "--log-console",
            "--no-syslog",
            "-f",
            str(self.file),
            *pids,
        ]

    def text(self, pools: Pools) -> str:
        check = "TCP_CHECK {\n connect_timeout 1\n retry 0\n }\n" if pools.checked else ""
        every = f" delay_loop {CHECK_EVERY}\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n"
        lines = ["global_defs {\n router_id bench\n}\n"]
        for _, address, servers in pools:
            lines.append(f"virtual_server {address} {PORT} {{\n{every}")
            lines += [
                f" real_server {one} {PORT} {{\n weight {weight}\n {check}}}\n" for one, weight in servers
            ]
            lines.append("}\n")
        return "".join(lines)


class Havip(Balancer):
    """``havip run`` of this checkout."""

    kind = "havip"

    def words(self) -> list[str]:
        places = ("--socket", f"{self.file}.sock", "--state", f"{self.file}.state")
        return [sys.executable, "-m", "havip", "run", "-c", str(self.file), *places]

    def messages(self) -> int | None:
        shown = Client(f"{self.file}.sock", timeout=PATIENCE).services_as_dict()
        return int(shown["ipvs"]["messages"])

    def text(self, pools: Pools) -> str:
        probe = f"{{tcp: {{}}, interval: {CHECK_EVERY}s, timeout: 1s, fall: 1, rise: 1}}"
        lines = ["virtual_services:\n"]
        for number, address, servers in pools:
            lines.append(f"  s{number}:\n    address: {address}\n    port: {PORT}\n    scheduler: rr\n")
            lines.append("    forwarding: nat\n")
            if pools.checked:
                lines.append(f"    probes: {{port: {probe}}}\n")
            lines.append("    servers:\n")
            lines += [
                f"      r{at}: {{address: {one}, weight: {weight}}}\n"
                for at, (one, weight) in enumerate(servers)
            ]
        return "".join(lines)


class Ipvsadm(Balancer):
    """``ipvsadm -R``, which has nothing else to do."""

    kind = "ipvsadm"

    def words(self) -> list[str]:
        return ["sh", "-c", f"exec ipvsadm -R < {self.file}"]

    def text(self, pools: Pools) -> str:
        lines = []
        for _, address, servers in pools:
            lines.append(f"-A -t {address}:{PORT} -s rr\n")
            lines += [f"-a -t {address}:{PORT} -r {one}:{PORT} -m -w {weight}\n" for one, weight in servers]
        return "".join(lines)


class Watch:
    """Waits for what the kernel's table shows."""

    @staticmethod
    def until(true: Callable[[], bool], pause: float = MILLISECOND) -> float:
        """Return the time, in seconds, at which something was first seen to be true."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            if time.monotonic() > deadline:
                raise RuntimeError("the table never showed it")
            time.sleep(pause)
        return time.monotonic()

    @staticmethod
    def services() -> int:
        """Return how many services there are, cheaply."""
        return int(SERVICES_OF_RR.read_text())

    @staticmethod
    def entries() -> int:
        """Return how many services and servers there are."""
        return TABLE.read_bytes().count(b"\n") - 3

    @staticmethod
    def head() -> list[list[str]]:
        """Return the beginning of the table, in words."""
        with TABLE.open("rb", buffering=0) as file:
            return [line.split() for line in file.read(4096).decode().splitlines()[3:]]


def programmed(balancer: Balancer, pools: Pools) -> tuple[float, float]:
    """Return the seconds from the start of a program, and from its first service, to the full table."""
    began = time.monotonic()
    balancer.start(pools)
    first = Watch.until(lambda: Watch.services() > 0)
    Watch.until(lambda: Watch.services() == pools.services)
    last = Watch.until(lambda: Watch.entries() == pools.lines)
    return last - began, last - first


def first_server() -> tuple[int, int]:
    """Return which server stands first in the kernel's table: (service, number)."""
    for words in Watch.head():
        if words[0] == "->":
            address = [int(words[1][at : at + 2], 16) for at in range(0, 8, 2)]
            return address[2], address[3] - 1
    raise RuntimeError("there is no server in the table")


def reloaded(balancer: Balancer, pools: Pools, weight: int) -> float:
    """Return the seconds from SIGHUP until the kernel has the weight of the one server that changed."""
    service, server = first_server()
    balancer.file.write_text(balancer.text(replace(pools, odd=(service, server, weight))))
    began = time.monotonic()
    balancer.reload()

    def changed() -> bool:
        return next(int(words[3]) for words in Watch.head() if words[0] == "->") == weight

    seconds = Watch.until(changed) - began
    if Watch.entries() != pools.lines:
        raise RuntimeError(f"{balancer.kind}: {Watch.entries()} entries after the reload, not {pools.lines}")
    return seconds


@contextmanager
def listening() -> Iterator[socket.socket]:
    """Accept on every loopback address, by a process of its own, until the socket is closed."""
    one = socket.create_server(("0.0.0.0", PORT), backlog=4096)
    code = f"import socket\none = socket.socket(fileno={one.fileno()})\nwhile True: one.accept()[0].close()"
    child = subprocess.Popen([sys.executable, "-c", code], pass_fds=[one.fileno()])
    try:
        yield one
    finally:
        one.close()
        child.kill()
        child.wait()


def failing(balancer: Balancer, pools: Pools) -> float:
    """Return the seconds from the end of all servers at once until none of them is in the table."""
    with listening():
        balancer.start(pools)
        Watch.until(lambda: Watch.entries() == pools.lines, 0.05)
        time.sleep(3 * CHECK_EVERY)  # each has been probed again: nobody is about to start
        if Watch.entries() != pools.lines:
            raise RuntimeError(f"{balancer.kind}: servers fail that do not")
    began = time.monotonic()
    return Watch.until(lambda: Watch.entries() == pools.services, 0.01) - began


KINDS: Final[dict[str, type[Balancer]]] = {kind.kind: kind for kind in (Keepalived, Havip, Ipvsadm)}


@contextmanager
def alone(kind: str, folder: Path) -> Iterator[Balancer]:
    """Give a balancer in a network namespace that nobody has used, in which the thread is meanwhile."""
    with Network("bench") as network, network.host("director").entered():
        balancer = KINDS[kind](folder)
        try:
            yield balancer
        finally:
            balancer.stop()


def main(results: Path, folder: Path, kinds: list[str], quick: bool) -> None:
    """Measure everything, by turns."""
    many = Pools(10, 50) if quick else Pools(100, 50)
    checked = Pools(4, 50, checked=True) if quick else Pools(20, 50, checked=True)
    with results.open("a", buffering=1) as told:

        def tell(what: str, kind: str, value: float) -> None:
            print(json.dumps([what, kind, value]), file=told)

        for turn in range(1 if quick else 5):
            order = kinds if turn % 2 == 0 else kinds[::-1]
            for kind in order:
                with alone(kind, folder) as balancer:
                    whole, table = programmed(balancer, many)
                    tell("exec", kind, whole)
                    tell("table", kind, table)
                    for weight in (2, 3) if kind != "ipvsadm" else ():
                        before = balancer.messages()
                        tell("reload", kind, reloaded(balancer, many, weight))
                        if before is not None:
                            tell("messages", kind, (balancer.messages() or 0) - before)
            for kind in order:
                if kind != "ipvsadm":
                    with alone(kind, folder) as balancer:
                        tell("failing", kind, failing(balancer, checked))


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split(","), sys.argv[4:] == ["quick"])
