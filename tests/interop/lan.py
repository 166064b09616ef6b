"""The LAN of the interop tests: two routers and a client on a switch that is listened to."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from bench.daemons import Daemon, Havip, Keepalived
from bench.wire import Advert, Announcement, Capture, Sight
from havip.clock import Duration, milliseconds, seconds
from havip.config.model import Announcing, VirtualAddress, VirtualRouter
from lab.netns import Host, Network

VRID = 51
CLOSED_PORT = 9
PATIENCE = 20.0  # seconds; only ever waited for in full by a test that fails


@dataclass(frozen=True, slots=True)
class Dialect:
    """A VRRP version over an IP version, with the shortest interval that suits both daemons."""

    version: int
    family: int
    interval: Duration
    vip: str
    prefix_length: int

    def __str__(self) -> str:
        return f"v{self.version}-ipv{self.family}"

    def router(self, priority: int, **changes: object) -> VirtualRouter:
        """Return the tests' one virtual router, with one address."""
        usual: dict[str, object] = {
            "interval": self.interval,
            "down_adverts": 1 if self.version == 2 else 3,  # VRRPv2 knows whole seconds only
            "announce": Announcing(delay=seconds(1)),
        }
        return VirtualRouter(
            name="gateway",
            interface="eth0",
            vrid=VRID,
            addresses=(VirtualAddress(ip_address(self.vip), self.prefix_length),),
            version=self.version,
            priority=priority,
            **(usual | changes),  # type: ignore[arg-type]
        )


V2 = Dialect(2, 4, seconds(1), "10.77.0.100", 24)
V3 = Dialect(3, 4, milliseconds(100), "10.77.0.100", 24)
V3_IPV6 = Dialect(3, 6, milliseconds(100), "fd77::100", 64)
DIALECTS = (V2, V3, V3_IPV6)


class Player:
    """A daemon on a router, and what it logs."""

    def __init__(self, lan: Lan, daemon: Daemon) -> None:
        self.lan = lan
        self.daemon = daemon
        self.host = daemon.host
        self.log = ""
        self.news = threading.Condition()

    def __str__(self) -> str:
        return f"{self.daemon.kind} on {self.host.name}"

    def start(self) -> None:
        """Start the daemon and read its log as it comes."""
        process = self.daemon.start(stderr=subprocess.PIPE)
        threading.Thread(target=self.listen, args=(process,), daemon=True).start()

    def listen(self, process: subprocess.Popen[bytes]) -> None:
        """Take the log's lines until the last process has closed its end."""
        assert process.stdout is not None
        for line in process.stdout:
            with self.news:
                self.log += line.decode(errors="replace")
                self.news.notify_all()

    def logs(self, words: str) -> None:
        """Return once the log holds ``words``."""
        with self.news:
            if not self.news.wait_for(lambda: words in self.log, PATIENCE):
                raise AssertionError(f"{self} never logged {words!r}:\n{self.log}")

    def enters(self, state: str) -> None:
        """Return once the daemon has said that it is MASTER or BACKUP."""
        self.logs(self.daemon.state_line("gateway", state))

    def advertises(
        self, wanted: Callable[[Advert], bool] = lambda advert: advert.priority > 0, *, after: int = 0
    ) -> Advert:
        """Return its first advert later than ``after`` that is ``wanted``."""
        return self.lan.capture.first(
            Advert,
            lambda advert: advert.port == self.host.name and wanted(advert),
            after=after,
            within=PATIENCE,
        )

    def announces(self, vip: str, *, after: int = 0) -> Announcement:
        """Return its first announcement of ``vip`` later than ``after``."""
        address = ip_address(vip)
        return self.lan.capture.first(
            Announcement,
            lambda call: call.port == self.host.name and call.address == address,
            after=after,
            within=PATIENCE,
        )

    def goes_on(self, count: int, *, after: int) -> Advert:
        """Return its ``count``-th advert later than ``after``."""
        spoken = self.advertises(after=after)
        for _ in range(count - 1):
            spoken = self.advertises(after=spoken.at)
        return spoken

    def holds(self, vip: str, present: bool = True) -> None:
        """Return once the router has the address, or no longer has it."""
        self.host.wait_for_address(vip, present=present, timeout=PATIENCE)


class Lan:
    """Routers ``r1`` and ``r2`` (the higher address) and ``client``."""

    def __init__(self, stack: ExitStack, scratch: Path) -> None:
        self.stack = stack
        self.scratch = scratch
        self.network = stack.enter_context(Network("interop"))
        self.switch = self.network.switch("lan")
        self.hosts = {name: self.host(name, number) for number, name in enumerate(("r1", "r2", "client"), 1)}
        self.capture = stack.enter_context(Capture(self.switch, {"r1-eth0": "r1", "r2-eth0": "r2"}))
        self.players: list[Player] = []

    def host(self, name: str, number: int) -> Host:
        """Make a host whose addresses, the link-local one too, end in ``number``."""
        host = self.network.host(name)
        addresses = (f"10.77.0.{number}/24", f"fd77::{number}/64")
        self.network.plug(host, self.switch, "eth0", addresses, mac=f"02:00:00:00:00:0{number}")
        host.wait_for_address(f"fe80::ff:fe00:{number}")
        return host

    def player(self, kind: type[Daemon], place: str, router: VirtualRouter) -> Player:
        """Put a daemon on a router, not started yet."""
        player = Player(self, kind(self.hosts[place], [router], self.scratch))
        self.stack.callback(player.daemon.end)
        self.players.append(player)
        return player

    def client_reaches(self, vip: str, player: Player) -> None:
        """Check that the client gets an answer from ``vip``, and that it is this router that answers."""
        client = self.hosts["client"]
        with client.entered(), socket.socket(family_of(vip), socket.SOCK_STREAM) as call:
            call.settimeout(PATIENCE)
            with pytest.raises(ConnectionRefusedError):  # nobody listens there, and somebody says so
                call.connect((vip, CLOSED_PORT))
        (entry,) = json.loads(client.run("ip", "-j", "neigh", "show", vip, "dev", "eth0").stdout)
        assert bytes.fromhex(entry["lladdr"].replace(":", "")) == player.host.mac()

    @contextmanager
    def silent(self, name: str) -> Iterator[None]:
        """Cut a router off for a while; it keeps its carrier."""
        self.network.cut(self.hosts[name])
        try:
            yield
        finally:
            self.network.mend(self.hosts[name])

    def now(self) -> int:
        """Return the time by the clock that stamps the frames."""
        return time.time_ns()

    def adverts(self, player: Player, *, after: int, before: int) -> list[Advert]:
        """Return what a daemon advertised between two times, resignations included."""
        return self.spoken_on(player.host.name, after=after, before=before)

    def spoken_on(self, name: str, *, after: int, before: int) -> list[Advert]:
        """Return what was advertised from a router between two times, resignations included."""
        self.capture.read()
        return [
            sight
            for sight in self.capture.seen
            if isinstance(sight, Advert) and sight.port == name and after < sight.at < before
        ]

    def resignations(self, player: Player) -> list[Advert]:
        """Return the adverts of priority 0 so far."""
        return [a for a in self.adverts(player, after=0, before=self.now()) if a.priority == 0]

    def frames_of_havip(self) -> Iterator[Sight]:
        """Yield all that came from the routers on which havip ran."""
        self.capture.read()
        ours = {player.host.name for player in self.players if isinstance(player.daemon, Havip)}
        yield from (sight for sight in self.capture.seen if sight.port in ours)


def family_of(address: str) -> socket.AddressFamily:
    """Return the socket family of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@contextmanager
def open_lan(scratch: Path) -> Iterator[Lan]:
    """Build the LAN, and remove it with all that was started on it."""
    with ExitStack() as stack:
        yield Lan(stack, scratch)


PAIRS: Sequence[tuple[type[Daemon], type[Daemon]]] = ((Keepalived, Havip), (Havip, Keepalived))


def spell_pair(pair: tuple[type[Daemon], type[Daemon]]) -> str:
    """Return a pair as the id of a test."""
    return f"{pair[0].kind}-and-{pair[1].kind}"
