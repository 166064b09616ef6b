"""A real net-snmp agent shows what a real daemon does, and sends its traps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.daemon.agent import Agent
from tests.daemon.conftest import Lan
from tests.daemon.running import Daemon, configuration, router

pytestmark = pytest.mark.root

KEEPALIVED = ".1.3.6.1.4.1.9586.100.5"
INSTANCES = f"{KEEPALIVED}.2.3.1"
OPERATIONS = ".1.3.6.1.2.1.207.1.1.1.1"
SERVED = "SNMP: KEEPALIVED-MIB, VRRP-MIB, VRRPV3-MIB by"
GONE = "No Such Object available on this agent at this OID"
MASTER, BACKUP, DELETED, SHUTDOWN = 2, 1, 6, 5


def change_of(name: str, state: int) -> str:
    """Return a pattern of the trap that tells a virtual router's state."""
    return rf"{KEEPALIVED}\.2\.10\.0\.2\b.*STRING: \"{name}\".*{INSTANCES}\.4 = INTEGER: {state}\b"


def served(agent: Agent, text: str) -> str:
    return f"snmp: {agent.socket}\nnotify: {{router_id: r1}}\n{text}"


def test_a_failover_moves_the_state_and_sends_traps(lan: Lan, folder: Path) -> None:
    agent = Agent(lan.r1, folder / "agent")
    better = configuration(gateway=router(priority=150, addresses=["10.77.0.100/24", "10.77.0.101/24"]))
    worse = configuration(gateway=router(priority=100, addresses=["10.77.0.100/24", "10.77.0.101/24"]))
    with (
        Daemon(lan.r2, folder / "r2", worse),
        Daemon(lan.r1, folder / "r1", served(agent, better)) as daemon,
    ):
        daemon.wait_for(SERVED)
        daemon.wait_for("gateway: MASTER")
        agent.wait_for_trap(change_of("gateway", MASTER))
        index = lan.r1.run("cat", "/sys/class/net/eth0/ifindex").stdout.strip()
        new_master = agent.wait_for_trap(r"\.1\.3\.6\.1\.2\.1\.207\.0\.1\b")
        assert f"{OPERATIONS}.3.{index}.51.1 = Hex-STRING: 0A 4D 00 01" in new_master
        walked = agent.walk(INSTANCES)
        assert (
            walked.items()
            >= {
                "2.1": 'STRING: "gateway"',
                "3.1": "Gauge32: 51",
                "4.1": "INTEGER: 2",
                "7.1": "INTEGER: 150",
                "8.1": "INTEGER: 150",
                "9.1": "INTEGER: 1",
                "10.1": 'STRING: "eth0"',
                "12.1": "Gauge32: 10",
            }.items()
        )
        held = agent.walk(f"{KEEPALIVED}.2.6.1")
        assert (held["3.1.1"], held["3.1.2"]) == ("Hex-STRING: 0A 4D 00 64", "Hex-STRING: 0A 4D 00 65")
        everything = agent.walk(KEEPALIVED)
        assert agent.walk(KEEPALIVED, "snmpbulkwalk").keys() == everything.keys()
        assert len(everything) > 40
        assert agent.get(f"{OPERATIONS}.6.{index}.51.1") == "INTEGER: 3"
        daemon.client.failover("gateway")
        agent.wait_for_trap(change_of("gateway", BACKUP), 2)  # the first was the start
        assert agent.get(f"{INSTANCES}.4.1") == "INTEGER: 1"
        assert agent.get(f"{OPERATIONS}.6.{index}.51.1") == "INTEGER: 2"
        assert agent.get(f".1.3.6.1.2.1.207.1.2.5.1.8.{index}.51.1") == "Counter64: 1"  # it resigned
        assert daemon.stop() == 0
        agent.wait_for_trap(change_of("gateway", SHUTDOWN))
        assert agent.get(f"{INSTANCES}.4.1") == GONE


def test_an_agent_that_returns_is_served_again_and_a_reload_takes_rows_away(lan: Lan, folder: Path) -> None:
    agent = Agent(lan.r1, folder / "agent")
    other = router(52, addresses=["10.77.0.110/24"])
    with Daemon(lan.r1, folder / "r1", served(agent, configuration(first=router(), other=other))) as daemon:
        daemon.wait_for("other: MASTER")
        daemon.wait_for(SERVED)
        assert agent.walk(f"{INSTANCES}.2") == {"1": 'STRING: "first"', "2": 'STRING: "other"'}
        refused = agent.ask("snmpset", f"{INSTANCES}.7.1", "i", "5", community="private")
        assert "notWritable" in refused
        agent.kill()
        daemon.wait_for("no SNMP: the AgentX master agent at .*: ")
        agent.start()
        daemon.wait_for(SERVED, 2)
        assert agent.get(f"{INSTANCES}.4.2") == "INTEGER: 2"
        daemon.configure(served(agent, configuration(other=other)))
        assert daemon.client.reload()["drop"] == ["first"]
        agent.wait_for_trap(change_of("first", DELETED))
        assert agent.walk(f"{INSTANCES}.2") == {"1": 'STRING: "other"'}
        daemon.configure(configuration(other=other))
        assert daemon.client.reload()["settings"] == ["notify.router_id: r1 -> none", "snmp: set -> none"]
        daemon.wait_for("SNMP: the session has ended")
        assert agent.get(f"{INSTANCES}.4.1") == GONE
        assert daemon.router("other").state == "MASTER"
        assert daemon.said("other: MASTER") == 1


def test_a_packet_of_another_version_is_told(lan: Lan, folder: Path) -> None:
    agent = Agent(lan.r1, folder / "agent")
    old = router(version=2, interval="1s", priority=255)  # says so at once
    with (
        Daemon(lan.r1, folder / "r1", served(agent, configuration(gateway=router()))) as daemon,
        Daemon(lan.r2, folder / "r2", configuration(gateway=old)),
    ):
        daemon.wait_for("gateway: refused a packet from 10.77.0.2: it is of another version")
        told = agent.wait_for_trap(r"\.1\.3\.6\.1\.2\.1\.207\.0\.2\b")
        row = re.search(r"(\S+\.207\.1\.2\.5\.1\.6\.\d+\.51\.1) = INTEGER: 2", told)
        assert row is not None
        assert agent.get(row[1]) == "INTEGER: 2"  # versionError
