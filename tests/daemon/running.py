"""A real daemon in a namespace, and the means to wait for what it does instead of sleeping."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from havip.control.client import Client
from havip.control.views import Router
from lab.netns import Host

PATIENCE = 15.0  # seconds until something that has not happened is taken for a failure
CHECKOUT = Path(__file__).resolve().parents[2]


class Daemon:
    """``havip run`` on one host, in a folder of its own."""

    def __init__(
        self, host: Host, folder: Path, configuration: str, *options: str, **environment: str
    ) -> None:
        self.host = host
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / f"{host.name}.yaml"
        self.socket = folder / f"{host.name}.sock"
        self.state = folder / f"{host.name}.state"
        self.client = Client(str(self.socket))
        self.lines: list[str] = []
        self.options = options  # more of the command line
        self._environment = environment
        self._news = threading.Condition()
        self.configure(configuration)
        self.start()

    def __enter__(self) -> Daemon:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)

    def configure(self, configuration: str) -> None:
        """Write the file; a running daemon does not look at it before it is told to."""
        self.file.write_text(configuration)

    def start(self) -> None:
        """Start the process and the thread that reads its log."""
        self.process: subprocess.Popen[str] = self.host.popen(
            *(sys.executable, "-m", "havip", "run", "-c", self.file, "--socket", self.socket),
            *("--state", self.state, *self.options),
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | self._environment,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str, count: int = 1) -> str:
        """Return the ``count``th line of the log that matches, as soon as it is there."""
        deadline = time.monotonic() + PATIENCE
        found: list[str] = []
        seen = 0
        with self._news:
            while True:
                found += [line for line in self.lines[seen:] if re.search(pattern, line)]
                seen = len(self.lines)
                if len(found) >= count:
                    return found[count - 1]
                if not self._news.wait(deadline - time.monotonic()):
                    log = "\n".join(self.lines[-100:])
                    times = f"{len(found)} times and not {count} times" if found else "never"
                    raise AssertionError(f"{self.host.name} said {pattern!r} {times}:\n{log}")

    def said(self, pattern: str) -> int:
        """Return how many lines of the log match so far."""
        with self._news:
            return sum(bool(re.search(pattern, line)) for line in self.lines)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        self.process.send_signal(number)

    def stop(self) -> int:
        """Stop in order and return the exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def router(self, name: str) -> Router:
        """Return the status of one virtual router."""
        (found,) = [router for router in self.client.status().virtual_routers if router.name == name]
        return found

    def worker(self) -> int:
        """Return the pid of the VRRP worker."""
        pid = self.client.status().workers[0].pid
        assert pid is not None
        return pid

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()


class NotifySocket:
    """The service manager's end of sd_notify."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(PATIENCE)

    def wait_for(self, wanted: str) -> list[str]:
        """Return the lines of the first message that holds the line ``wanted``."""
        while True:
            lines = self._socket.recv(4096).decode().splitlines()
            if wanted in lines:
                return lines

    def close(self) -> None:
        self._socket.close()


def router(vrid: int = 51, **fields: Any) -> str:
    """Return one virtual router of a configuration as a YAML flow mapping."""
    whole = {"interface": "eth0", "vrid": vrid, "interval": "100ms", "addresses": ["10.77.0.100/24"]} | fields
    return "{" + ", ".join(f"{key}: {spell(value)}" for key, value in whole.items()) + "}"


def spell(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {spell(item)}" for key, item in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def configuration(**routers: str) -> str:
    """Return a configuration of these virtual routers."""
    return "virtual_routers:\n" + "".join(f"  {name}: {text}\n" for name, text in routers.items())
