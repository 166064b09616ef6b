"""What watches keepalived's load balancer sees the same of havip: the cells of SNMP, the text of a dump.

This kernel has no IPVS, so `bench/ipvs.c` answers what keepalived asks of it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.checkers import SHIM
from havip import signals
from havip.balancing import DOWN, UP, ServerReport, ServiceReport
from havip.clock import seconds
from havip.config.balancing import (
    Block,
    Encapsulation,
    Forwarding,
    KernelTimeouts,
    LoadBalancer,
    Mark,
    Method,
    Persistence,
    Programs,
    RealServer,
    ServiceGroup,
    SorryServer,
    Transport,
    TunnelChecksum,
    VirtualService,
    WhenFailed,
)
from havip.config.health import Check
from havip.config.model import Configuration
from havip.config.probes import Tcp
from havip.config.snmp import Snmp
from havip.control.serviceviews import Service, service_as_dict
from havip.healthcheck.inotify import CLOSE_WRITE, MOVED_TO
from havip.messages import Transition
from havip.services import dumptext
from havip.services.snmp_balancing import Balancing
from havip.snmp.agentx import Range
from havip.snmp.trees import tree
from havip.snmp.values import END_OF_MIB_VIEW, Kind, Oid, Value, oid
from havip.snmp.view import View
from tests.daemon.agent import Agent
from tests.daemon.dumped import watched
from tests.interop.lan import Lan

pytestmark = pytest.mark.root

CHECK = ".1.3.6.1.4.1.9586.100.5.3"
SERVER_DIED = rf"{CHECK}\.5\.0\.1\b.*7F 00 00 02 .*{CHECK}\.4\.1\.6 = INTEGER: 2\b"
LAST_QUORUM = rf"{CHECK}\.5\.0\.2\b.*20 01 0D B8"

THEIRS = """
global_defs {
  router_id bench
  snmp_socket SOCKET
  enable_snmp_checker
  enable_traps
  lvs_timeouts tcp 900 tcpfin 120 udp 300
}
virtual_server_group resolvers {
  fwmark 7
  10.0.1.1 53
  10.0.1.2-5 53
}
virtual_server 192.0.2.1 80 {
  delay_loop 1
  retry 0
  lvs_sched wlc
  lvs_method NAT
  protocol TCP
  persistence_timeout 50
  persistence_granularity 255.255.255.0
  alpha
  omega
  quorum 1
  quorum_up "/usr/bin/true up"
  quorum_down "/usr/bin/true down"
  virtualhost www.test
  sorry_server 127.0.0.9 80
  real_server 127.0.0.2 80 {
    weight 3
    inhibit_on_failure
    uthreshold 100
    lthreshold 50
    notify_up "/usr/bin/true up"
    notify_down "/usr/bin/true down"
    TCP_CHECK {
      connect_timeout 5
    }
  }
  real_server 127.0.0.3 80 {
    weight 2
    lvs_method DR
  }
}
virtual_server fwmark 9 {
  lvs_sched sh
  lvs_method DR
  sh-port
  sh-fallback
  real_server 127.0.0.4 0 {
  }
}
virtual_server group resolvers {
  lvs_sched rr
  lvs_method TUN type gue port 6080 csum
  protocol UDP
  ops
  real_server 127.0.0.5 53 {
  }
}
virtual_server 2001:db8::1 443 {
  lvs_sched mh
  mh-port
  mh-fallback
  lvs_method DR
  protocol SCTP
  persistence_timeout 60
  persistence_granularity 64
  real_server 2001:db8::53 443 {
    weight 5
  }
}
"""


def server(name: str, address: str, **more: object) -> RealServer:
    return RealServer(name, ip_address(address), **more)  # type: ignore[arg-type]


UP_AND_DOWN = Programs(("/usr/bin/true", "up"), ("/usr/bin/true", "down"))
PROBE = Check("tcp", tcp=Tcp(), interval=seconds(1), retry_interval=None, timeout=seconds(5), fall=1)
WEB = VirtualService(
    "web",
    (
        server(
            "a",
            "127.0.0.2",
            weight=3,
            when_failed=WhenFailed.INHIBIT,
            upper_threshold=100,
            lower_threshold=50,
            probes=(PROBE,),
            notify=UP_AND_DOWN,
        ),
        server("b", "127.0.0.3", weight=2, forwarding=Forwarding(Method.DIRECT)),
    ),
    address=ip_address("192.0.2.1"),
    port=80,
    persistence=Persistence(seconds(50), 24),
    start_failed=True,
    announce_stop=True,
    host="www.test",
    notify=UP_AND_DOWN,
    sorry_server=SorryServer(ip_address("127.0.0.9"), 80),
)
DIRECT = Forwarding(Method.DIRECT)
OURS = Configuration(
    virtual_services=(
        WEB,
        VirtualService(
            "marked",
            (server("a", "127.0.0.4"),),
            fwmark=9,
            scheduler="sh",
            scheduler_flags=("sh-port", "sh-fallback"),
            forwarding=DIRECT,
        ),
        VirtualService(
            "dns",
            (server("a", "127.0.0.5", port=53),),
            group="resolvers",
            transport=Transport.UDP,
            scheduler="rr",
            one_packet=True,
            forwarding=Forwarding(Method.TUNNEL, Encapsulation.GUE, 6080, TunnelChecksum.FULL),
        ),
        VirtualService(
            "six",
            (server("a", "2001:db8::53", weight=5),),
            address=ip_address("2001:db8::1"),
            port=443,
            transport=Transport.SCTP,
            scheduler="mh",
            scheduler_flags=("mh-port", "mh-fallback"),
            forwarding=DIRECT,
            persistence=Persistence(seconds(60), 64),
        ),
    ),
    service_groups=(
        ServiceGroup(
            "resolvers",
            (
                Block(ip_address("10.0.1.1"), ip_address("10.0.1.1"), 53),
                Block(ip_address("10.0.1.2"), ip_address("10.0.1.5"), 53),
            ),
            (Mark(7),),
        ),
    ),
    load_balancer=LoadBalancer(timeouts=KernelTimeouts(seconds(900), seconds(120), seconds(300))),
)

#: the objects that differ, and why: docs/snmp.md says so, too
DIFFERENT = {
    r"3\.1\.(16|57|58|59|64|65|66|67)\.\d": "defaults of probes, where there is none",
    r"4\.1\.(43|44|45|46|48|49|50|51)\.\d\.\d": "the same, and of the last resort",
    r"3\.1\.51\.[23]": "keepalived shows no prefix length as 4294967295",
    r"3\.1\.71\.\d": "the name, which keepalived has only where snmp_name gives one",
    r"4\.1\.55\.\d\.\d": "the same of servers",
    r"4\.1\.47\.\d\.\d": "keepalived mails about servers also without a mail server",
    r"(3\.1\.2[45]|4\.1\.1[12]\.1)\.[12]": "keepalived puts every word of a program in quotation marks",
    r"4\.1\.42\.1\.1": "a server of last resort is never failed",
}


#: lines of a dump that only one of the two has, or that say something else
OTHERWISE = (
    r"^   Name = |State = |reloaded = |Alive: ",  # ours; theirs
    r"connection timeout|[Dd]elay.loop|Warmup|Timeout =",  # defaults of probes
    r"previous effective_weight",
    r"Using smtp notification",  # they mail about servers without a mail server
    r"(sh|mh)-(port|fallback) = |notify script",
    r"^   Connection$|^     Dest = ",
    r"elay before retry|Keepalive method|Current weight|Retries|Log all failures",
)
EMPTY: dict[str, Any] = {"virtual_routers": [], "sync_groups": [], "trackers": []}


def report_of(service: VirtualService) -> ServiceReport:
    """Return what the checker worker would report: all are up, but for the one with a probe."""
    servers = [
        ServerReport(
            one.name,
            str(one.address),
            service.port_of(one),
            DOWN if one.probes else UP,
            0.0,
            "",
            weight=one.weight,
            configured=one.weight,
            present=True,
            method="",
            failed=("web/a/tcp",) if one.probes else (),
        )
        for one in service.servers
    ]
    return ServiceReport(service.name, (), "", UP, 0.0, "", 1, 1, False, False, 0, servers=tuple(servers))


def shown_by(service: VirtualService) -> Service:
    """Return the same as the control socket shows it."""
    return Service.of(service_as_dict(report_of(service)))


NAMES = {
    Kind.INTEGER: "INTEGER",
    Kind.GAUGE32: "Gauge32",
    Kind.COUNTER32: "Counter32",
    Kind.COUNTER64: "Counter64",
}


def written(value: Value) -> str:
    """Return a value as net-snmp's tools write it."""
    if not isinstance(value.data, bytes):
        return f"{NAMES[value.kind]}: {value.data}"
    if value.data.isascii() and value.data.decode("ascii").isprintable():
        return f'STRING: "{value.data.decode()}"'
    return "Hex-STRING: " + value.data.hex(" ").upper()


def cells() -> dict[str, str]:
    """Return every cell of ours below `CHECK`."""
    view = View(OURS, services={service.name: shown_by(service) for service in OURS.virtual_services})
    mib = tree(Snmp(), view)
    root = at = oid(CHECK)
    found = {}
    end: Oid = (*root[:-1], root[-1] + 1)
    while (binding := mib.first_in(Range(at, False, end))).value is not END_OF_MIB_VIEW:
        at = binding.name
        found[".".join(map(str, at[len(root) :]))] = written(binding.value)
    return found


class Theirs(NamedTuple):
    """keepalived's checkers, and the agent that they serve."""

    agent: Agent
    pid: int
    folder: Path


@pytest.fixture
def theirs(lan: Lan, tmp_path: Path) -> Iterator[Theirs]:
    """keepalived's checkers, as soon as what is dead is dead."""
    host, folder = lan.hosts["r1"], tmp_path / "theirs"
    agent = Agent(host, tmp_path / "agent")
    folder.mkdir()
    library, file = folder / "ipvs.so", folder / "keepalived.conf"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, SHIM, "-ldl"], check=True)
    file.write_text(THEIRS.replace("SOCKET", str(agent.socket)))
    words = ["--dont-fork", "--log-console", "--no-syslog", "--check", "-f", file]
    files = ["-p", folder / "main.pid", "-c", folder / "checkers.pid"]
    with (folder / "log").open("wb") as log:
        process = host.popen(
            "keepalived", *words, *files,
            stdout=log, stderr=log, env=os.environ | {"LD_PRELOAD": str(library), "TMPDIR": str(folder)},
        )  # fmt: skip
    agent.wait_for_trap(SERVER_DIED)
    agent.wait_for_trap(LAST_QUORUM)
    yield Theirs(agent, int((folder / "checkers.pid").read_text()), folder)
    process.terminate()
    process.wait(20)


def told(change: Transition) -> list[tuple[str, str]]:
    """Return what ours tells of a change, as net-snmp writes it."""

    class Host:
        configuration = replace(OURS, notify=replace(OURS.notify, router_id="bench"))

    balancing = Balancing(Host())  # type: ignore[arg-type]
    balancing._up = {"web": {"a", "b"}, "six": {"a"}}
    trap = balancing.changed(change, "bench")
    assert trap is not None
    kind, *bindings = trap
    assert isinstance(kind.value.data, tuple)
    pairs = [("." + ".".join(map(str, one.name)), written(one.value)) for one in bindings]
    return [("which", ".".join(map(str, kind.value.data[-3:]))), *pairs]


def heard(agent: Agent, pattern: str) -> list[tuple[str, str]]:
    """Return the same of what keepalived told."""
    _, which, *bindings = agent.wait_for_trap(pattern).split("\t")
    pairs = [(name, value.strip()) for name, _, value in (one.partition(" = ") for one in bindings)]
    return [("which", ".".join(which.rsplit(".", 3)[1:])), *pairs]


def cells_differ(theirs: dict[str, str], ours: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """Return the cells that differ for no reason that is known."""
    return {
        name: (theirs.get(name), ours.get(name))
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name) != ours.get(name)
        and not any(re.fullmatch(pattern, name) for pattern in DIFFERENT)
    }


def compare_traps(agent: Agent) -> None:
    """Hold our traps to keepalived's."""
    assert told(Transition("server", "web/a", DOWN, 0, "", 0.0)) == heard(agent, SERVER_DIED)
    theirs = heard(agent, LAST_QUORUM)
    ours = told(Transition("service", "six", UP, 0, "", 0.0))
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    odd = {name for (name, mine), (_, other) in zip(ours, theirs, strict=True) if mine != other}
    assert odd == {f"{CHECK}.3.1.8"}  # keepalived says UDP of SCTP


def topology(text: str) -> list[str]:
    """Return what a dump says of the load balancer, without what differs by design."""
    lines = text.partition("------< LVS Topology >------\n")[2].splitlines()
    return [line for line in lines if not any(re.search(pattern, line) for pattern in OTHERWISE)]


def test_what_watches_keepalived_sees_the_same_of_havip(theirs: Theirs) -> None:
    walked, ours = theirs.agent.walk(CHECK), cells()
    assert cells_differ(walked, ours) == {}
    assert len(walked.keys() & ours.keys()) > 350
    compare_traps(theirs.agent)
    with watched(theirs.folder) as folder:
        how = MOVED_TO | CLOSE_WRITE
        dump = folder.ask(theirs.pid, signals.STATE, "keepalived_check.data", "Keepalive method", how)
    shown = {"shown": [service_as_dict(report_of(service)) for service in OURS.virtual_services]}
    mine = dumptext.state(OURS, EMPTY | {"services": shown | {"ipvs": {"version": "1.2.1"}}}, "r1", str)
    assert topology(mine) == topology(dump)
