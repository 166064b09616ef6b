"""What monitors keepalived over SNMP sees the same of havip: one agent walks both, one after the other."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from bench.daemons import Daemon, Havip, Keepalived
from tests.daemon.agent import Agent
from tests.interop.lan import DIALECTS, Dialect, Lan

pytestmark = pytest.mark.root

KEEPALIVED, VRRP_MIB, VRRPV3_MIB = ".1.3.6.1.4.1.9586.100.5", ".1.3.6.1.2.1.68", ".1.3.6.1.2.1.207"
NEW_STATE = rf"{KEEPALIVED}\.2\.10\.0\.2\b.*{KEEPALIVED}\.2\.3\.1\.4 = INTEGER: {{state}}\b"
OF_VRRP = rf"= OID: ({KEEPALIVED}|{VRRP_MIB}|{VRRPV3_MIB})\."
MASTER, SHUTDOWN = 2, 5

#: the objects that differ, and why: docs/snmp.md says so, too
DIFFERENT = {
    rf"{KEEPALIVED}\.1\.1\.0": "the version",
    rf"{KEEPALIVED}\.1\.(3\..*|6\.0|7\.0|11\.0)": "the load balancer is left out, and mail without a server",
    rf"{KEEPALIVED}\.1\.10\.0": "an interface of havip's may always come later",
    rf"{KEEPALIVED}\.2\.3\.1\.11\.1": "keepalived says so only of an interface that is listed again",
    rf"{KEEPALIVED}\.2\.3\.1\.27\.1": "keepalived has neither true nor false in version 2",
    rf"{KEEPALIVED}\.2\.6\.1\.11\.1\.1": "keepalived says of some addresses that adverts do not tell them",
    rf"{VRRP_MIB}\.1\.3\.1\.7\..*": "keepalived does not know its own address as master",
    rf"{VRRP_MIB}\.1\.3\.1\.10\..*": "the empty key that RFC 2787 wants",
    rf"{VRRP_MIB}\.1\.3\.1\.13\..*": "keepalived goes by its own uptime",
    rf"{VRRPV3_MIB}\.1\.1\.1\.1\.12\..*": "the uptime of either",
    rf"{VRRPV3_MIB}\.1\.1\.2\.1\.2\..*": "the length of an address in the index, as RFC 2578 wants it",
    rf"{VRRPV3_MIB}\.1\.2\.5\.1\.13\..*": "how often counters are read",
}


class WatchedKeepalived(Keepalived):
    """keepalived with everything of SNMP on."""

    agent: Agent

    def configuration(self) -> str:
        words = [f"snmp_socket {self.agent.socket}", "enable_snmp_vrrp", "enable_snmp_rfc", "enable_traps"]
        return super().configuration().replace("router_id bench", "\n    ".join(["router_id bench", *words]))


class WatchedHavip(Havip):
    """havip with the same."""

    agent: Agent

    def configuration(self) -> str:
        document: dict[str, Any] = yaml.safe_load(super().configuration())
        more = {"snmp": str(self.agent.socket), "notify": {"router_id": "bench"}}
        return yaml.safe_dump(document | more, sort_keys=False)


def walked(lan: Lan, agent: Agent, kind: type[Daemon], dialect: Dialect) -> tuple[dict[str, str], list[str]]:
    """Let a daemon become MASTER and stop; return all that the agent shows in between, and the traps."""
    agent.traps.clear()
    player = lan.player(kind, "r1", dialect.router(150))
    player.daemon.agent = agent  # type: ignore[attr-defined]
    player.start()
    agent.wait_for_trap(NEW_STATE.format(state=MASTER))
    agent.wait_for_trap(rf"{VRRPV3_MIB}\.0\.1\b")
    shown = {
        f"{root}.{name}": value
        for root in (KEEPALIVED, VRRP_MIB, VRRPV3_MIB)
        for name, value in agent.walk(root).items()
    }
    assert player.daemon.stop() == 0
    agent.wait_for_trap(NEW_STATE.format(state=SHUTDOWN))
    return shown, [trap.partition("\t")[2] for trap in agent.traps if re.search(OF_VRRP, trap)]


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_the_same_agent_shows_the_same_of_keepalived_and_of_havip(lan: Lan, dialect: Dialect) -> None:
    agent = Agent(lan.hosts["r1"], lan.scratch / "agent")
    theirs, their_traps = walked(lan, agent, WatchedKeepalived, dialect)
    ours, our_traps = walked(lan, agent, WatchedHavip, dialect)
    differing = {
        name: (theirs.get(name), ours.get(name))
        for name in theirs.keys() | ours.keys()
        if theirs.get(name) != ours.get(name)
    }
    unexplained = {
        name: both
        for name, both in differing.items()
        if not any(re.fullmatch(pattern, name) for pattern in DIFFERENT)
    }
    assert unexplained == {}
    assert len(theirs.keys() & ours.keys()) > 70
    assert our_traps == their_traps
