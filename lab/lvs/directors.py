"""The directors' daemons: havip with virtual routers, services, checks and connection synchronisation.

Owns their configuration files and how they are started, asked and ended.  Must never judge them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from havip.control.client import Client
from lab.lvs.plan import ECHO, GATEWAY, GUE_PORT, HTTP, INSIDE, LINK_LOCAL, WAYS, Way
from lab.lvs.servers import HEALTH
from lab.netns import Host

CHECKOUT: Final = Path(__file__).resolve().parents[2]
PRIORITY: Final = {"d1": 150, "d2": 100}
METHOD: Final = {"-m": "nat", "-g": "direct", "-i": "tunnel"}
#: virtual routers, one of each family: side -> (interface, VRID)
ROUTERS: Final = {"outside": ("eth0", 51), "inside": ("eth1", 52)}


def configuration(
    director: str,
    ways: Iterable[Way] = WAYS,
    weights: Mapping[str, int] | None = None,
    *,
    interval: str = "500ms",
    probing: str = "500ms",
    on_stop: str = "remove",
    reconcile: str = "10s",
    sync: bool = True,
    preempt_delay: str = "6s",
    drain: bool = False,
    transfers: bool = True,
) -> str:
    """Return a director's configuration: both sides move together; the other is told of connections.

    One that has booted waits before it takes over: first it has to hear of the connections there are.
    """
    ways = tuple(ways)
    weights = weights or {"w1": 1, "w2": 1}
    defaults = {"interval": interval, "priority": PRIORITY[director], "preempt_delay": preempt_delay}
    keys = ", ".join(f"{key}: {value}" for key, value in defaults.items())
    lines = [f"defaults: {{{keys}}}", "virtual_routers:"]
    routers = []
    for family in (4, 6):
        held = [f"{way.address}/{32 if family == 4 else 128}" for way in ways if way.family == family]
        for side, addresses in (("outside", held), ("inside", [INSIDE[family].format(GATEWAY)])):
            interface, vrid = ROUTERS[side]
            first = [LINK_LOCAL[interface]] if family == 6 else []
            if held:
                routers.append(f"{side}{family}")
                lines += [f"  {side}{family}:", f"    interface: {interface}", f"    vrid: {vrid}"]
                lines.append(f"    addresses: {quoted([*first, *addresses])}")
    lines += ["sync_groups:", f"  gateway: {{members: {quoted(routers)}}}"]
    lines += ["load_balancer:", f"  on_stop: {on_stop}", f"  reconcile: {reconcile}"]
    if sync:
        lines.append(f"  sync_daemon: {{interface: eth1, router: {routers[0]}}}")
    lines.append("virtual_services:")
    for way in ways:
        lines += service(way, "web", HTTP, weights, probing, drain)
        if transfers:
            lines += service(way, "echo", ECHO, weights, probing, drain)
    return "\n".join(lines) + "\n"


def service(
    way: Way, name: str, port: int, weights: Mapping[str, int], probing: str, drain: bool
) -> list[str]:
    """Return the lines of one virtual service: web pages are probed by HTTP, the rest by TCP."""
    kind = f"http: {{path: {HEALTH}}}" if port == HTTP else "tcp: {}"
    probe = f"{{{kind}, interval: {probing}, timeout: 5s, rise: 1, fall: 1}}"
    lines = [f"  {name}-{way.name}:", f'    address: "{way.address}"', f"    port: {port}"]
    lines += [f"    scheduler: {'wrr' if name == 'web' else 'rr'}", f"    forwarding: {forwarding(way)}"]
    lines += [f"    probes: {{service: {probe}}}", f"    drain: {str(drain).lower()}", "    servers:"]
    return lines + [
        f'      {server}: {{address: "{way.server(server)}", weight: {weight}}}'
        for server, weight in weights.items()
    ]


def forwarding(way: Way) -> str:
    """Return what the configuration says of a way."""
    method = METHOD[way.forwarding]
    if way.tunnel in ("", "ipip"):
        return method
    keys = [f"method: {method}", f"encapsulation: {way.tunnel}"]
    if way.tunnel == "gue":
        keys.append(f"port: {GUE_PORT}")
        keys += ["checksum: full"] if way.family == 6 else []
    return "{" + ", ".join(keys) + "}"


def quoted(words: Iterable[str]) -> str:
    """Return words as a YAML list."""
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


class Director:
    """``havip run`` on one director; its log and configuration lie in ``out``, its sockets in ``run``."""

    def __init__(self, host: Host, out: Path, run: Path, launcher: list[str] | None = None) -> None:
        self.host = host
        self.name = host.name
        self.config = out / f"{self.name}.yaml"
        self.log = out / f"{self.name}.log"
        self.log.unlink(missing_ok=True)
        self.socket = run / f"{self.name}.sock"
        self.client = Client(os.fspath(self.socket), timeout=30.0)
        self.process: subprocess.Popen[Any] | None = None
        self.asked_to_stop = False
        self._launcher = launcher or [sys.executable, "-m", "havip"]

    @property
    def running(self) -> bool:
        """Say whether the process that we started lives."""
        return self.process is not None and self.process.poll() is None

    def command(self, *verb: str) -> list[str]:
        """Return the command line of one of havip's verbs, to this daemon."""
        return [*self._launcher, *verb, "--socket", os.fspath(self.socket)]

    def configure(self, text: str) -> None:
        """Write its file."""
        self.config.write_text(text)

    def start(self) -> None:
        """Start it."""
        self.asked_to_stop = False
        places = ("-c", os.fspath(self.config), "--state", os.fspath(self.socket.with_suffix(".state")))
        with open(self.log, "ab") as log:
            self.process = self.host.popen(
                *(*self.command("run"), *places),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=CHECKOUT,
            )

    def reload(self) -> None:
        """Have it read its file again; return when it has."""
        self.client.reload()

    def stop(self) -> int:
        """End it in order; return its exit status."""
        assert self.process is not None
        self.asked_to_stop = True
        self.process.terminate()
        return self.process.wait(60)

    def states(self) -> dict[str, str]:
        """Return the state of each of its virtual routers."""
        return {router.name: router.state for router in self.client.status().virtual_routers}

    def worker(self, name: str) -> int:
        """Return the pid of a worker.  Raises `LookupError`."""
        for worker in self.client.status().workers:
            if worker.name == name and worker.pid is not None:
                return worker.pid
        raise LookupError(f"{self.name}: no worker {name}")

    def kill_checker(self) -> int:
        """Kill the process that checks and programs IPVS, without a word; return its pid."""
        pid = self.worker("checker")
        os.kill(pid, signal.SIGKILL)
        return pid

    def last_words(self, lines: int = 15) -> str:
        """Return the end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
