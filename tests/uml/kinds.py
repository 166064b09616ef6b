"""Runs inside User-Mode Linux: every kind of service that havip programs carries traffic as it should.

As in `traffic`, ipvsadm says what the kernel has and the client what becomes of it.
"""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import pytest

from lab.lvs import tables
from lab.lvs.plan import ECHO, SERVERS
from lab.netns import Network
from tests.uml import checking
from tests.uml.kinds_files import SCHEDULERS, SECOND, SYNC, schedulers
from tests.uml.kinds_stage import CLIENTS, NOT_AT_ALL, REFUSED, SHORT, Stage
from tests.uml.operating import server, shown, until

ONE_FOR_A_CLIENT: Final = ("sh", "mh", "dh", "lblc", "lblcr", "fo", "ovf")
SORRY: Final = "TCP 10.77.0.202:80"
GRADUAL: Final = "TCP 10.77.0.201:8084"
SUSPENDED: Final = "TCP 10.77.0.201:8085"


# --- what must be true, in this order


def notified(stage: Stage) -> list[str]:
    """Return what the programs of the service with the sorry server have written."""
    file = stage.folder / "told"
    return file.read_text().split() if file.exists() else []


def all_begins_as_it_is_written(stage: Stage) -> None:
    """`start_failed` has the sorry server stand in until the quorum was seen, and only then says so."""
    stage.stands(SORRY, w1=3, w2=2, sorry=0)
    until(lambda: notified(stage) == ["up"], "told once")
    saved = stage.saved()
    for line in (
        "-A -u 10.77.0.202:7 -s rr -o",
        "-A -u 10.77.0.201:7000 -s rr -p 3",
        "-A -u 10.77.0.201:7001 -s rr -p 300 -M 255.255.255.0",
        "-A -f 9 -s rr",
        "-A -f 9 -6 -s rr",
        "-A --sctp-service 10.77.0.201:7 -s rr",
        "-A --sctp-service 10.77.0.202:7 -s rr",
    ):
        assert line in saved, (line, saved)
    assert stage.d1.run("ipvsadm", "-L", "-n", "--timeout").stdout.split()[-1] == "2"


def persistence_keeps_a_client_and_its_network(stage: Stage) -> None:
    """Until its time is over; clients that share the prefix are one."""
    first = stage.asked("10.77.0.201", 7000, requests=3)
    assert len(first) == 1
    assert stage.asked("10.77.0.201", 7000, CLIENTS[1]).isdisjoint(first)
    assert remembered(stage)
    first = stage.asked("10.77.0.201", 7001, requests=2)
    assert stage.asked("10.77.0.201", 7001, CLIENTS[1], 2) == first
    assert len(first) == 1


def one_packet_scheduling_spreads_the_datagrams_of_one_port(stage: Stage) -> None:
    assert sorted(stage.datagrams("10.77.0.202", 7, count=4)) == ["w1", "w1", "w2", "w2"]
    assert len(set(stage.datagrams("10.77.0.201", 7002, count=4))) == 1
    with pytest.raises(NOT_AT_ALL):  # the kernel remembers nobody to translate an answer for
        stage.datagrams("10.77.0.201", 7005, patience=REFUSED)


def thresholds_bound_the_connections(stage: Stage) -> None:
    """Two each; the fifth is refused, until enough have gone."""
    found = [stage.datagrams("10.77.0.201", 7003)[0] for _ in range(4)]
    assert sorted(found) == ["w1", "w1", "w2", "w2"]
    with pytest.raises(NOT_AT_ALL):
        stage.datagrams("10.77.0.201", 7003, patience=REFUSED)

    def again() -> bool:
        with suppress(*NOT_AT_ALL):
            return bool(stage.datagrams("10.77.0.201", 7003, patience=REFUSED))
        return False

    until(again, "a connection once the others are over")


def sctp_is_balanced(stage: Stage) -> None:
    for address in ("10.77.0.201", "10.77.0.202"):
        found = []
        with ExitStack() as cleaning:
            for name, host in stage.farm.servers.items():
                own = f"10.88.0.{SERVERS[name]}" if address.endswith("201") else address
                with host.entered():
                    one = cleaning.enter_context(sctp())
                one.bind((own, ECHO))
                one.listen()
                found.append((name, one))
            for _ in range(2):
                with stage.farm.client.entered():
                    client = cleaning.enter_context(sctp())
                client.bind((CLIENTS[0], 0))
                client.connect((address, ECHO))
                client.sendall(b"hello")
            for _name, one in found:
                connection = cleaning.enter_context(one.accept()[0])
                connection.settimeout(30.0)
                assert connection.recv(100) == b"hello"
            counts = tables.services(stage.d1)[f"SCTP {address}:7"].connections.values()
            assert list(counts) == [(1, 0), (1, 0)], counts


def sctp() -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    one.settimeout(30.0)
    return one


def marks_are_services(stage: Stage) -> None:
    """Those that somebody gives; where nftables cannot, the service is in FAULT and others are not."""
    both = {"w1": 1, "w2": 1}
    for address in ("10.77.0.209", "fd77::201"):
        assert stage.visitor.spread(address, 2, 8080) == both, address
    (without,) = stage.daemon.client.services("marked").shown
    assert without.state == "FAULT"
    assert without.why is not None
    assert without.why.startswith("nftables_mark needs nftables: ")
    assert "FWM  77" not in tables.services(stage.d1)


def addresses_of_a_group_are_services(stage: Stage) -> None:
    for place in ("10.77.0.220:80", "10.77.0.221:80", "10.77.0.222:80", "10.77.0.223:80"):
        assert len(stage.weights(f"TCP {place}")) == 2, place
    assert len(stage.weights("FWM 10")) == 2
    assert stage.visitor.spread("10.77.0.221", 2) == {"w1": 1, "w2": 1}
    assert stage.visitor.spread("10.77.0.223", 2) == {"w1": 1, "w2": 1}
    assert stage.visitor.spread("10.77.0.209", 2, 8081) == {"w1": 1, "w2": 1}


def a_tunnel_leads_to_the_other_family(stage: Stage) -> None:
    for address in ("10.77.0.203", "10.77.0.204", "10.77.0.205", "fd77::203", "fd77::204", "fd77::205"):
        try:
            assert stage.visitor.spread(address, 2) == {"w1": 1, "w2": 1}, address
        except OSError as error:
            raise AssertionError(f"{address}: {error}") from error


def remembered(stage: Stage) -> bool:
    """Say whether a template for the faithful service is there."""
    return any("10.77.0.201:7000" in words for words in tables.connections(stage.d1))


def persistence_ends(stage: Stage) -> None:
    """A while after the last connection, its template has gone."""
    until(lambda: not remembered(stage), "the template is over")


def the_quorum_has_two_bounds(stage: Stage) -> None:
    """3 - 1 to stay, 3 + 1 to come back; the sorry server is routed directly."""
    saved = stage.saved()
    assert "-a -t 10.77.0.202:80 -r 10.77.0.12:80 -g -w 0" in saved, saved
    assert "-a -t 10.77.0.202:80 -r 10.88.0.12:80 -m -w 2" in saved, saved
    stage.servers["w1"].healthy = False
    stage.stands(SORRY, w1=0, w2=2, sorry=0)
    assert stage.visitor.spread("10.77.0.202", 2) == {"w2": 2}
    stage.servers["w2"].healthy = False
    stage.stands(SORRY, w1=0, w2=0, sorry=1)
    assert stage.visitor.spread("10.77.0.202", 2) == {"w2": 2}
    until(lambda: notified(stage) == ["up", "down"], "told twice")
    stage.servers["w2"].healthy = True
    until(lambda: server(stage.daemon.client, "sorry", "w2").state == "UP", "w2 is good")
    stage.stands(SORRY, w1=0, w2=0, sorry=1)
    stage.servers["w1"].healthy = True
    stage.stands(SORRY, w1=3, w2=2, sorry=0)
    until(lambda: notified(stage) == ["up", "down", "up"], "told thrice")


def a_server_that_comes_back_begins_slowly(stage: Stage) -> None:
    stage.stands(GRADUAL, w1=100, w2=100)
    stage.servers["w1"].healthy = False
    stage.stands(GRADUAL, w2=100)
    stage.servers["w1"].healthy = True
    seen = []

    def grown() -> bool:
        weight = stage.weights(GRADUAL).get(SHORT["w1"], 0)
        seen.append(weight)
        return weight == 100

    until(grown, "its own weight")
    assert seen == sorted(seen), seen
    assert any(0 < weight < 100 for weight in seen), seen


def what_is_suspended_stays_as_it_was(stage: Stage) -> None:
    stage.stands(SUSPENDED, w1=1, w2=1)
    stage.d1.run("ip", "link", "set", "other", "down")
    until(lambda: shown(stage.daemon.client, "suspended")[0].suspended, "nothing counts")
    stage.servers["w1"].healthy = False
    stage.stands(SORRY, w1=0, w2=2, sorry=0)  # others see it
    stage.stands(SUSPENDED, w1=1, w2=1)
    stage.d1.run("ip", "link", "set", "other", "up")
    stage.stands(SUSPENDED, w2=1)
    stage.servers["w1"].healthy = True
    stage.stands(SUSPENDED, w1=1, w2=1)


def every_scheduler_serves_and_one_is_lacking(stage: Stage) -> None:
    stage.reload(schedulers())
    ports = range(9000, 9000 + len(SCHEDULERS))
    wanted = {
        f"-A -t 10.77.0.201:{port} -s {scheduler}{flags}"
        for port, (scheduler, _, flags) in zip(ports, SCHEDULERS, strict=True)
    }

    def programmed() -> bool:
        saved = stage.saved()
        return wanted <= set(saved) and len(saved) == 3 * len(wanted)

    until(programmed, "every service with two servers")
    for port, (scheduler, _, flags) in zip(ports, SCHEDULERS, strict=True):
        spread = stage.visitor.spread("10.77.0.201", 2, port)
        if scheduler in ("rr", "wrr"):
            assert spread == {"w1": 1, "w2": 1}, scheduler
        if scheduler in ONE_FOR_A_CLIENT and "port" not in flags:
            assert len(spread) == 1, (scheduler, spread)
    (lacking,) = stage.daemon.client.services("twos").shown
    assert lacking.state == "FAULT"
    assert lacking.why == "tcp 10.77.0.201:8999: the kernel has no scheduler twos (module ip_vs_twos)"
    assert "TCP 10.77.0.201:8999" not in tables.services(stage.d1)


def another_director_hears_of_connections_over_ipv6(stage: Stage) -> None:
    options = "--mcast-interface eth1 --syncid 9 --mcast-group ff02::82 --mcast-port 8850"
    stage.d2.run("ipvsadm", "--start-daemon", "backup", *options.split())
    stage.reload(SYNC)
    own = "mcast=eth1, syncid=9, maxlen=1200, group=ff02::82, port=8850, ttl=3"
    both = sorted(f"{role} sync daemon ({own})" for role in ("master", "backup"))
    until(lambda: sorted(tables.daemons(stage.d1).splitlines()) == both, "it tells and listens")
    with stage.visitor.connect("10.77.0.201", 8080) as one:
        ours = str(one.getsockname()[1])

        def told() -> bool:
            one.sendall(b"x")
            return one.recv(10) != b"" and any(
                ours in " ".join(words) for words in tables.connections(stage.d2)
            )

        until(told, "the other one has heard of it")
    stage.reload(SECOND)
    until(lambda: tables.daemons(stage.d1) == "", "it tells no more")


def the_end(stage: Stage) -> None:
    """`announce_stop` runs the programs; nothing of ours is left."""
    before = notified(stage)
    assert stage.daemon.stop() == 0
    assert notified(stage) == [*before, "down"]
    assert stage.saved() == []
    assert "havip" not in stage.d1.run("nft", "list", "tables").stdout


CHECKS = (
    all_begins_as_it_is_written,
    persistence_keeps_a_client_and_its_network,
    one_packet_scheduling_spreads_the_datagrams_of_one_port,
    thresholds_bound_the_connections,
    sctp_is_balanced,
    marks_are_services,
    addresses_of_a_group_are_services,
    a_tunnel_leads_to_the_other_family,
    persistence_ends,
    a_server_that_comes_back_begins_slowly,
    the_quorum_has_two_bounds,
    what_is_suspended_stays_as_it_was,
    every_scheduler_serves_and_one_is_lacking,
    another_director_hears_of_connections_over_ipv6,
    the_end,
)


def main(results: Path, folder: Path) -> None:
    """Do every check, in order."""
    with Network("hvk") as net, ExitStack() as cleaning:
        stage = Stage(net, folder, cleaning)

        def after(good: bool) -> None:
            if not good:
                print(stage.d1.run("ipvsadm", "-L", "-n").stdout)

        checking.do(CHECKS, stage, results, after)
        print(*stage.daemon.lines, sep="\n", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
