"""The worker process itself: what it loads, what it leaves behind, and that nobody can hold it up."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections import Counter

import pytest

from havip.messages import (
    Alive,
    Committed,
    Describe,
    Described,
    DropRouter,
    PutRouter,
    Resign,
    RouterGone,
    RouterReport,
)
from havip.vrrp import packet
from lab.capture import Capture
from tests.daemon.alone import Worker, virtual
from tests.daemon.conftest import Lan
from tests.daemon.hearing import adverts

FOUR = virtual("four", 51, "10.77.0.100/24")
SIX = virtual("six", 51, "fe80::100/64", "2001:db8:77::100/64")
VIP = "10.77.0.100"

#: Behind the worker's last line: what it has loaded, and what only the cycle collector could free.
TELL_MODULES = "; import json; print(json.dumps(sorted(sys.modules)))"
TELL_GARBAGE = (
    "; import gc, json; gc.set_debug(gc.DEBUG_SAVEALL); gc.collect();"
    " print(json.dumps([f'{type(one).__module__}.{type(one).__qualname__}' for one in gc.garbage]))"
)


def settles(worker: Worker, *names: str) -> None:
    """Return once these are MASTER, and what the worker does when there is time has been done."""
    others = set(names)

    def last(report: RouterReport) -> bool:
        if report.state == "MASTER":
            others.discard(report.name)
        return not others

    worker.wait_for(RouterReport, last)
    for _ in range(2):  # it is done after the sign of life: the second one follows it
        worker.wait_for(Alive)


def live_through_everything(lan: Lan, worker: Worker, rounds: int) -> None:
    """Have a worker take over, lose and get back links and addresses, hear packets good and bad, reload."""
    worker.configure(FOUR, SIX)
    worker.wait_for_state("six", "MASTER")
    with lan.r2.entered(), socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as peer:
        peer.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.77.0.2"))
        for message in (b"", b"\x31\x33", b"\x31\x33\x64\x01" + bytes(8), b"\x41" + bytes(30)):
            peer.sendto(message, ("224.0.0.18", 0))
    for generation in range(2, 2 + rounds):
        lan.r1.run("ip", "addr", "del", f"{VIP}/24", "dev", "eth0")
        lan.r1.wait_for_address(VIP)
        lan.net.carrier(lan.r1, False)
        worker.wait_for_state("six", "FAULT")
        lan.net.carrier(lan.r1, True)
        worker.wait_for_state("six", "MASTER")
        worker.wait_for_state("four", "MASTER") if worker.describe()["four"].state != "MASTER" else None
        worker.configure(virtual("four", 51, f"{VIP}/24", priority=100 + generation), generation=generation)
        worker.tell(PutRouter(virtual("more", 99, "10.77.0.99/24")), DropRouter(("eth0", 99, 4, "")))
        worker.wait_for(RouterGone)
        worker.describe(generation)
    worker.wait_for(Alive)  # what is done when there is time belongs to a life, however short it is
    worker.wait_for(Alive)


def test_a_worker_has_loaded_the_standard_library_and_havip_and_nothing_that_waits(lan: Lan) -> None:
    with Worker(lan.r1, TELL_MODULES) as worker:
        live_through_everything(lan, worker, 1)
        worker.tell(Resign())
        loaded = set(json.loads(worker.end()))
    tops = {name.partition(".")[0] for name in loaded} - {"__main__", "havip"}
    assert tops <= sys.stdlib_module_names
    assert not loaded & {
        "asyncio",
        "logging",
        "subprocess",
        "threading",
        "yaml",
        "site",
        "hashlib",
        "socketserver",
        "ssl",
    }
    assert not {
        name for name in loaded if name.startswith(("havip.cli", "havip.control", "havip.supervisor"))
    }


def test_a_life_leaves_no_cycles_that_only_the_collector_could_free(lan: Lan) -> None:
    garbage = []
    for rounds in (1, 6):
        with Worker(lan.r1, TELL_GARBAGE) as worker:
            live_through_everything(lan, worker, rounds)
            worker.tell(Resign())
            garbage.append(Counter(json.loads(worker.end())))
    # The worker itself is one, which lives as long as its process.  A longer life adds nothing to it.
    assert garbage[0]["havip.vrrp.worker.Worker"] == 1
    grown = garbage[1] - garbage[0]
    assert {kind for kind in grown if kind.startswith("havip.")} == set()
    assert grown.total() < 20


def test_a_thousand_reloads_leave_no_descriptor_and_no_memory_behind(lan: Lan) -> None:
    with Worker(lan.r1) as worker:
        worker.configure(FOUR)
        settles(worker, "four")
        more = [virtual(f"r{vrid}", vrid, f"10.77.1.{vrid}/24") for vrid in range(60, 70)]
        sizes = []
        for reload in range(100):
            worker.tell(*map(PutRouter, more), *(DropRouter(one.key) for one in more))
            worker.describe(reload + 1)
            if reload in (9, 99):
                sizes.append((worker.descriptors(), worker.resident()))
        assert sizes[0][0] == sizes[1][0]
        assert sizes[1][1] - sizes[0][1] < 1024  # KiB, for 900 routers put and dropped
        assert worker.describe()["four"].counters["became-master"] == 1


def test_a_hundred_flaps_leave_no_descriptor_behind(lan: Lan) -> None:
    with Worker(lan.r1) as worker:
        worker.configure(FOUR, SIX)
        settles(worker, "four", "six")
        before = worker.descriptors()
        for _ in range(50):
            for change, state in (("del", "FAULT"), ("add", "BACKUP")):
                lan.r1.run("ip", "addr", change, "10.77.0.1/24", "dev", "eth0")
                worker.wait_for_state("four", state)
        assert worker.descriptors() == before
        assert worker.describe()["six"].counters["became-master"] == 1


# A supervisor that is slow, greedy or gone.


def test_a_supervisor_that_does_not_read_holds_nothing_up(lan: Lan) -> None:
    with Worker(lan.r1) as worker, Capture(lan.r2, keep=adverts) as wire:
        routers = [virtual(f"r{vrid}", vrid, f"10.77.1.{vrid}/24") for vrid in range(1, 201)]
        worker.configure(*routers)
        worker.wait_for_state("r200", "MASTER")
        for token in range(1, 40):
            worker.tell(Describe(token))  # 200 reports each, and nobody takes them
        for number in range(1, 11):
            lan.r1.run("ip", "addr", "del", "10.77.0.1/24", "dev", "eth0")
            lan.r1.wait_for_address("10.77.1.1", present=False)
            lan.r1.run("ip", "addr", "add", "10.77.0.1/24", "dev", "eth0")
            lan.r1.wait_for_address("10.77.1.1")
            if number == 3:
                before = worker.resident()
        assert worker.resident() - before < 2048  # KiB: it keeps no history of what nobody reads
        since = len(wire.frames)
        for vrid in (1, 200):
            wire.wait_for(
                lambda frame, vrid=vrid: frame.data[35] == vrid and frame.data[36] == 100, since=since
            )
        reports = worker.describe(1000)
        assert {report.state for report in reports.values()} == {"MASTER"}


def test_a_supervisor_that_asks_without_end_does_not_keep_itself_from_an_answer(lan: Lan) -> None:
    with Worker(lan.r1) as worker:
        worker.configure(*(virtual(f"r{vrid}", vrid, f"10.77.1.{vrid}/24") for vrid in range(1, 201)))
        for token in range(1, 1001):
            worker.tell(Describe(token))
            if token == 100:
                worker.wait_for(Described, lambda answer: answer.token == 1)
        worker.wait_for(Described, lambda answer: answer.token == 1000)


@pytest.mark.parametrize("how", ["loss", "SIGTERM"])
def test_a_worker_that_is_to_end_while_it_is_configured_ends_in_order(lan: Lan, how: str) -> None:
    with Worker(lan.r1) as worker:
        worker.configure(virtual("owner", 52, "10.77.0.101/24", priority=255))
        lan.r1.wait_for_address("10.77.0.101")
        worker.tell(*(PutRouter(virtual(f"r{vrid}", vrid, f"10.77.1.{vrid}/24")) for vrid in range(100, 200)))
        if how == "loss":
            worker.channel._socket.shutdown(socket.SHUT_RDWR)
        else:
            worker.process.send_signal(signal.SIGTERM)
        worker.end()
    assert lan.r1.addresses("eth0").count("10.77.0.101") == 0


# Storms.


def test_a_storm_of_other_interfaces_and_addresses_costs_no_mastership(lan: Lan) -> None:
    with Worker(lan.r1) as worker:
        worker.configure(FOUR, SIX)
        worker.wait_for_state("six", "MASTER")
        storm = [f"link add d{n} type bridge" for n in range(20)]
        for _ in range(20):
            storm += [f"addr add 10.9.{n}.{m}/32 dev d{n}" for n in range(20) for m in range(10)]
            storm += [f"addr flush dev d{n}" for n in range(20)]
        storm += [f"link del d{n}" for n in range(20)]
        ip = lan.r1.popen("ip", "-batch", "-", stdin=subprocess.PIPE, text=True)
        ip.communicate("\n".join(storm))
        assert ip.returncode == 0
        lan.r1.run("ip", "addr", "del", f"{VIP}/24", "dev", "eth0")
        lan.r1.wait_for_address(VIP)  # it still listens
        reports = worker.describe()
        assert [report.counters["became-master"] for report in reports.values()] == [1, 1]


def test_a_storm_of_packets_costs_no_mastership_and_is_counted(lan: Lan) -> None:
    with Worker(lan.r1) as worker, Capture(lan.r2, keep=adverts) as wire:
        worker.configure(FOUR)
        worker.wait_for_state("four", "MASTER")
        message = b"\x31\x33\x32\x01\x00\x0a\x00\x00\x0a\x4d\x00\x64"  # VRID 51, priority 50, no checksum
        with lan.r2.entered(), socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as peer:
            peer.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.77.0.2"))
            peer.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
            for number in range(20_000):
                peer.sendto(message[:8] + number.to_bytes(4, "big"), ("224.0.0.18", 0))
        wire.wait_for(lambda frame: frame.data[26:30] == bytes((10, 77, 0, 1)), since=len(wire.frames))
        report = worker.describe()["four"]
        totals = sum(count for name, count in report.counters.items() if name.startswith("refused-"))
        assert report.state == "MASTER"
        assert report.counters["became-master"] == 1
        assert totals > 1000
        assert packet.PROTOCOL == 112


def test_answers_wait_for_what_happened_before_them(lan: Lan) -> None:
    with Worker(lan.r1) as worker:
        worker.configure(FOUR)
        worker.tell(PutRouter(virtual("five", 55, "10.77.0.105/24")), Describe(7))
        worker.wait_for_state("five", "INIT")  # nothing is started before its commit
        assert worker.wait_for(Described).token == 7
        assert not [message for message in worker.heard if isinstance(message, Committed)]
