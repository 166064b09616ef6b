"""The two daemons side by side: each writes its configuration from the same description.

The description is `havip.config.model.VirtualRouter`.  Neither daemon may get an option here that the
other one is denied.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, Final

import yaml

from bench import usage
from havip.clock import Duration, spell, to_seconds
from havip.config.cast import Unicast
from havip.config.model import VirtualRouter
from lab.netns import Host
from lab.processes import end

PROJECT: Final = Path(__file__).resolve().parent.parent
REALTIME: Final = 50  # SCHED_RR priority of both daemons; 0: ordinary scheduling
PATIENCE: Final = 10.0  # seconds to end in


class Daemon(ABC):
    """One daemon in one namespace.  Leaving its ``with`` block ends every process of it."""

    kind: ClassVar[str]

    def __init__(
        self, host: Host, routers: Sequence[VirtualRouter], directory: Path, realtime: int = REALTIME
    ) -> None:
        self.host = host
        self.routers = tuple(routers)
        self.realtime = realtime
        self.directory = directory / f"{self.kind}-{host.name}"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_file = self.directory / "log"
        self.process: subprocess.Popen[Any] | None = None
        self.started_at = 0  # ns of CLOCK_REALTIME

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process is not None:
            end(usage.family_of(self.process.pid))
            self.process.wait(PATIENCE)
            self.process = None

    def end(self) -> None:
        """End it if it runs, as fast as can be; its namespace is not used again."""
        if self.process is not None and self.process.poll() is None:
            self.crash()

    @abstractmethod
    def configuration(self) -> str:
        """Return the text of the daemon's configuration file."""

    @abstractmethod
    def command(self, configuration: Path) -> list[str]:
        """Return the command line that stays in the foreground and logs to stderr."""

    @abstractmethod
    def state_line(self, router: str, state: str) -> str:
        """Return what is in its log's line when ``router`` enters MASTER or BACKUP."""

    def start(self, stderr: int | IO[bytes] | None = None) -> subprocess.Popen[Any]:
        """Start it; its log goes to ``stderr``, else to `log_file`."""
        file = self.directory / "configuration"
        file.write_text(self.configuration())
        with self.log_file.open("ab") as log:
            self.started_at = time.time_ns()
            self.process = self.host.popen(
                *self.command(file),
                stdin=subprocess.DEVNULL,
                stdout=log if stderr is None else stderr,
                stderr=log if stderr is None else subprocess.STDOUT,
                cwd=PROJECT,
            )
        return self.process

    def stop(self) -> int:
        """Ask it to resign and wait until it has ended; return its exit status."""
        process = self.running()
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE)

    def crash(self) -> None:
        """End all its processes without a word to anybody: none may notice that another is gone."""
        process, pids = self.running(), self.pids()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                os.kill(pid, number)
        process.wait(PATIENCE)

    def running(self) -> subprocess.Popen[Any]:
        """Return the first process.  Raises `RuntimeError` with the log where it has ended by itself."""
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"{self.kind} on {self.host.name} does not run:\n{self.log_file.read_text()}")
        return self.process

    def pids(self) -> list[int]:
        """Return the first process and all that descend from it.  Raises `RuntimeError` if it has ended."""
        return usage.family_of(self.running().pid)


class Keepalived(Daemon):
    """Debian's keepalived without its checkers, scheduled and locked in memory as havip is."""

    kind = "keepalived"

    def configuration(self) -> str:
        lines = ["global_defs {", "    router_id bench"]
        if self.realtime:
            # Its own limit of 10 ms without a blocking call would kill it during a large takeover.
            lines += [f"    vrrp_rt_priority {self.realtime}", "    vrrp_rlimit_rttime 10000000"]
        lines += ["    vrrp_no_swap", "}"]
        for router in self.routers:
            lines += [f"vrrp_instance {router.name} {{"]
            lines += [f"    {line}" for line in keepalived_words(router)]
            lines += ["}"]
        return "\n".join(lines) + "\n"

    def command(self, configuration: Path) -> list[str]:
        files = [
            word
            for option, name in (("-p", "main.pid"), ("-r", "vrrp.pid"), ("-c", "checkers.pid"))
            for word in (option, str(self.directory / name))
        ]
        options = ["--dont-fork", "--vrrp", "--log-console", "--no-syslog"]
        return ["keepalived", *options, "-f", str(configuration), *files]

    def state_line(self, router: str, state: str) -> str:
        return f"({router}) Entering {state} STATE"


def keepalived_words(router: VirtualRouter) -> Iterator[str]:
    """Yield the lines of one vrrp_instance.  Raises `ValueError` for what keepalived 2.2 cannot do."""
    if router.rfc9568:
        raise ValueError("keepalived before 2.3 always covers the pseudo header")
    if router.hmac is not None:
        raise ValueError("keepalived before 2.4 does not sign")
    yield f"state {'MASTER' if router.priority == 255 else 'BACKUP'}"
    yield f"interface {router.interface}"
    yield f"version {router.version}"
    yield f"virtual_router_id {router.vrid}"
    if router.virtual_mac.enabled:
        yield "use_vmac"
        if router.virtual_mac.transmit_on_parent:
            yield "vmac_xmit_base"
    yield f"priority {router.priority}"
    yield f"advert_int {seconds_of(router.interval)}"
    if not router.preempt:
        yield "nopreempt"
    if router.preempt_delay:
        yield f"preempt_delay {seconds_of(router.preempt_delay)}"
    yield f"down_timer_adverts {router.down_adverts}"
    if not router.answer_lower_priority:
        yield "lower_prio_no_advert true"
    # A master that gives way says so once, as havip always does: the winner then calls the neighbours back.
    yield "higher_prio_send_advert true"
    if router.authentication is not None:
        password = router.authentication.password.octets.decode()
        yield f"authentication {{\n        auth_type PASS\n        auth_pass {password}\n    }}"
    if router.unicast is not None:
        yield from keepalived_unicast(router.unicast)
    if router.multicast.group is not None:
        yield f"mcast_dst_ip {router.multicast.group}"
    if router.multicast.source is not None:
        yield f"mcast_src_ip {router.multicast.source}"
    said = router.announce
    yield f"garp_master_repeat {said.repeat}"
    yield f"garp_master_delay {seconds_of(said.delay)}"
    yield f"garp_master_refresh {seconds_of(said.refresh)}"
    yield f"garp_master_refresh_repeat {said.refresh_repeat}"
    yield f"garp_lower_prio_repeat {said.lower_priority_repeat}"
    yield f"garp_lower_prio_delay {seconds_of(said.lower_priority_delay)}"
    yield "virtual_ipaddress {"
    yield from (f"    {address}" for address in router.addresses)
    yield "}"


def keepalived_unicast(unicast: Unicast) -> Iterator[str]:
    """Yield the lines that speak of unicast."""
    if unicast.source is not None:
        yield f"unicast_src_ip {unicast.source}"
    yield f"unicast_ttl {unicast.ttl}"
    yield f"check_unicast_src {str(unicast.check_source).lower()}"
    yield "unicast_peer {"
    for peer in unicast.peers:
        bounds = f" min_ttl {peer.min_ttl} max_ttl {peer.max_ttl}" if peer.bounded else ""
        yield f"    {peer.address}{bounds}"
    yield "}"


def seconds_of(length: Duration) -> str:
    """Return a length as keepalived reads it: ``1``, ``0.01``."""
    return f"{to_seconds(length):g}"


class Havip(Daemon):
    """This project, from its source tree."""

    kind = "havip"

    @property
    def socket(self) -> Path:
        """Return the path of its control socket."""
        return self.directory / "control.sock"

    def configuration(self) -> str:
        document = {
            "daemon": {"realtime_priority": self.realtime, "lock_memory": True},
            "virtual_routers": {router.name: havip_words(router) for router in self.routers},
        }
        return yaml.safe_dump(document, sort_keys=False)

    def command(self, configuration: Path) -> list[str]:
        places = ("--socket", str(self.socket), "--state", str(self.directory))
        return [sys.executable, "-m", "havip", "run", "-c", str(configuration), *places]

    def state_line(self, router: str, state: str) -> str:
        return f" {router}: {state}"


def havip_words(router: VirtualRouter) -> dict[str, object]:
    """Return one virtual router as its YAML node."""
    said = router.announce
    return (
        cast_words(router)
        | authentication_words(router)
        | {
            "interface": router.interface,
            "vrid": router.vrid,
            "version": router.version,
            "priority": router.priority,
            "interval": spell(router.interval),
            "preempt": router.preempt,
            "preempt_delay": spell(router.preempt_delay),
            "down_adverts": router.down_adverts,
            "rfc9568": router.rfc9568,
            "answer_lower_priority": router.answer_lower_priority,
            "addresses": [str(address) for address in router.addresses],
            "virtual_mac": {
                "enabled": router.virtual_mac.enabled,
                "transmit_on_parent": router.virtual_mac.transmit_on_parent,
            },
            "announce": {
                "repeat": said.repeat,
                "delay": spell(said.delay),
                "refresh": spell(said.refresh),
                "refresh_repeat": said.refresh_repeat,
                "lower_priority_repeat": said.lower_priority_repeat,
                "lower_priority_delay": spell(said.lower_priority_delay),
                "interval": spell(said.interval),
            },
        }
    )


def cast_words(router: VirtualRouter) -> dict[str, object]:
    """Return to whom adverts go, as far as it is said at all."""
    unicast, multicast = router.unicast, router.multicast
    if unicast is None:
        said = {"source": multicast.source, "group": multicast.group}
        return {"multicast": {key: str(value) for key, value in said.items() if value is not None}}
    peers = [
        {"address": str(peer.address), "min_ttl": peer.min_ttl, "max_ttl": peer.max_ttl}
        for peer in unicast.peers
    ]
    source = {} if unicast.source is None else {"source": str(unicast.source)}
    words = {"peers": peers, "ttl": unicast.ttl, "check_source": unicast.check_source}
    return {"unicast": words | source}


def authentication_words(router: VirtualRouter) -> dict[str, object]:
    """Return how adverts prove where they come from, if they do."""
    words: dict[str, object] = {}
    if router.hmac is not None:
        keys = {key.number: {"value": f"hex:{key.octets.hex()}"} for key in router.hmac.keys}
        words["hmac"] = {"keys": keys, "active_key": router.hmac.active_key}
    if router.authentication is not None:
        password = router.authentication.password.octets.decode()
        words["authentication"] = {"type": str(router.authentication.type), "password": password}
    return words


KINDS: Final[tuple[type[Daemon], ...]] = (Keepalived, Havip)
