"""Virtual services in a real daemon: everything shows the same of them, whether or not the kernel has IPVS.

Where it has none, the services are in FAULT and say so, and all but traffic is as it would be.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from havip import signals
from havip.control.client import Refused
from havip.control.serviceviews import Server, Services
from tests.daemon.agent import Agent
from tests.daemon.conftest import Lan
from tests.daemon.dumped import watched
from tests.daemon.running import PATIENCE, Daemon
from tests.daemon.test_checks import server
from tests.daemon.test_metrics import HEARS, scraped_until

pytestmark = pytest.mark.root

SERVERS = ".1.3.6.1.4.1.9586.100.5.3.4.1"
ALIVE, DEAD = "INTEGER: 1", "INTEGER: 2"


def text(port: int, more: str = "") -> str:
    """Return a service with a server that answers and one that does not."""
    return f"""\
virtual_services:
  web:
    address: 10.77.0.100
    port: 80
    probes: {{tcp: {{tcp: {{}}, interval: 100ms, fall: 1, rise: 1}}}}
    servers:
      web1: {{address: 127.0.0.1, port: {port}, weight: 3}}
      web2: {{address: 127.0.0.2, port: 1}}
{more}"""


def services_until(daemon: Daemon, holds: Callable[[Services], bool]) -> Services:
    """Ask again and again until the services are so."""
    deadline = time.monotonic() + PATIENCE
    while not holds(found := daemon.client.services()):
        assert time.monotonic() < deadline, found
    return found


def servers(services: Services) -> dict[str, Server]:
    return {one.name: one for one in services.shown[0].servers}


def judged(services: Services) -> bool:
    """Say whether the probes have told one from the other."""
    found = servers(services)
    return found["web1"].state not in ("UNKNOWN", "DOWN") and found["web2"].state == "DOWN"


def said(daemon: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a verb against the daemon."""
    return daemon.host.run(sys.executable, "-m", "havip", *words, "--socket", daemon.socket, check=False)


def test_everything_shows_the_same_of_services_and_servers(lan: Lan, folder: Path) -> None:
    agent = Agent(lan.r1, folder / "agent")
    with (
        server(lan.r1) as port,
        Daemon(lan.r1, folder, text(port, f"{HEARS}snmp: {agent.socket}\n")) as daemon,
    ):
        daemon.wait_for("running")
        services = services_until(daemon, judged)
        assert services.ipvs is not None
        without = services.ipvs["why"] is not None
        web = services.shown[0]
        assert (web.state == "FAULT") is without
        assert web.endpoints == ("tcp 10.77.0.100:80",)
        found = servers(services)
        assert found["web2"].failed == ("web/web2/tcp",)
        assert found["web1"].present is not without
        status = said(daemon, "status")
        assert ("IPVS: FAULT" in status.stdout, status.returncode) == (without, 0)
        assert "web/web2" in status.stdout
        brief = said(daemon, "services", "--brief").stdout
        assert brief.splitlines()[1].split()[:2] == ["web", web.state]

        metrics = scraped_until(daemon, lambda found: "havip_ipvs_available" in found)
        assert metrics["havip_ipvs_available"] == (not without)
        assert metrics["havip_server_up{server=web2,service=web}"] == 0
        assert metrics[f"havip_service_state{{service=web,state={web.state}}}"] == 1

        daemon.wait_for("SNMP: KEEPALIVED-MIB")
        walked = agent.walk(SERVERS)
        assert (walked["55.1.1"], walked["55.1.2"]) == ('STRING: "web1"', 'STRING: "web2"')
        assert walked["6.1.2"] == DEAD
        assert walked["6.1.1"] == (ALIVE if found["web1"].state == "UP" else DEAD)
        with watched(folder) as dumps:
            dump = dumps.ask(daemon.process.pid, signals.STATE, "r1.data", "Real server")
        assert "\n VS VIP = 10.77.0.100, VPORT = 80\n   Name = web\n" in dump
        assert "\n   State = DOWN (" in dump
        assert daemon.stop() == 0


def test_an_order_holds_across_a_restart_until_it_is_taken_back(lan: Lan, folder: Path) -> None:
    with server(lan.r1) as port, Daemon(lan.r1, folder, text(port)) as daemon:
        daemon.wait_for("running")
        services_until(daemon, judged)
        with pytest.raises(Refused, match=r"web has no server .wep1.; do you mean web/web1"):
            daemon.client.drain("web/wep1")
        done = said(daemon, "server", "drain", "127.0.0.1", "--reason", "new kernel", "--wait")
        assert (done.returncode, done.stdout) == (0, "web/web1: drain\n")
        assert done.stderr == "WARNING: web has no server left that takes new connections\n"
        services_until(daemon, lambda found: bool(servers(found)["web1"].order))
        daemon.client.weight("web/*", weight=7)
        assert daemon.stop() == 0
        daemon.lines.clear()
        daemon.start()
        daemon.wait_for("running")
        services = services_until(daemon, judged)
        assert [(one["server"], one["drain"], one["weight"]) for one in services.orders] == [
            ("web1", True, 7),
            ("web2", False, 7),
        ]
        assert servers(services)["web1"].state in ("DRAINED", "FAULT")
        daemon.client.ready("web1")
        daemon.client.weight("web1", "web2", weight=None)
        services = services_until(daemon, lambda found: not servers(found)["web1"].order)
        assert services.orders == ()
        assert servers(services)["web1"].weight in (0, 3)  # 0: still on its way up
        assert daemon.stop() == 0
