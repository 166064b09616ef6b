"""The daemons that the lab can run: havip, and keepalived for those who compare.

Owns their configuration files, how they are started, asked and signalled.  Must never judge them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Final

from havip.control.client import Client
from havip.errors import HavipError
from lab.netns import Host
from lab.plan import FAMILIES, MILLISECOND, OTHER_VIRTUAL, OTHER_VRID, SECOND, VIRTUAL, VRID, Router

#: where ``python -m havip`` finds this checkout
CHECKOUT: Final = Path(__file__).resolve().parent.parent


class Daemon(ABC):
    """One router's daemon."""

    def __init__(self, host: Host, router: Router, interval: int, out: Path, run: Path) -> None:
        self.host = host
        self.router = router
        self.interval = interval  # ns
        self.out = out  # for what people read: configuration, log
        self.run = run  # for sockets and pid files: a short path, as a socket's may have 107 bytes only
        self.log = out / f"{router.name}.log"
        self.log.unlink(missing_ok=True)
        self.process: subprocess.Popen[Any] | None = None
        self.asked_to_stop = False

    @property
    @abstractmethod
    def config(self) -> Path:
        """Return the configuration file."""

    @property
    @abstractmethod
    def command(self) -> list[str]:
        """Return the command line that runs the daemon in the foreground."""

    @abstractmethod
    def configuration(self, priority: int, with_other: bool) -> str:
        """Return the text of a configuration, with or without the unrelated virtual router."""

    @abstractmethod
    def states(self) -> dict[int, str] | None:
        """Return what the daemon says of itself, family -> state; None if it cannot be asked."""

    @abstractmethod
    def worker(self) -> int:
        """Return the pid of the process that speaks VRRP.  Raises `LookupError`."""

    @property
    def running(self) -> bool:
        """Say whether the process that we started lives."""
        return self.process is not None and self.process.poll() is None

    def configure(self, priority: int | None = None, *, with_other: bool = False) -> None:
        """Write the configuration file."""
        chosen = self.router.priority if priority is None else priority
        self.config.write_text(self.configuration(chosen, with_other))

    def start(self) -> None:
        """Start it."""
        self.asked_to_stop = False
        with open(self.log, "ab") as log:
            self.process = self.host.popen(
                *self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=CHECKOUT
            )

    def reload(self) -> None:
        """Have it read its configuration again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        self.asked_to_stop = True
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def last_words(self, lines: int = 12) -> str:
        """Return the end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Havip(Daemon):
    """``havip run``, from this checkout unless told otherwise."""

    def __init__(
        self, host: Host, router: Router, interval: int, out: Path, run: Path, launcher: list[str] | None
    ) -> None:
        super().__init__(host, router, interval, out, run)
        self._launcher = launcher or [sys.executable, "-m", "havip"]
        self.socket = run / f"{router.name}.sock"

    @property
    def config(self) -> Path:
        return self.out / f"{self.router.name}.yaml"

    @property
    def command(self) -> list[str]:
        # With a state of its own: the host's daemon may be in maintenance.
        places = ("--socket", os.fspath(self.socket), "--state", os.fspath(self.socket.with_suffix(".state")))
        return [*self._launcher, "run", "-c", os.fspath(self.config), *places]

    @property
    def status_command(self) -> list[str]:
        """Return the command line that shows the daemon's state."""
        return [*self._launcher, "status", "--socket", os.fspath(self.socket)]

    def configuration(self, priority: int, with_other: bool) -> str:
        lines = [f"# {self.router.name} of the lab", "defaults:", f"  interval: {spelt(self.interval)}"]
        lines += ["virtual_routers:"]
        for family in FAMILIES:
            lines += self._virtual_router(f"gateway{family}", VRID, priority, VIRTUAL[family])
        if with_other:
            lines += self._virtual_router("other", OTHER_VRID, 100, (OTHER_VIRTUAL,))
        return "\n".join(lines) + "\n"

    def states(self) -> dict[int, str] | None:
        routers = self._client().status().virtual_routers
        return {int(router.family[-1]): router.state for router in routers if router.vrid == VRID}

    def worker(self) -> int:
        try:
            workers = self._client().status().workers
        except HavipError as error:
            raise LookupError(f"{self.router.name}: {error}") from error
        for worker in workers:
            if worker.name == "vrrp" and worker.pid is not None:
                return worker.pid
        raise LookupError(f"{self.router.name}: status names no vrrp worker")

    def _client(self) -> Client:
        return Client(os.fspath(self.socket), timeout=5.0)

    def _virtual_router(self, name: str, vrid: int, priority: int, addresses: tuple[str, ...]) -> list[str]:
        return [
            f"  {name}:",
            "    interface: eth0",
            f"    vrid: {vrid}",
            f"    priority: {priority}",
            f"    addresses: [{', '.join(addresses)}]",
        ]


class Keepalived(Daemon):
    """keepalived as the distribution ships it, with the same virtual routers."""

    @property
    def config(self) -> Path:
        return self.out / f"{self.router.name}.keepalived.conf"

    @property
    def command(self) -> list[str]:
        pids = self.run / self.router.name
        files = ["-p", f"{pids}.pid", "-r", f"{pids}.vrrp.pid"]
        return ["keepalived", "-n", "-l", "-D", "-P", "-f", os.fspath(self.config), *files]

    def configuration(self, priority: int, with_other: bool) -> str:
        lines = ["global_defs {", "    vrrp_version 3", "}"]
        for family in FAMILIES:
            lines += self._instance(f"gateway{family}", VRID, priority, VIRTUAL[family])
        if with_other:
            lines += self._instance("other", OTHER_VRID, 100, (OTHER_VIRTUAL,))
        return "\n".join(lines) + "\n"

    def states(self) -> dict[int, str] | None:
        return None

    def worker(self) -> int:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if len(children) != 1:
            raise LookupError(f"{self.router.name}: keepalived has {len(children)} children, not one")
        return int(children[0])

    def _instance(self, name: str, vrid: int, priority: int, addresses: tuple[str, ...]) -> list[str]:
        return [
            f"vrrp_instance {name} {{",
            "    state BACKUP",
            "    interface eth0",
            f"    virtual_router_id {vrid}",
            f"    priority {priority}",
            f"    advert_int {self.interval / SECOND:g}",
            "    virtual_ipaddress {",
            *(f"        {address}" for address in addresses),
            "    }",
            "}",
        ]


def spelt(interval: int) -> str:
    """Return an interval as a configuration file writes it."""
    return f"{interval // MILLISECOND}ms"
