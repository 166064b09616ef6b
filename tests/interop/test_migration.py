"""docs/migrating-from-keepalived.md, command by command, on Debian's keepalived and havip."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from typing import Final

import pytest

from bench.daemons import PROJECT, Havip, Keepalived
from tests.interop.lan import V3, Lan, Player

pytestmark = pytest.mark.root

PAGE: Final = PROJECT / "docs" / "migrating-from-keepalived.md"
HOSTS: Final = {"lb1": "r1", "lb2": "r2"}
VIP: Final = "10.77.0.100"
FILE: Final = """\
global_defs {
    router_id NAME
    script_user root
}
vrrp_script alive {
    script "/bin/test -d /"
    interval 1
}
vrrp_instance gateway {
    state BACKUP
    interface eth0
    virtual_router_id 51
    version 3
    priority PRIORITY
    advert_int 0.1
    virtual_ipaddress {
        10.77.0.100/24
    }
    track_script {
        alive
    }
}
"""


def steps() -> dict[str, list[tuple[str, str]]]:
    """Return the commands of each step of the page, each with the machine that it is for."""
    found: dict[str, list[tuple[str, str]]] = {}
    for part in PAGE.read_text().split("\n## ")[1:]:
        commands = re.findall(r"^(lb[12])# (.+)$", part, re.MULTILINE)
        if commands:
            found[part[0]] = commands
    return found


class KeepalivedAsItWas(Keepalived):
    """Debian's keepalived by the file that a machine has."""

    def configuration(self) -> str:
        priority = "150" if self.host.name == "r1" else "100"
        return FILE.replace("NAME", self.host.name).replace("PRIORITY", priority)


class HavipAsConverted(Havip):
    """havip by what it made of that file."""

    def configuration(self) -> str:
        return (self.directory / "havip.yaml").read_text()


class Machine:
    """One of the two machines of the page."""

    def __init__(self, lan: Lan, name: str) -> None:
        self.keepalived = lan.player(KeepalivedAsItWas, name, V3.router(100))
        self.havip = lan.player(HavipAsConverted, name, V3.router(100))
        self.paths = {
            "/etc/keepalived/keepalived.conf": self.keepalived.daemon.directory / "configuration",
            "/etc/havip/havip.yaml": self.havip.daemon.directory / "havip.yaml",
        }

    def carry_out(self, command: str) -> str:
        """Do what a line of the page says; return what it prints."""
        verb, *words = shlex.split(command)
        if verb == "systemctl":
            return self.turn(words)
        assert verb == "havip"
        words = [str(self.paths.get(word, word)) for word in words]
        if words[0] in ("status", "priority"):
            assert isinstance(self.havip.daemon, Havip)
            words += ["--socket", str(self.havip.daemon.socket)]
        done = subprocess.run(
            [sys.executable, "-m", "havip", *words], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def turn(self, words: list[str]) -> str:
        """Start or stop a daemon."""
        what, now, name = words
        assert now == "--now"
        player: Player = getattr(self, name)
        if what == "enable":
            player.start()
            if player is self.havip:
                player.enters("BACKUP")  # systemd waits for this; keepalived does not say when it is ready
        else:
            assert what == "disable"
            assert player.daemon.stop() == 0
        return ""


class Night:
    """Both machines, and what was printed on them."""

    def __init__(self, lan: Lan) -> None:
        self.machines = {name: Machine(lan, host) for name, host in HOSTS.items()}
        self.steps = steps()

    def carry_out(self, step: str) -> str:
        """Carry out a step of the page; return what its commands print."""
        return "".join(
            self.machines[name].carry_out(command) + "\n" for name, command in self.steps.pop(step)
        )


def leads(lan: Lan, leader: Player, other: Player) -> None:
    """Check that one daemon holds the address and answers for it, and the other one does not hold it."""
    leader.advertises(after=lan.now())
    leader.holds(VIP)
    other.holds(VIP, present=False)
    lan.client_reaches(VIP, leader)


def test_the_page_takes_two_machines_from_keepalived_to_havip_and_back(lan: Lan) -> None:
    night = Night(lan)
    lb1, lb2 = night.machines["lb1"], night.machines["lb2"]
    lb1.keepalived.start()
    lb2.keepalived.start()
    leads(lan, lb1.keepalived, lb2.keepalived)

    assert night.carry_out("2").count(": good, 1 virtual router\n") == 2
    assert night.carry_out("3").count(": good, 1 virtual router\n") == 2

    assert "gateway  BACKUP" in night.carry_out("4")
    leads(lan, lb1.keepalived, lb2.havip)
    (router,) = json.loads(lb2.carry_out("havip status --json"))["virtual_routers"]
    assert (router["state"], router["master"]) == ("BACKUP", "10.77.0.1")
    assert router["counters"]["adverts-received"] > 0
    assert not any(count for name, count in router["counters"].items() if name.startswith("refused-"))

    night.carry_out("5")
    leads(lan, lb2.havip, lb1.keepalived)

    night.carry_out("6")
    leads(lan, lb1.havip, lb2.havip)

    night.carry_out("7")
    leads(lan, lb1.keepalived, lb2.keepalived)
    assert not night.steps, "no command of the page is left"
