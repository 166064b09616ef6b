"""Runs inside User-Mode Linux: real traffic through IPVS, on the stage of `lab.lvs`.

Each check appends its verdict to a file: "good", or what was wrong; `test_traffic` judges them.  ipvsadm says
what the kernel has, the client says what becomes of it; no daemon's word is taken for either.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lab.lvs import tables
from lab.lvs.directors import configuration
from lab.lvs.farm import Farm, boot, hold, lose_power
from lab.lvs.plan import DIRECT, DIRECT6, ECHO, FAMILIES, GATEWAY, GUE6, HTTP, INSIDE, NAT, WAYS, Way, place
from lab.lvs.servers import Server
from lab.lvs.visitor import Stream, Transfer, Visitor
from lab.netns import Host, Network
from tests.daemon import running
from tests.daemon.running import Daemon
from tests.uml import checking, operating

running.PATIENCE = 60.0  # a system call takes many times as long here

BOTH = {"w1": 1, "w2": 1}
SHORT = "300ms"
FOREIGN = "TCP 10.99.0.1:99"  # a service that nobody of us knows
LOOK = 0.05  # seconds between two looks: IPVS tells nobody of its changes
SHOWN = {"-m": "Masq", "-g": "Route", "-i": "Tunnel"}


class Stage:
    """The hosts, their servers and the client; the director under test, and later another one."""

    def __init__(self, net: Network, folder: Path, cleaning: ExitStack) -> None:
        self.net = net
        self.folder = folder
        self.cleaning = cleaning
        self.farm = Farm(net)
        self.servers = {name: Server(host) for name, host in self.farm.servers.items()}
        self.visitor = Visitor(self.farm.client)
        self.d1, self.d2 = self.farm.directors.values()
        self.daemons: dict[str, Daemon] = {}

    def run(self, host: Host, **options: Any) -> Daemon:
        """Start a director."""
        daemon = self.cleaning.enter_context(Daemon(host, self.folder, self.text(host, **options)))
        self.daemons[host.name] = daemon
        return daemon

    def reload(self, host: Host, **options: Any) -> None:
        """Give a director another configuration."""
        daemon = self.daemons[host.name]
        daemon.configure(self.text(host, **options))
        daemon.client.reload()

    @staticmethod
    def text(host: Host, **options: Any) -> str:
        """Return a director's configuration: quick, and leaving its services when it ends."""
        usual = {"interval": SHORT, "probing": SHORT, "on_stop": "leave", "reconcile": "1s", "sync": False}
        usual["preempt_delay"] = "0s"
        return configuration(host.name, **(usual | options))

    def transfer(self, way: Way, by: str = "") -> Transfer:
        """Begin a transfer, by a certain server if one is named."""
        for _ in range(4):
            one = self.cleaning.enter_context(Transfer(self.visitor, way))
            if by in ("", one.server):
                one.goes_on()
                return one
            one.close()
        raise AssertionError(f"no connection came to {by}")


def until(holds: Callable[[], bool], what: str, patience: float = 60.0) -> None:
    """Return when something holds; fail if it does not in time."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(LOOK)


def weights(host: Host, way: Way, port: int = HTTP) -> dict[str, int]:
    """Return the servers of one service in the kernel's table, with their weights."""
    service = tables.services(host).get(f"TCP {place(way.address, port)}")
    names = {place(way.server(name), port): name for name in BOTH}
    return {names[server]: weight for server, weight in service.weights.items()} if service else {}


def all_weights(host: Host, wanted: dict[str, int], ways: tuple[Way, ...] = WAYS) -> bool:
    """Say whether the services of the web pages have these servers on each way."""
    shown = tables.services(host)
    for way in ways:
        service = shown.get(f"TCP {place(way.address, HTTP)}")
        expected = {place(way.server(name), HTTP): weight for name, weight in wanted.items()}
        if service is None or service.weights != expected:
            return False
    return True


# --- what must be true, in this order


def every_way_carries_traffic(stage: Stage) -> None:
    """The stage itself, programmed by ipvsadm alone: without it no failure later means anything."""
    own = [f"{way.address}/{32 if way.family == 4 else 128}" for way in WAYS]
    hold(stage.d2, [*own, *(INSIDE[family].format(GATEWAY) for family in FAMILIES)])
    for way in WAYS:
        for port, protocol in ((HTTP, "-t"), (ECHO, "-t"), (ECHO, "-u")):
            tables.restore(stage.d2, tables.lines(way, stage.servers, port, protocol=protocol))
    for way in WAYS:
        assert stage.visitor.spread(way.address, 4) == {"w1": 2, "w2": 2}, way
        assert {stage.visitor.datagram(way.address) for _ in range(2)} == {"w1", "w2"}, way
        with Transfer(stage.visitor, way) as transfer:
            transfer.goes_on()
    stage.d2.run("ipvsadm", "-C")
    for address in own:
        stage.d2.run("ip", "addr", "del", address, "dev", "eth0")
    for family in FAMILIES:
        stage.d2.run("ip", "addr", "del", INSIDE[family].format(GATEWAY), "dev", "eth1")


def havip_carries_traffic_on_every_way(stage: Stage) -> None:
    """What it programs is what ipvsadm would; the foreign service stays."""
    stage.d1.run("ipvsadm", "-A", "-t", FOREIGN.split()[1], "-s", "rr")
    daemon = stage.run(stage.d1)
    daemon.wait_for("gateway: MASTER")
    until(lambda: all_weights(stage.d1, BOTH), "both servers on every way")
    shown = tables.services(stage.d1)
    for way in WAYS:
        service = shown[f"TCP {place(way.address, HTTP)}"]
        assert service.scheduler == "wrr"
        assert set(service.forwarding.values()) == {SHOWN[way.forwarding]}, way
    assert len(shown) == 2 * len(WAYS) + 1
    assert shown[FOREIGN].weights == {}
    for way in WAYS:
        assert stage.visitor.spread(way.address, 4) == {"w1": 2, "w2": 2}, way
        stage.transfer(way).close()


def health_becomes_weight_becomes_traffic(stage: Stage) -> None:
    """A server that fails leaves, one that recovers comes back: on each way, also for those who ask later."""
    stage.servers["w1"].fail()
    until(lambda: all_weights(stage.d1, {"w2": 1}), "w1 has left")
    for way in WAYS:
        assert stage.visitor.spread(way.address, 4) == {"w2": 4}, way
    assert weights(stage.d1, NAT, ECHO) == BOTH  # another service, with a check of its own
    stage.servers["w1"].recover()
    until(lambda: all_weights(stage.d1, BOTH), "w1 is back")
    stage.servers["w2"].healthy = False  # it answers all the same, so nothing may be lost
    stream = Stream(stage.visitor, DIRECT)
    until(lambda: all_weights(stage.d1, {"w1": 1}), "w2 has left")
    stage.servers["w2"].healthy = True
    until(lambda: all_weights(stage.d1, BOTH), "w2 is back")
    stream.close()
    assert [answer for answer in stream.answers if not answer.server] == []
    assert {answer.server for answer in stream.answers} == {"w1", "w2"}


def transfers_go_on_through_a_reload(stage: Stage) -> None:
    """What changed is edited in place; a service that goes takes nothing else along."""
    under_way = [stage.transfer(way) for way in (NAT, DIRECT6, GUE6)]
    shared = tuple(way for way in WAYS if way is not DIRECT)
    stage.reload(stage.d1, ways=shared, weights={"w1": 1, "w2": 3})
    until(lambda: all_weights(stage.d1, {"w1": 1, "w2": 3}, shared), "w2 has weight 3")
    until(lambda: f"TCP {DIRECT.address}:80" not in tables.services(stage.d1), "one service is gone")
    assert stage.visitor.spread(NAT.address, 8) == {"w1": 2, "w2": 6}
    for transfer in under_way:
        transfer.goes_on()
    stage.reload(stage.d1)
    until(lambda: all_weights(stage.d1, BOTH), "all is as before")
    for transfer in under_way:
        transfer.goes_on()
        transfer.close()
    assert FOREIGN in tables.services(stage.d1)


def a_killed_checker_changes_nothing(stage: Stage) -> None:
    """The kernel forwards on; the next checker takes the table over as it is."""
    transfer = stage.transfer(NAT)
    stream = Stream(stage.visitor, NAT)
    before = checker(stage)
    os.kill(before, signal.SIGKILL)
    seen = []

    def another() -> bool:
        seen.append(all_weights(stage.d1, BOTH))
        pid = checker(stage)
        return pid not in (0, before) and bool(stream.next(20))

    until(another, "another checker works")
    assert all(seen)
    stage.servers["w1"].fail()  # it has taken up its work
    until(lambda: all_weights(stage.d1, {"w2": 1}), "w1 has left")
    stage.servers["w1"].recover()
    until(lambda: all_weights(stage.d1, BOTH), "w1 is back")
    stream.close()
    transfer.goes_on()
    transfer.close()


def checker(stage: Stage) -> int:
    """Return the pid of the process that checks; 0 while there is none."""
    workers = stage.daemons["d1"].client.status().workers
    return next((worker.pid or 0 for worker in workers if worker.name == "checker"), 0)


def a_restart_leaves_the_services_to_the_next_start(stage: Stage) -> None:
    """`on_stop: leave`; the addresses are gone for a moment, the connections are not."""
    transfer = stage.transfer(NAT)
    daemon = stage.daemons["d1"]
    assert daemon.stop() == 0
    assert all_weights(stage.d1, BOTH)
    assert NAT.address not in stage.d1.addresses()
    stage.run(stage.d1).wait_for("gateway: MASTER")
    transfer.goes_on()
    transfer.close()
    assert all_weights(stage.d1, BOTH)
    assert stage.visitor.spread(DIRECT.address, 4) == {"w1": 2, "w2": 2}


def what_others_change_is_put_back(stage: Stage) -> None:
    """A server that somebody deletes comes back, one that somebody adds goes; what is not ours is let be."""
    place_of = f"{NAT.address}:80"
    stage.d1.run("ipvsadm", "-d", "-t", place_of, "-r", f"{NAT.server('w1')}:80")
    stage.d1.run("ipvsadm", "-a", "-t", place_of, "-r", "10.88.0.99:80", "-m")
    stage.d1.run("ipvsadm", "-a", "-t", FOREIGN.split()[1], "-r", "10.88.0.99:99", "-m")
    until(lambda: all_weights(stage.d1, BOTH), "all is as it should be")
    assert tables.services(stage.d1)[FOREIGN].weights == {"10.88.0.99:99": 1}


def a_server_that_a_reload_removes_is_drained(stage: Stage) -> None:
    """Weight 0 while its last connection lives, then it goes; nobody is cut off."""
    stage.reload(stage.d1, drain=True)
    transfer = stage.transfer(DIRECT, by="w1")
    stage.reload(stage.d1, drain=True, weights={"w2": 1})
    until(lambda: weights(stage.d1, DIRECT, ECHO) == {"w1": 0, "w2": 1}, "w1 drains")
    assert stage.visitor.spread(DIRECT.address, 4) == {"w2": 4}
    transfer.goes_on()
    assert weights(stage.d1, DIRECT, ECHO) == {"w1": 0, "w2": 1}
    transfer.close()
    stage.reload(stage.d1)
    until(lambda: all_weights(stage.d1, BOTH), "w1 is back")


def a_transfer_survives_the_directors_death(stage: Stage) -> None:
    """The other one has heard of the connection, and forwards it when the address is its own."""
    stage.reload(stage.d1, sync=True)
    stage.run(stage.d2, sync=True).wait_for("gateway: BACKUP")
    until(lambda: all_weights(stage.d2, BOTH), "the backup has the services as well")
    until(lambda: "master sync daemon" in tables.daemons(stage.d1), "the master tells")
    until(lambda: "backup sync daemon" in tables.daemons(stage.d2), "the backup listens")
    under_way = [stage.transfer(way) for way in (NAT, DIRECT, GUE6)]
    until(lambda: told(stage.d2, under_way), "the backup has heard of the connections")
    lose_power(stage.d1)
    stage.daemons["d2"].wait_for("gateway: MASTER")
    for transfer in under_way:
        transfer.goes_on(patience=120.0)
    until(lambda: "master sync daemon" in tables.daemons(stage.d2), "the new master tells")
    for way in WAYS:
        assert stage.visitor.spread(way.address, 4) == {"w1": 2, "w2": 2}, way
    boot(stage.d1)
    stage.run(stage.d1, sync=True, preempt_delay="6s").wait_for("gateway: MASTER")
    until(lambda: NAT.address not in stage.d2.addresses(), "the other has given way")
    for transfer in under_way:
        transfer.goes_on(patience=120.0)
        transfer.close()


def told(host: Host, transfers: list[Transfer]) -> bool:
    """Say whether a director has entries for connections: the kernel tells of them every two seconds."""
    ports = {words[3].rpartition(":")[2] for words in tables.connections(host) if len(words) > 3}
    return all(str(transfer.port) in ports for transfer in transfers)


def the_end(stage: Stage) -> None:
    """`on_stop: remove` removes what is ours, and the sync daemon."""
    stage.reload(stage.d1, sync=True, preempt_delay="6s", on_stop="remove")
    under_way = stage.transfer(NAT)
    until(lambda: told(stage.d2, [under_way]), "the backup has heard of the connection")
    assert stage.daemons["d1"].stop() == 0
    assert list(tables.services(stage.d1)) == []
    assert tables.daemons(stage.d1) == ""
    stage.daemons["d2"].wait_for("gateway: MASTER", 2)
    under_way.goes_on(patience=120.0)
    under_way.close()


CHECKS = (
    every_way_carries_traffic,
    havip_carries_traffic_on_every_way,
    *operating.CHECKS,
    health_becomes_weight_becomes_traffic,
    transfers_go_on_through_a_reload,
    a_killed_checker_changes_nothing,
    a_restart_leaves_the_services_to_the_next_start,
    what_others_change_is_put_back,
    a_server_that_a_reload_removes_is_drained,
    a_transfer_survives_the_directors_death,
    the_end,
)


def main(results: Path, folder: Path, names: list[str]) -> None:
    """Do every check, in order; only some of them if they are named."""
    with Network("hvt") as net, ExitStack() as cleaning:
        stage = Stage(net, folder, cleaning)
        checking.do([check for check in CHECKS if not names or check.__name__ in names], stage, results)
        for daemon in stage.daemons.values():
            print(f"--- {daemon.host.name}", *daemon.lines, sep="\n", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
