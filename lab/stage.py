"""The stage: the network, the two daemons, the client's probe, and what all of them are seen to do.

Owns the record of the run: who held the addresses when, who answered the client, which adverts passed the
switch.  Must never take a daemon's word for any of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Any, Final

from lab.answers import Answers
from lab.daemons import CHECKOUT, Daemon, Havip, Keepalived
from lab.netns import Network
from lab.plan import CLIENT_ADDRESSES, FAMILIES, PROBED, ROUTERS, VIRTUAL, VRID, Router, bare, spell
from lab.probe import RECORD, Record
from lab.watch import AddressSeen, AdvertSeen, CarrierSeen, HostWatch, watch_adverts

PREFIX: Final = "havip_lab"
STATES: Final = ("MASTER", "BACKUP", "FAULT", "stopped")
RECORDS_AT_ONCE: Final = RECORD.size * 4096

Place = tuple[str, int]  # (router, family)


class NotInTime(Exception):
    """Something that had to happen did not, within its time."""


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the timeline."""

    at: int  # ns since the curtain rose
    who: str  # r1, r2, client or lab
    text: str
    kind: str = "note"  # MASTER, BACKUP, FAULT, stopped, lost, good, step, note, bad


@dataclass(slots=True)
class Seen:
    """What the witnesses know of one router."""

    held: dict[str, int] = field(default_factory=dict)  # virtual address -> ns since when
    carrier: bool = True
    running: bool = False


class Stage:
    """A context manager: all is set up inside, and nothing is left outside.

    Every fact arrives under one lock and wakes those who `wait`.  ``tell`` is called under it as well.
    """

    def __init__(
        self,
        interval: int,
        out: Path,
        tell: Callable[[Event], None],
        kind: str = "havip",
        launcher: list[str] | None = None,
    ) -> None:
        self.interval = interval  # ns
        self.out = out
        self.kind = kind
        self.began = time.monotonic_ns()
        self.adverts: list[AdvertSeen] = []
        self.spans: dict[Place, list[tuple[int, str]]] = {}  # where: (ns since when, state)
        self.cuts: list[list[Any]] = []  # [router, from, to or 0], in ns
        self.daemons: dict[str, Daemon] = {}
        self._launcher = launcher
        self._tell = tell
        self._news = threading.Condition(threading.RLock())
        self._seen = {router.name: Seen() for router in ROUTERS}
        self._out_of_reach = dict.fromkeys(FAMILIES, 0)  # ns since when the client has been without answer
        self._served_by = dict.fromkeys(FAMILIES, "")
        self._ended_unasked = ""
        self._cleaning = ExitStack()

    def __enter__(self) -> Stage:
        try:
            self._set_up()
        except BaseException:
            self._cleaning.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleaning.close()

    # ------------------------------------------------------------ what the story asks for

    def note(self, who: str, text: str, kind: str = "note") -> None:
        """Put a line into the timeline."""
        with self._news:
            self._tell(Event(time.monotonic_ns() - self.began, who, text, kind))

    def wait(self, holds: Callable[[], bool], what: str, timeout: float) -> None:
        """Return once ``holds()``, asked anew at every fact.

        Raises `NotInTime` after ``timeout`` s, or as soon as a daemon has ended that nobody asked to.
        """
        with self._news:
            if not self._news.wait_for(lambda: self._ended_unasked or holds(), timeout):
                raise NotInTime(f"not within {timeout:.1f} s: {what}")
            if self._ended_unasked:
                raise NotInTime(f"{self._ended_unasked}, before this: {what}")

    def state(self, router: str, family: int) -> str:
        """Return what a router is seen to be: one of `STATES`."""
        return self.spans[router, family][-1][1]

    def master_of(self, family: int) -> str:
        """Return the one router that is MASTER, "" if there is none or more than one."""
        masters = [router.name for router in ROUTERS if self.state(router.name, family) == "MASTER"]
        return masters[0] if len(masters) == 1 else ""

    def holds(self, router: str, address: str) -> bool:
        """Say whether a router holds an address, without prefix length, that came after the start."""
        return address in self._seen[router].held

    def was_master(self, router: str, since: int) -> bool:
        """Say whether a router held the addresses of either family at any time from ``since`` (ns) on."""
        with self._news:
            for family in FAMILIES:
                spans = self.spans[router, family]
                ends = [at for at, _ in spans[1:]] + [time.monotonic_ns()]
                if any(
                    state == "MASTER" and end > since for (_, state), end in zip(spans, ends, strict=True)
                ):
                    return True
        return False

    def heard(self, router: Router, family: int, since: int = 0) -> list[AdvertSeen]:
        """Return the adverts of a router for the lab's virtual router that passed the switch."""
        own = {bare(address) for address in router.addresses} | self._link_local[router.name]
        with self._news:
            return [
                seen
                for seen in self.adverts
                if seen.at >= since and (seen.family, seen.vrid) == (family, VRID) and seen.source in own
            ]

    def start(self, router: Router) -> None:
        """Start a router's daemon."""
        self.daemons[router.name].start()
        with self._news:
            self._seen[router.name].running = True
            self._judge(router.name)

    def wait_for_exit(self, router: Router, timeout: float = 10.0) -> int:
        """Return the exit status of a daemon that was asked to stop.  Raises `NotInTime`."""
        process = self.daemons[router.name].process
        assert process is not None
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise NotInTime(f"{router.name}: the daemon still runs {timeout:.0f} s after SIGTERM") from None
        with self._news:
            self._look_at_daemons()
        return status

    def cut(self, router: Router) -> None:
        """Cut a router off, silently."""
        self.cuts.append([router.name, time.monotonic_ns(), 0])
        self.network.cut(self.hosts[router.name])

    def mend(self, router: Router) -> None:
        """End what `cut` began."""
        self.network.mend(self.hosts[router.name])
        self.cuts[-1][2] = time.monotonic_ns()

    # ------------------------------------------------------------ setting up

    def _set_up(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        enter = self._cleaning.enter_context
        run = Path(enter(TemporaryDirectory(prefix="havip-lab-")))
        self.network = net = enter(Network(PREFIX))
        self.switch = switch = net.switch("lan")
        self.hosts = {router.name: net.host(router.name) for router in ROUTERS}
        self.client = net.host("client")
        net.plug(self.client, switch, addresses=CLIENT_ADDRESSES)
        for router in ROUTERS:
            host = self.hosts[router.name]
            net.plug(host, switch, addresses=router.addresses)
            self.daemons[router.name] = self._daemon(router, run)
            self.daemons[router.name].configure()
        self._link_local = {
            name: {address for address in host.addresses() if address.startswith("fe80:")}
            for name, host in self.hosts.items()
        }
        self.began = time.monotonic_ns()
        self.spans = {
            (router.name, family): [(self.began, "stopped")] for router in ROUTERS for family in FAMILIES
        }
        for router in ROUTERS:
            enter(HostWatch(self.hosts[router.name], self._on_host(router.name)))
        enter(watch_adverts(switch, self._on_advert))
        names = {host.mac(): name for name, host in self.hosts.items()}
        self.answers = {family: Answers(names) for family in FAMILIES}
        self._start_probe()

    def _daemon(self, router: Router, run: Path) -> Daemon:
        host = self.hosts[router.name]
        if self.kind == "keepalived":
            return Keepalived(host, router, self.interval, self.out, run)
        return Havip(host, router, self.interval, self.out, run, self._launcher)

    def _start_probe(self) -> None:
        probe = self.client.popen(
            sys.executable,
            "-m",
            "lab.probe",
            "eth0",
            *PROBED.values(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=CHECKOUT,
            bufsize=0,
        )
        pipe: IO[bytes] = probe.stdout  # type: ignore[assignment]  # it was asked for
        reader = threading.Thread(target=self._read_probe, args=(pipe.fileno(),), name="probe", daemon=True)
        reader.start()

        def end() -> None:
            probe.terminate()
            probe.wait()
            reader.join()  # the pipe ends with the probe
            pipe.close()

        self._cleaning.callback(end)

    # ------------------------------------------------------------ facts, each on its own thread

    def _read_probe(self, descriptor: int) -> None:
        rest = b""
        while data := os.read(descriptor, RECORDS_AT_ONCE):
            data = rest + data
            whole = len(data) - len(data) % RECORD.size
            rest = data[whole:]
            with self._news:
                for fields in RECORD.iter_unpack(data[:whole]):
                    record = Record(*fields)
                    self.answers[record.family].note(record)
                for family in FAMILIES:
                    self._look_at_client(family)
                self._look_at_daemons()
                self._news.notify_all()

    def _look_at_client(self, family: int) -> None:
        """Tell when the client loses its gateway, has it back, or is served by another router."""
        now = time.monotonic_ns()
        answers = self.answers[family]
        silent = answers.silent_for(now)
        lost_since = self._out_of_reach[family]
        if silent and not lost_since:
            self._out_of_reach[family] = now - silent
            self.note("client", f"IPv{family}: no answer", "lost")
        elif not silent and (who := answers.answering(1)):
            if lost_since:
                self._out_of_reach[family] = 0
                lasted = spell(now - lost_since)
                self.note("client", f"IPv{family}: answered by {who} again, after about {lasted}", "good")
            elif who != self._served_by[family]:
                self.note("client", f"IPv{family}: answered by {who} now, without a noticeable gap", "good")
            self._served_by[family] = who

    def _look_at_daemons(self) -> None:
        """Notice a daemon that ended, asked or not."""
        for name, seen in self._seen.items():
            daemon = self.daemons[name]
            if seen.running and not daemon.running:
                seen.running = False
                self._judge(name)
                if not daemon.asked_to_stop and daemon.process is not None:
                    what = f"{name}: the daemon ended with status {daemon.process.returncode}"
                    self._ended_unasked = self._ended_unasked or what
                    self.note(name, what, "bad")

    def _on_advert(self, seen: AdvertSeen) -> None:
        with self._news:
            self.adverts.append(seen)
            self._news.notify_all()

    def _on_host(self, router: str) -> Callable[[AddressSeen | CarrierSeen], None]:
        def note(fact: AddressSeen | CarrierSeen) -> None:
            with self._news:
                seen = self._seen[router]
                if isinstance(fact, CarrierSeen):
                    if fact.interface == "eth0":
                        seen.carrier = fact.up
                elif fact.held:
                    seen.held.setdefault(fact.address, fact.at)
                else:
                    seen.held.pop(fact.address, None)
                self._judge(router, fact.at)
                self._news.notify_all()

        return note

    def _judge(self, router: str, at: int | None = None) -> None:
        """Draw the conclusion: what is this router now, to anybody who looks at it from outside?"""
        seen = self._seen[router]
        for family in FAMILIES:
            if any(bare(address) in seen.held for address in VIRTUAL[family]):
                state = "MASTER"
            elif not seen.running:
                state = "stopped"
            else:
                state = "BACKUP" if seen.carrier else "FAULT"
            if state != self.state(router, family):
                when = time.monotonic_ns() if at is None else at
                self.spans[router, family].append((when, state))
                self._tell(Event(when - self.began, router, f"IPv{family}: {state}", state))
        self._news.notify_all()
