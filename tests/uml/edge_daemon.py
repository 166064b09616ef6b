"""Runs inside User-Mode Linux: a daemon programs IPVS, in another network namespace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from havip.control.client import Client
from havip.ipvs.kernel import Kernel
from havip.ipvs.model import Protocol, ServiceKey

WEB: Final = ServiceKey(4, Protocol.TCP, ip_address("192.0.2.1"), 80)
CONFIGURATION: Final = """
load_balancer: {network_namespace: other}
virtual_services:
  web: {address: 192.0.2.1, port: 80, servers: {a: {address: 10.0.0.1}}}
"""
SOCKET: Final = "/run/havip.sock"


class Balancing:
    """A daemon whose service is in the kernel of the other namespace, and what it has logged."""

    def __init__(self, process: subprocess.Popen[str], there: Kernel) -> None:
        self.process = process
        self.there = there
        self.heard: list[str] = []

    def begin(self) -> None:
        """Return once the kernel has its service and the server."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.heard.append(line)
            if "service web: " in line:
                break
        assert "UP" in self.heard[-1], self.heard
        late = time.monotonic() + 60.0
        while not self.there.read().traffic and time.monotonic() < late:
            threading.Event().wait(0.1)  # the news may come before the kernel is told

    def end(self) -> None:
        """Have it end, and read what it says until then."""
        self.process.terminate()
        assert self.process.stderr is not None
        self.heard += self.process.stderr


@contextmanager
def balancing() -> Iterator[Balancing]:
    """Run a daemon."""
    there = Kernel("other")
    file = Path("/run/havip.yaml")
    file.write_text(CONFIGURATION)
    words = ("-c", str(file), "--socket", SOCKET, "--state", "/run/havip.state")
    command = [sys.executable, "-m", "havip", "run", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        daemon = Balancing(process, there)
        daemon.begin()
        yield daemon
    there.close()


def a_daemon_balances_in_another_network_namespace(kernel: Kernel) -> None:
    """Its checker keeps the capability that entering takes, and gives all back at the end."""
    with balancing() as daemon:
        told = set(daemon.there.read().table), kernel.read().table
        daemon.end()
        assert told == ({WEB}, {}), daemon.heard
        assert daemon.there.read().table == {}
    assert daemon.process.returncode == 0


def a_checker_that_hangs_leaves_nothing_behind_at_the_end(_kernel: Kernel) -> None:
    """Another one takes out of the kernel what that one had put there."""
    with balancing() as daemon:
        (pid,) = [one.pid for one in Client(SOCKET, timeout=30.0).status().workers if one.name == "checker"]
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        daemon.end()
        assert daemon.there.read().table == {}, daemon.heard
        assert any("is started once more, to see to the virtual services" in line for line in daemon.heard)
    assert daemon.process.returncode == 0
