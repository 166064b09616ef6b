"""Runs inside User-Mode Linux: `havip.ipvs.kernel` programs IPVS, and ipvsadm says what is there."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import pytest

from havip.ipvs.drift import drift
from havip.ipvs.kernel import Kernel
from havip.ipvs.model import (
    AddDestination,
    AddService,
    Change,
    Destination,
    DestinationKey,
    DropDestination,
    DropService,
    EditDestination,
    EditService,
    Forward,
    Protocol,
    Service,
    ServiceFlag,
    ServiceKey,
    Sync,
    SyncRole,
    Table,
    Timeouts,
    Tunnel,
    TunnelFlag,
)
from havip.ipvs.plan import settle
from havip.ipvs.programmer import Unavailable
from havip.ipvs.reasons import why
from tests.ipvs.wire import Wire
from tests.uml import checking, edge_daemon

FOUR, SIX = ip_address("192.0.2.1"), ip_address("2001:db8::1")
WEB: Final = ServiceKey(4, Protocol.TCP, FOUR, 80)
SCHEDULERS: Final = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "mh", "dh", "fo", "ovf", "sed", "nq")


def said(*words: str) -> str:
    """Return what a program says."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def server(address: str, port: int = 80, weight: int = 1, **more: object) -> Destination:
    return Destination(DestinationKey(ip_address(address), port), weight, **more)  # type: ignore[arg-type]


def pool(service: Service, *servers: Destination) -> list[Change]:
    return [AddService(service), *(AddDestination(service.key, one) for one in servers)]


def done(kernel: Kernel, changes: list[Change]) -> None:
    refused = kernel.apply(changes)
    assert refused == [], refused


EVERYTHING: Final = (
    *pool(
        Service(WEB, "wrr", ServiceFlag.PERSISTENT, 300, 24),
        server("10.0.0.1", upper_threshold=200, lower_threshold=100),
        server("10.0.0.2", weight=0, forward=Forward.ROUTE),
        server("10.0.0.3", weight=65535, forward=Forward.TUNNEL),
        server("10.0.0.4", forward=Forward.TUNNEL, tunnel=Tunnel.GRE, tunnel_flags=TunnelFlag.CHECKSUM),
        server("10.0.0.5", forward=Forward.TUNNEL, tunnel=Tunnel.GUE, tunnel_port=6080),
        server(
            "10.0.0.6",
            forward=Forward.TUNNEL,
            tunnel=Tunnel.GUE,
            tunnel_port=6081,
            tunnel_flags=TunnelFlag.REMOTE_CHECKSUM,
        ),
        server("2001:db8:1::7", forward=Forward.TUNNEL),
    ),
    *pool(
        Service(ServiceKey(4, Protocol.UDP, FOUR, 5060), "rr", ServiceFlag.PERSISTENT, 60, 32, "sip"),
        server("10.0.0.1", 5060),
    ),
    *pool(
        Service(ServiceKey(4, Protocol.UDP, FOUR, 53), "rr", ServiceFlag.ONE_PACKET), server("10.0.0.1", 53)
    ),
    *pool(Service(ServiceKey(4, Protocol.SCTP, FOUR, 80), "lc"), server("10.0.0.1")),
    *pool(
        Service(ServiceKey(6, Protocol.TCP, SIX, 443), "wlc", ServiceFlag.PERSISTENT, 50, 64),
        server("2001:db8:1::1", 8443),
        server("10.0.0.9", 443, forward=Forward.TUNNEL),
    ),
    *pool(Service(ServiceKey(4, fwmark=7), "sh", ServiceFlag.SCHEDULER_1), server("10.0.0.1", 0)),
    *pool(
        Service(ServiceKey(6, fwmark=7), "mh", ServiceFlag.SCHEDULER_1 | ServiceFlag.SCHEDULER_2, 0, 128),
        server("2001:db8:1::1", 0, forward=Forward.ROUTE),
    ),
)
LISTED: Final = """
-A -t 192.0.2.1:80 -s wrr -p 300 -M 255.255.255.0
-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 1
-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 0
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i -w 65535 --tun-type ipip
-a -t 192.0.2.1:80 -r 10.0.0.4:80 -i -w 1 --tun-type gre --tun-csum
-a -t 192.0.2.1:80 -r 10.0.0.5:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-a -t 192.0.2.1:80 -r 10.0.0.6:80 -i -w 1 --tun-type gue --tun-port 6081 --tun-remcsum
-a -t 192.0.2.1:80 -r [2001:db8:1::7]:80 -i -w 1 --tun-type ipip
-A -u 192.0.2.1:53 -s rr -o
-a -u 192.0.2.1:53 -r 10.0.0.1:53 -m -w 1
-A -u 192.0.2.1:5060 -s rr -p 60 --pe sip
-a -u 192.0.2.1:5060 -r 10.0.0.1:5060 -m -w 1
-A --sctp-service 192.0.2.1:80 -s lc
-a --sctp-service 192.0.2.1:80 -r 10.0.0.1:80 -m -w 1
-A -t [2001:db8::1]:443 -s wlc -p 50 -M 64
-a -t [2001:db8::1]:443 -r 10.0.0.9:443 -i -w 1 --tun-type ipip
-a -t [2001:db8::1]:443 -r [2001:db8:1::1]:8443 -m -w 1
-A -f 7 -s sh -b sh-fallback
-a -f 7 -r 10.0.0.1:0 -m -w 1
-A -f 7 -6 -s mh -b mh-fallback,mh-port
-a -f 7 -6 -r [2001:db8:1::1]:0 -g -w 1
"""


def wanted(changes: Iterable[Change]) -> Table:
    table: Table = {}
    settle(table, changes)
    return table


def everything_is_as_ipvsadm_lists_it(kernel: Kernel) -> None:
    done(kernel, list(EVERYTHING))
    listed = said("ipvsadm", "-S", "-n")
    assert sorted(listed.splitlines()) == sorted(LISTED.strip().splitlines()), listed
    thresholds = said("ipvsadm", "-L", "-n", "--thresholds")
    (line,) = (line.split() for line in thresholds.splitlines() if "10.0.0.1:80 " in line and " 200 " in line)
    assert line[2:4] == ["200", "100"], thresholds
    for _ in range(2):  # the second time by what is known of the kernel's layout
        assert kernel.read().table == wanted(EVERYTHING)
    assert Wire().table == wanted(EVERYTHING)


def what_ipvsadm_adds_is_read(kernel: Kernel) -> None:
    """The rest of the differences is made by another program, from the text that ipvsadm saves."""
    subprocess.run(["ipvsadm", "-R"], input=LISTED.strip() + "\n", check=True, text=True)
    done(
        kernel,
        [EditDestination(WEB, EVERYTHING[1].destination)],  # type: ignore[union-attr]  # thresholds
    )
    differing = set(said("ipvsadm", "-S", "-n").splitlines()) ^ set(LISTED.strip().splitlines())
    assert differing == set(), differing
    differences = drift(wanted(EVERYTHING), kernel.read().table)
    assert differences == [], [str(one) for one in differences]


def pyroute2_sees_what_we_set_and_we_what_it_sets(kernel: Kernel) -> None:
    """IPv4 alone: of IPv6 services, updates and GUE it has another opinion than the kernel."""
    from pyroute2 import IPVS, IPVSDest, IPVSService

    done(kernel, pool(Service(WEB, "wrr"), server("10.0.0.1", weight=3), server("10.0.0.2", 8080)))
    with IPVS() as other:
        (found,) = other.service("dump")
        told = dict(found.get("IPVS_CMD_ATTR_SERVICE")["attrs"])
        assert (told["IPVS_SVC_ATTR_ADDR"], told["IPVS_SVC_ATTR_PORT"]) == ("192.0.2.1", 80)
        assert (told["IPVS_SVC_ATTR_SCHED_NAME"], told["IPVS_SVC_ATTR_PROTOCOL"]) == ("wrr", 6)
        web = IPVSService(addr="192.0.2.1", port=80, protocol=socket.IPPROTO_TCP)
        listed = [dict(one.get("IPVS_CMD_ATTR_DEST")["attrs"]) for one in other.dest("dump", service=web)]
        assert sorted(
            (one["IPVS_DEST_ATTR_ADDR"], one["IPVS_DEST_ATTR_PORT"], one["IPVS_DEST_ATTR_WEIGHT"])
            for one in listed
        ) == [("10.0.0.1", 80, 3), ("10.0.0.2", 8080, 1)]
        dns = IPVSService(addr="192.0.2.2", port=53, protocol=socket.IPPROTO_UDP, sched_name="rr")
        other.service("add", service=dns)
        other.dest("add", service=dns, dest=IPVSDest(addr="10.0.0.9", port=53, weight=7))
    key = ServiceKey(4, Protocol.UDP, ip_address("192.0.2.2"), 53)
    read = kernel.read().table[key]
    assert read.service == Service(key, "rr")
    assert [(str(one.key), one.weight) for one in read.destinations.values()] == [("10.0.0.9:53", 7)]


def every_scheduler_and_flag_by_an_edit(kernel: Kernel) -> None:
    """A service takes any scheduler, flag, mask and engine while it lives, and gives each up again."""
    done(kernel, pool(Service(WEB, "wlc"), server("10.0.0.1"), server("10.0.0.2")))
    forms = [Service(WEB, scheduler) for scheduler in SCHEDULERS]
    forms += [
        Service(WEB, "sh", ServiceFlag.SCHEDULER_1 | ServiceFlag.SCHEDULER_2),
        Service(WEB, "mh", ServiceFlag.SCHEDULER_2),
        Service(WEB, "rr", ServiceFlag.PERSISTENT, 360, 16, "sip"),
        Service(WEB, "rr", ServiceFlag.PERSISTENT, 60, 32),
        Service(WEB, "rr", ServiceFlag.ONE_PACKET),
        Service(WEB, "rr"),
    ]
    for form in forms:
        done(kernel, [EditService(form)])
        there = kernel.read().table[WEB]
        assert there.service == form, form
        assert len(there.destinations) == 2
        assert f"-A -t 192.0.2.1:80 -s {form.scheduler}" in said("ipvsadm", "-S", "-n")


def refusals_are_told_in_words(kernel: Kernel) -> None:
    mixed = server("2001:db8::9")
    expected: list[tuple[Change, int, str]] = [
        (AddService(Service(WEB, "twos")), errno.ENOENT, "no scheduler twos (module ip_vs_twos)"),
        (AddDestination(WEB, server("10.0.0.1")), errno.ESRCH, "another program has removed it"),
        (AddService(Service(WEB)), 0, ""),
        (AddService(Service(WEB)), errno.EEXIST, "another program has added it"),
        (EditService(Service(WEB, engine="tip")), errno.ENOENT, "persistence engine tip"),
        (AddDestination(WEB, server("224.0.0.1")), errno.EINVAL, "takes no server at 224.0.0.1"),
        (AddDestination(WEB, mixed), errno.EINVAL, "needs the method tunnel"),
        (AddDestination(WEB, server("10.0.0.1", lower_threshold=1)), errno.ERANGE, "thresholds"),
        (EditDestination(WEB, server("10.0.0.1")), errno.ENOENT, "another program has removed it"),
        (AddDestination(WEB, server("10.0.0.1")), 0, ""),
        (AddDestination(WEB, server("10.0.0.1")), errno.EEXIST, "another program has added it"),
        (DropDestination(WEB, mixed.key), errno.ENOENT, "another program has removed it"),
        (DropService(ServiceKey(4, fwmark=1)), errno.ESRCH, "another program has removed it"),
    ]
    refused = {id(one.change): one for one in kernel.apply([change for change, _, _ in expected])}
    for change, number, words in expected:
        if number == 0:
            assert id(change) not in refused, change
        else:
            assert refused[id(change)].errno == number, refused[id(change)]
            assert words in why(refused[id(change)]), why(refused[id(change)])


def thousands_of_refusals_are_all_heard(kernel: Kernel) -> None:
    changes = [EditDestination(WEB, server("10.0.0.1", port)) for port in range(1, 5001)]
    assert [one.change for one in kernel.apply(changes)] == changes
    done(kernel, pool(Service(WEB), *(server("10.0.0.1", port) for port in range(1, 5001))))
    assert len(kernel.read().table[WEB].destinations) == 5000  # a dump in many parts
    assert said("ipvsadm", "-S", "-n").count("\n") == 5001


def sync_daemons_come_and_go(kernel: Kernel) -> None:
    master = Sync(SyncRole.MASTER, "eth0", 5, 1400, ip_address("224.0.0.82"), 8849, 2)
    backup = Sync(SyncRole.BACKUP, "eth0", 255)
    assert kernel.stop(SyncRole.MASTER) == errno.ESRCH
    assert [kernel.start(one) for one in (master, backup, master)] == [0, 0, errno.EEXIST]
    there = {one.role: one for one in kernel.syncs()}
    assert there[SyncRole.MASTER] == master
    assert (there[SyncRole.BACKUP].interface, there[SyncRole.BACKUP].sync_id) == ("eth0", 255)
    listed = said("ipvsadm", "-L", "--daemon")
    shown = "mcast=eth0, syncid=5, maxlen=1400, group=224.0.0.82, port=8849, ttl=2"
    assert f"master sync daemon ({shown})" in listed, listed
    assert [kernel.stop(role) for role in SyncRole] == [0, 0]
    for role in SyncRole:  # stopped before its thread has run: the kernel says nothing to that
        assert kernel.start(Sync(role, "eth0", 1, group=ip_address("ff02::82"))) == 0
        assert kernel.stop(role) == 0
    assert kernel.syncs() == []
    assert kernel.start(Sync(SyncRole.MASTER, "nowhere", 1)) == errno.ENODEV


def timeouts_are_set_one_by_one(kernel: Kernel) -> None:
    kernel.set_timeouts(Timeouts(901, 121, 301))
    kernel.set_timeouts(Timeouts(udp=302))
    assert kernel.timeouts() == Timeouts(901, 121, 302)
    assert said("ipvsadm", "-L", "--timeout").split()[-3:] == ["901", "121", "302"]


def another_network_namespace_has_its_own(kernel: Kernel) -> None:
    here = os.stat("/proc/self/ns/net").st_ino
    for name in ("other", "/run/netns/other"):
        there = Kernel(name)
        assert os.stat("/proc/self/ns/net").st_ino == here
        assert there.where != kernel.where
        done(there, pool(Service(WEB), server("10.0.0.1")))
        assert kernel.read().table == {}
        assert "192.0.2.1:80" in said("ip", "netns", "exec", "other", "ipvsadm", "-S", "-n")
        said("ip", "netns", "exec", "other", "ipvsadm", "--clear")
        there.close()
    with pytest.raises(Unavailable, match="no network namespace /run/netns/nowhere"):
        Kernel("nowhere")


def counters_are_read(kernel: Kernel) -> None:
    at = ServiceKey(4, Protocol.UDP, ip_address("10.9.0.1"), 53)
    done(kernel, pool(Service(at, "rr"), server("127.0.0.1", 5353)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for _ in range(3):
            client.sendto(b"hello", ("10.9.0.1", 53))
    late = time.monotonic() + 60.0
    while (reading := kernel.read()).counts[at].packets_in < 3 and time.monotonic() < late:
        threading.Event().wait(0.1)  # the kernel adds up every two seconds
    (traffic,) = reading.traffic.values()
    assert (traffic.active, traffic.inactive) == (0, 1)
    for counts in (reading.counts[at], traffic.counts):
        assert (counts.connections, counts.packets_in, counts.bytes_in) == (1, 3, 3 * 33), counts
    said("ipvsadm", "--zero", "--udp-service", "10.9.0.1:53")
    assert kernel.read().counts[at].packets_in == 0


NOBODY: Final = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--reuid=65534")
PROGRAM: Final = """
from havip.ipvs.kernel import Kernel
try:
    Kernel()
except Exception as error:
    print(type(error).__name__, error)
"""


def rights_are_asked_for(_kernel: Kernel) -> None:
    heard = said(*NOBODY, sys.executable, "-c", PROGRAM)
    assert heard == "Unavailable programming IPVS takes CAP_NET_ADMIN\n"


CHECKS: tuple[Callable[[Kernel], None], ...] = (
    everything_is_as_ipvsadm_lists_it,
    what_ipvsadm_adds_is_read,
    pyroute2_sees_what_we_set_and_we_what_it_sets,
    every_scheduler_and_flag_by_an_edit,
    refusals_are_told_in_words,
    thousands_of_refusals_are_all_heard,
    sync_daemons_come_and_go,
    timeouts_are_set_one_by_one,
    another_network_namespace_has_its_own,
    counters_are_read,
    rights_are_asked_for,
    edge_daemon.a_daemon_balances_in_another_network_namespace,
    edge_daemon.a_checker_that_hangs_leaves_nothing_behind_at_the_end,
)


SETUP: Final = (
    "link set lo up",
    "link add eth0 type veth peer name eth1",
    "addr add 10.9.0.1/24 dev eth0",
    "link set eth0 up",
    "link set eth1 up",
    "netns add other",
    "-n other link set lo up",
)


def main(results: Path, _folder: Path) -> None:
    """Do every check, in order, each on empty tables."""
    for words in SETUP:
        subprocess.run(["ip", *words.split()], check=True)
    checking.do(CHECKS, Kernel(), results, lambda _: print(said("ipvsadm", "--clear"), end=""))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
