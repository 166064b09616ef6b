"""FRRouting's vrrpd as a third implementation: zebra and vrrpd, and the macvlan that they want.

FRR keeps the virtual address on the macvlan all the time and only takes the link down while it is backup:
who is master is asked on the wire, not by addresses.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench.wire import Advert
from lab.netns import Host
from lab.processes import end
from tests.interop.lan import PATIENCE, VRID, Dialect, Lan
from tests.reaching import let_in

DAEMONS = Path("/usr/lib/frr")
USER = "frr"


class Frr:
    """One virtual router by FRR on a router of the LAN."""

    def __init__(self, lan: Lan, place: str, dialect: Dialect, priority: int) -> None:
        self.lan = lan
        self.host: Host = lan.hosts[place]
        self.vrrpd: subprocess.Popen[bytes] | None = None
        self.directory = lan.scratch / f"frr-{place}"
        self.directory.mkdir()
        shutil.chown(self.directory, USER, USER)
        let_in(self.directory.parent)  # it drops root and must still reach its files
        ipv6 = "v6" if dialect.family == 6 else ""
        lines = [
            "interface eth0",
            f" vrrp {VRID} version {dialect.version}",
            f" vrrp {VRID} priority {priority}",
            f" vrrp {VRID} advertisement-interval {dialect.interval // 1_000_000}",
            f" vrrp {VRID} ip{ipv6} {dialect.vip}",
        ]
        (self.directory / "vrrpd.conf").write_text("\n".join(lines) + "\n")
        (self.directory / "zebra.conf").write_text("")
        self.add_macvlan(dialect)

    def add_macvlan(self, dialect: Dialect) -> None:
        """Make the interface with the virtual router's MAC address: RFC 9568 section 7.3."""
        mac = f"00:00:5e:00:0{1 if dialect.family == 4 else 2}:{VRID:02x}"
        kind = ("type", "macvlan", "mode", "bridge")
        self.host.run("ip", "link", "add", "vrrp0", "link", "eth0", "address", mac, *kind)
        address = f"{dialect.vip}/{dialect.prefix_length}"
        self.host.run(
            "ip", "addr", "add", address, "dev", "vrrp0", *(("nodad",) if dialect.family == 6 else ())
        )
        self.host.run("ip", "link", "set", "vrrp0", "up")

    def start(self) -> None:
        """Start zebra, which goes into the background once it is ready, and then vrrpd."""
        self.host.run(*self.command("zebra"), "-d")
        with (self.directory / "log").open("wb") as log:
            command = self.command("vrrpd")
            self.vrrpd = self.host.popen(*command, "--log", "stdout", stdout=log, stderr=subprocess.STDOUT)

    def command(self, name: str) -> list[str]:
        """Return the command line of one of FRR's daemons."""
        base = self.directory
        files = [
            "--vty_socket",
            base,
            "-z",
            base / "zserv",
            "-i",
            base / f"{name}.pid",
            "-f",
            base / f"{name}.conf",
        ]
        return [
            str(word)
            for word in (DAEMONS / name, "-u", USER, "-g", USER, "-A", "127.0.0.1", "-P", "0", *files)
        ]

    def stop(self) -> None:
        """Ask vrrpd to end, and wait for it."""
        assert self.vrrpd is not None
        end([self.vrrpd.pid])
        self.vrrpd.wait(PATIENCE)

    def advertises(self, *, after: int = 0, priority: int | None = None) -> Advert:
        """Return its first advert later than ``after``, of any priority but 0 unless one is named."""
        return self.lan.capture.first(
            Advert,
            lambda advert: (
                advert.port == self.host.name
                and (advert.priority > 0 if priority is None else advert.priority == priority)
            ),
            after=after,
            within=PATIENCE,
        )
