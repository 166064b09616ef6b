"""keepalived's checkers and a virtual service of ours tell the same: the lines of a FIFO, the programs run.

The same servers fail and mend, one after the other.  This kernel has no IPVS, so `bench/ipvs.c` answers what
keepalived asks of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.checkers import SHIM
from havip.config.balancing import OnStop, Programs, RealServer, SorryServer, Transport, VirtualService
from havip.config.model import Configuration
from havip.services.notify.news import News, fifo_line, programs
from havip.services.notify.subjects import subjects
from tests.daemon.telling import Fifo, Recorder
from tests.interop.lan import Lan
from tests.ipvs.driving import BAD, CHECK, GOOD, Driven

pytestmark = pytest.mark.root

A, B, C, D = (RealServer(name, ip_address(f"10.0.0.{number}"), 80) for number, name in enumerate("abcd", 1))
OURS = (
    VirtualService(
        "one", (A, B, C), ip_address("192.0.2.1"), 80, quorum=2, hysteresis=1,
        sorry_server=SorryServer(ip_address("10.0.0.9"), 80),
    ),
    VirtualService("two", (A,), fwmark=9, announce_stop=True),
    VirtualService("three", (A,), group="grp", transport=Transport.UDP, start_failed=True),
)  # fmt: skip
#: which servers are good, one step after the other
STEPS = ("bc", "c", "", "b", "ab", "abc")

SERVICE = """
virtual_server {where} {{
  delay_loop 0.1
  retry 0
  lvs_sched wlc
  lvs_method NAT
  {more}
  quorum_up "{record} up {name}"
  quorum_down "{record} down {name}"
{servers}}}
"""
SERVER = """
  real_server {one.address} 80 {{
    notify_up "{record} up {name}/{one.name}"
    notify_down "{record} down {name}/{one.name}"
    MISC_CHECK {{
      misc_path "/usr/bin/test -e {folder}/{one.name}"
      warmup 0
    }}
  }}
"""
SETTINGS = {
    "one": ("192.0.2.1 80", "quorum 2\n  hysteresis 1\n  sorry_server 10.0.0.9 80\n  protocol TCP"),
    "two": ("fwmark 9", "omega"),
    "three": ("group grp", "alpha\n  protocol UDP"),
}


class Theirs(NamedTuple):
    """keepalived's checkers, and what hears them."""

    folder: Path
    fifo: Fifo
    recorder: Recorder
    process: subprocess.Popen[bytes]


@pytest.fixture
def theirs(lan: Lan, tmp_path: Path) -> Iterator[Theirs]:
    """keepalived's checkers, which begin with every server good."""
    folder = tmp_path
    recorder = Recorder(folder)
    configure(folder, OURS)
    library = folder / "ipvs.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, SHIM, "-ldl"], check=True)
    set_good(folder, "abc")
    fifo = Fifo(folder / "fifo")
    words = ["--dont-fork", "--log-console", "--no-syslog", "--check", "-f", folder / "keepalived.conf"]
    files = ["-p", folder / "main.pid", "-c", folder / "checkers.pid"]
    with (folder / "log").open("wb") as log:
        process = lan.hosts["r1"].popen(
            "keepalived", *words, *files, stdout=log, stderr=log,
            env=os.environ | {"LD_PRELOAD": str(library)},
        )  # fmt: skip
    yield Theirs(folder, fifo, recorder, process)
    process.kill()
    process.wait(20)
    fifo.close()


def configure(folder: Path, services: Iterable[VirtualService]) -> None:
    """Write keepalived's file."""
    text = f"global_defs {{\n  script_user root\n  lvs_notify_fifo {folder}/fifo\n}}\n"
    text += "virtual_server_group grp {\n  10.0.1.1 53\n}\n"
    record = folder / "record"
    for service in services:
        where, more = SETTINGS[service.name]
        servers = "".join(
            SERVER.format(one=one, name=service.name, record=record, folder=folder) for one in service.servers
        )
        text += SERVICE.format(where=where, more=more, name=service.name, record=record, servers=servers)
    (folder / "keepalived.conf").write_text(text)


def with_programs(service: VirtualService) -> VirtualService:
    """Return a service of ours that is checked, and runs what keepalived's runs."""

    def run(name: str) -> Programs:
        return Programs(("record", "up", name), ("record", "down", name))

    servers = tuple(replace(one, notify=run(f"{service.name}/{one.name}")) for one in service.servers)
    return replace(service, servers=servers, notify=run(service.name), probes=(CHECK,))


def set_good(folder: Path, names: str) -> None:
    """Have these servers be good, and no others."""
    for name in "abcd":
        if name in names + "d":
            (folder / name).touch()
        else:
            (folder / name).unlink(missing_ok=True)


class Teller:
    """One service of ours, and what keepalived's readers and programs would hear of it."""

    def __init__(self, service: VirtualService) -> None:
        service = with_programs(service)
        self._name = service.name
        self._concerns = dict(subjects(Configuration(virtual_services=(service,))))
        self._driven = Driven(service)
        self._names = [one.name for one in service.servers]
        self.endpoint = self._concerns["service", service.name].endpoint

    def step(self, good: str) -> tuple[list[str], list[str]]:
        """Judge every server; return the lines and the runs."""
        return self._said(
            self._driven.judges(**{name: GOOD if name in good else BAD for name in self._names})
        )

    def reload(self, service: VirtualService | None) -> tuple[list[str], list[str]]:
        """Put another configuration of the service in force, or (None) take it away."""
        if service is None:
            return self._said(self._driven.is_removed())
        service = with_programs(service)
        self._concerns |= dict(subjects(Configuration(virtual_services=(service,))))
        self._names = [one.name for one in service.servers]
        return self._said(self._driven.reloads(*service.servers))

    def end(self) -> tuple[list[str], list[str]]:
        """Let the daemon end."""
        return self._said(self._driven.ends(OnStop.REMOVE))

    def _said(self, told: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
        lines, runs = [], []
        for server, state in told:
            subject = ("server", f"{self._name}/{server}") if server else ("service", self._name)
            concern = self._concerns[subject]
            news = News(1, *subject, state, state, "", 0, "", 0.0, concern.endpoint)
            lines.append(fifo_line(news).decode().rstrip("\n"))
            runs += [" ".join(words[1:]) for words in programs(news, concern.settings)]
        return lines, runs


def test_scripts_and_fifo_readers_of_keepalived_s_checkers_hear_the_same_of_ours(theirs: Theirs) -> None:
    tellers = [Teller(service) for service in OURS]
    lines: dict[str, list[str]] = {teller.endpoint: [] for teller in tellers}
    runs: list[str] = []

    def take(teller: Teller, said: tuple[list[str], list[str]]) -> None:
        lines[teller.endpoint] += said[0]
        runs.extend(said[1])

    def heard() -> dict[str, list[str]]:
        return {endpoint: [line for line in theirs.fifo.lines if endpoint in line] for endpoint in lines}

    def wait() -> None:
        theirs.fifo.wait_until(lambda: all(len(heard()[one]) >= len(lines[one]) for one in lines), str(lines))

    for good in ("abc", *STEPS):
        set_good(theirs.folder, good)
        for teller in tellers:
            take(teller, teller.step(good))
        wait()
    # A reload takes a server and a service away, and has a server more.
    one = replace(OURS[0], servers=(A, B, D))
    configure(theirs.folder, (one, OURS[1]))
    theirs.process.send_signal(signal.SIGHUP)
    for teller, service in zip(tellers, (one, OURS[1], None), strict=True):
        take(teller, teller.reload(service))
    wait()
    take(tellers[0], tellers[0].step("abd"))
    theirs.process.terminate()
    for teller in tellers:
        take(teller, teller.end())
    wait()
    assert theirs.process.wait(20) == 0
    assert heard() == lines
    assert sorted(theirs.recorder.runs) == sorted(runs)
