"""Virtual MAC addresses: clients' packets go to them, whoever is master; what they need is put back."""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.capture import Capture, Frame
from lab.netns import LINK_EVENTS, Host
from tests.daemon.caller import connects, echoes, neighbour
from tests.daemon.conftest import Lan
from tests.daemon.running import Daemon, configuration, router

VIP, VIP6 = "10.77.0.100", "2001:db8:77::100"
MAC, MAC6 = "00:00:5e:00:01:33", "00:00:5e:00:02:33"
OWN_MACS = (bytes.fromhex("00005e000133"), bytes.fromhex("00005e000233"))
VRRP = 112


def four(**keys: object) -> str:
    return router(**({"virtual_mac": True} | keys))


def six(**keys: object) -> str:
    return router(**({"virtual_mac": True, "addresses": ["fe80::100/64", f"{VIP6}/64"]} | keys))


@pytest.fixture
def client(lan: Lan) -> Host:
    client = lan.net.host("client")
    lan.net.plug(client, lan.switch, addresses=("10.77.0.9/24", "2001:db8:77::9/64"))
    return client


def device(host: Host, name: str = "vrrp.51") -> dict[str, object]:
    """Return what ip-link(8) says of an interface; nothing: it is not there."""
    shown = host.run("ip", "-d", "-j", "link", "show", "dev", name, check=False).stdout
    return json.loads(shown)[0] if shown.strip() else {}


def setting(host: Host, path: str) -> str:
    with host.entered():
        return Path("/proc/sys/net", path).read_text().strip()


def wait_for_device(host: Host, name: str = "vrrp.51", present: bool = True) -> None:
    what = f"{host.name}: {name} {'there' if present else 'gone'}"
    host.wait(LINK_EVENTS, lambda: bool(device(host, name)) is present, what, 10.0)


def is_advert(frame: Frame) -> bool:
    data = frame.data
    return (data[12:14] == b"\x08\x00" and data[23] == VRRP) or (
        data[12:14] == b"\x86\xdd" and data[20] == VRRP
    )


def test_packets_to_a_virtual_address_go_to_its_virtual_mac(lan: Lan, client: Host, folder: Path) -> None:
    text = configuration(four=four(priority=150), six=six(priority=150))
    with Capture(client, keep=is_advert) as wire, Daemon(lan.r1, folder, text) as daemon:
        daemon.wait_for("four: MASTER")
        daemon.wait_for("six: MASTER")
        first = wire.wait_for(lambda frame: frame.data[12:14] == b"\x08\x00")
        assert first.data[6:12] == OWN_MACS[0]  # RFC 9568 section 7.2
        assert first.data[26:30] == bytes((10, 77, 0, 1))
        assert wire.wait_for(lambda frame: frame.data[12:14] == b"\x86\xdd").data[6:12] == OWN_MACS[1]
        for vip, mac in ((VIP, MAC), (VIP6, MAC6), ("fe80::100", MAC6)):
            assert echoes(client, vip), vip
            assert connects(client, vip), vip
            assert neighbour(client, vip) == mac
        # Whatever the router itself asks its neighbours must not teach them another one.
        lan.r1.run("ip", "neigh", "flush", "all")
        for vip, mac in ((VIP, MAC), (VIP6, MAC6)):
            assert connects(client, vip), vip
            assert neighbour(client, vip) == mac
        assert connects(client, "10.77.0.1")
        assert bytes.fromhex(neighbour(client, "10.77.0.1").replace(":", "")) == lan.r1.mac()
        assert daemon.stop() == 0
    assert device(lan.r1) == device(lan.r1, "vrrp6.51") == {}


def test_a_master_forwards_what_comes_to_its_virtual_mac(lan: Lan, client: Host, folder: Path) -> None:
    server, behind = lan.net.host("server"), lan.net.switch("behind")
    lan.net.plug(server, behind, addresses=("10.88.0.9/24", "2001:db8:88::9/64"))
    lan.net.plug(lan.r1, behind, "eth1", addresses=("10.88.0.1/24", "2001:db8:88::1/64"))
    server.run("ip", "route", "add", "10.77.0.0/24", "via", "10.88.0.1")
    server.run("ip", "route", "add", "2001:db8:77::/64", "via", "2001:db8:88::1")
    client.run("ip", "route", "add", "10.88.0.0/24", "via", VIP)
    client.run("ip", "route", "add", "2001:db8:88::/64", "via", VIP6)
    lan.r1.sysctl("net.ipv4.conf.all.rp_filter", 1)  # as many distributions have it
    lan.r1.sysctl("net.ipv4.conf.eth0.rp_filter", 1)
    text = configuration(
        four=four(addresses=[f"{VIP}/32"]), six=six(addresses=["fe80::100/128", f"{VIP6}/128"])
    )
    lan.r1.run("ip", "addr", "add", "2001:db8:77::1/64", "dev", "eth0")
    for version in ("ipv4", "ipv6"):
        lan.r1.sysctl(f"net.{version}.conf.all.forwarding", 1)
    with Daemon(lan.r1, folder, text) as daemon:
        daemon.wait_for("four: MASTER")
        daemon.wait_for("six: MASTER")
        for address in ("10.88.0.9", "2001:db8:88::9"):
            assert echoes(client, address), address
            assert connects(client, address), address
        assert (neighbour(client, VIP), neighbour(client, VIP6)) == (MAC, MAC6)


def test_a_failover_changes_nothing_for_the_clients(lan: Lan, client: Host, folder: Path) -> None:
    texts = [configuration(four=four(priority=priority)) for priority in (150, 100)]
    with Daemon(lan.r1, folder, texts[0]) as better, Daemon(lan.r2, folder, texts[1]) as worse:
        better.wait_for("four: MASTER")
        worse.wait_for("four: BACKUP")
        # No announcement can change this entry: the packets reach the new master without one.
        client.run("ip", "neigh", "replace", VIP, "lladdr", MAC, "dev", "eth0", "nud", "permanent")
        assert connects(client, VIP)
        lan.net.cut(lan.r1)
        worse.wait_for("four: MASTER")
        lan.r2.wait_for_address(VIP)
        assert connects(client, VIP)
        lan.net.mend(lan.r1)
        worse.wait_for("four: BACKUP: a better master")  # it hears the other one, virtual MAC and all
        lan.r2.wait_for_address(VIP, present=False)
        assert connects(client, VIP)


def test_a_backup_says_nothing_from_the_virtual_mac(lan: Lan, folder: Path) -> None:
    for host in (lan.r1, lan.r2):
        host.sysctl("net.ipv6.conf.all.forwarding", 1)
    texts = [configuration(four=four(priority=p), six=six(priority=p)) for p in (150, 100)]
    with Daemon(lan.r1, folder, texts[0]) as better:
        better.wait_for("four: MASTER")
        better.wait_for("six: MASTER")
        from_r2 = Capture(
            lan.switch, "r2-eth0", keep=lambda one: not one.outgoing and one.data[6:12] in OWN_MACS
        )
        with from_r2, Daemon(lan.r2, folder, texts[1]) as worse:
            worse.wait_for("six: BACKUP")
            # Reports of multicast groups come within two seconds, in two or three waves.
            adverts = itertools.count()
            with Capture(lan.r2, keep=lambda one: is_advert(one) and not one.outgoing) as wire:
                wire.wait_for(lambda one: next(adverts) == 40)
            assert from_r2.frames == []


def test_adverts_can_leave_from_the_interface_itself(lan: Lan, client: Host, folder: Path) -> None:
    text = configuration(four=four(virtual_mac={"transmit_on_parent": True}))
    with Capture(client, keep=is_advert) as wire, Daemon(lan.r1, folder, text) as daemon:
        daemon.wait_for("four: MASTER")
        assert wire.wait_for(lambda frame: True).data[6:12] == lan.r1.mac()
        lan.r1.wait_for_address(VIP, interface="vrrp.51")
        assert connects(client, VIP)
        assert neighbour(client, VIP) == MAC


def test_kernel_settings_are_put_back(lan: Lan, folder: Path) -> None:
    lan.r1.sysctl("net.ipv4.conf.all.rp_filter", 1)
    lan.r1.sysctl("net.ipv4.conf.all.forwarding", 1)
    with Daemon(lan.r1, folder, configuration(four=four())) as daemon:
        daemon.wait_for("four: MASTER")
        now = {
            path: setting(lan.r1, f"ipv4/conf/{path}")
            for path in ("all/rp_filter", "eth0/rp_filter", "lo/rp_filter", "vrrp.51/rp_filter")
        }
        assert list(now.values()) == ["0", "1", "1", "0"]
        assert setting(lan.r1, "ipv4/conf/eth0/arp_ignore") == "1"
        assert setting(lan.r1, "ipv4/conf/vrrp.51/forwarding") == "1"
        daemon.configure(configuration(four=router()))
        assert daemon.client.reload()["add"] == ["four"]
        daemon.wait_for("four: MASTER", 2)
        assert device(lan.r1) == {}
        for path, value in (
            ("all/rp_filter", "1"),
            ("eth0/rp_filter", "0"),
            ("lo/rp_filter", "0"),
            ("eth0/arp_ignore", "0"),
            ("eth0/arp_announce", "0"),
        ):
            assert setting(lan.r1, f"ipv4/conf/{path}") == value


@pytest.fixture
def killed(lan: Lan, folder: Path) -> Iterator[Daemon]:
    """A daemon of which nothing could put anything away."""
    with Daemon(lan.r1, folder, configuration(four=four())) as daemon:
        daemon.wait_for("four: MASTER")
        worker = daemon.worker()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            lan.r1.run("kill", f"-{number.name[3:]}", str(daemon.process.pid), str(worker))
        daemon.process.wait()
        yield daemon


def test_what_a_killed_daemon_left_is_adopted(lan: Lan, killed: Daemon) -> None:
    left = device(lan.r1)
    assert left["ifalias"] == "havip - eth0 51 ipv4"
    killed.start()
    killed.wait_for("four: MASTER", 2)
    assert device(lan.r1)["ifindex"] == left["ifindex"]
    assert killed.said("made the macvlan") == 1
    assert killed.stop() == 0
    assert device(lan.r1) == {}
    assert setting(lan.r1, "ipv4/conf/eth0/arp_ignore") == "0"


def test_what_a_killed_daemon_left_and_nobody_wants_is_swept(lan: Lan, killed: Daemon) -> None:
    killed.configure(configuration(four=router()))
    killed.start()
    killed.wait_for("four: MASTER", 2)
    assert device(lan.r1) == {}
    assert setting(lan.r1, "ipv4/conf/eth0/arp_ignore") == "0"
    assert setting(lan.r1, "ipv4/conf/eth0/arp_announce") == "0"


def test_a_killed_worker_resumes_on_the_same_interface(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, configuration(four=four(interval="500ms"))) as daemon:
        daemon.wait_for("four: MASTER")
        before = device(lan.r1)["ifindex"]
        lan.r1.run("kill", "-KILL", str(daemon.worker()))
        daemon.wait_for("four: MASTER: resumed")
        assert device(lan.r1)["ifindex"] == before
        assert VIP in lan.r1.addresses("vrrp.51")


def test_a_flap_that_may_be_overlooked_is_overlooked(lan: Lan, client: Host, folder: Path) -> None:
    text = configuration(four=four()) + "interfaces: {eth0: {down_delay: 20s}}\n"
    with Daemon(lan.r1, folder, text) as daemon:
        daemon.wait_for("four: MASTER")
        lan.net.carrier(lan.r1, False)
        lan.net.carrier(lan.r1, True)
        assert connects(client, VIP)
        assert daemon.said("four: (BACKUP|MASTER|FAULT)") == 2


def test_an_interface_that_comes_back_carries_the_virtual_mac_again(
    lan: Lan, client: Host, folder: Path
) -> None:
    with Daemon(lan.r1, folder, configuration(four=four())) as daemon:
        daemon.wait_for("four: MASTER")
        lan.r1.run("ip", "link", "del", "eth0")
        daemon.wait_for("four: FAULT: interface eth0 does not exist")
        lan.net.plug(lan.r1, lan.switch, addresses=("10.77.0.1/24",))
        daemon.wait_for("four: MASTER", 2)
        assert connects(client, VIP)
        assert neighbour(client, VIP) == MAC
        assert setting(lan.r1, "ipv4/conf/eth0/arp_ignore") == "1"


def test_a_removed_or_altered_virtual_mac_is_made_anew(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, configuration(four=four())) as daemon:
        daemon.wait_for("four: MASTER")
        lan.r1.run("ip", "link", "del", "vrrp.51")
        daemon.wait_for("four: FAULT: interface vrrp.51 does not exist")
        daemon.wait_for("four: MASTER", 2)
        lan.r1.run("ip", "link", "add", "lan9", "type", "veth", "peer", "name", "lan8")  # nobody's business
        lan.r1.run("ip", "link", "set", "vrrp.51", "address", "02:00:00:00:00:07")
        daemon.wait_for("four: FAULT: interface vrrp.51 has another MAC address")
        daemon.wait_for("four: MASTER", 3)
        assert device(lan.r1)["address"] == MAC


def test_somebody_elses_interface_of_that_name_is_a_fault_of_one_router(lan: Lan, folder: Path) -> None:
    lan.r1.run("ip", "link", "add", "vrrp.51", "type", "veth", "peer", "name", "other")
    text = configuration(four=four(), plain=router(52, addresses=["10.77.0.101/24"]))
    with Daemon(lan.r1, folder, text) as daemon:
        daemon.wait_for("plain: MASTER")
        daemon.wait_for("four: FAULT: interface vrrp.51 ")
        shown = daemon.router("four").device
        assert shown is not None
        assert shown["fault"] == "interface vrrp.51 exists and is not ours: it is no macvlan"
        assert daemon.router("plain").device is None
        lan.r1.run("ip", "link", "del", "vrrp.51")
        daemon.wait_for("four: MASTER")
        assert daemon.said("plain: ") == 2
    assert device(lan.r1)["linkinfo"]["info_kind"] == "macvlan"  # type: ignore[index]


def test_a_reload_changes_a_router_on_its_interface_in_place(lan: Lan, client: Host, folder: Path) -> None:
    with Daemon(lan.r1, folder, configuration(four=four())) as daemon:
        daemon.wait_for("four: MASTER")
        daemon.configure(configuration(four=four(priority=120, addresses=[f"{VIP}/24", "10.77.0.102/24"])))
        assert [one["name"] for one in daemon.client.reload()["change"]] == ["four"]
        lan.r1.wait_for_address("10.77.0.102", interface="vrrp.51")
        assert connects(client, "10.77.0.102")
        assert neighbour(client, "10.77.0.102") == MAC
        assert daemon.said("four: (BACKUP|MASTER|FAULT)") == 2
        daemon.configure(configuration(four=four(virtual_mac={"name": "gw0"})))
        assert daemon.client.reload()["add"] == ["four"]
        daemon.wait_for("four: MASTER", 2)
        assert (device(lan.r1), device(lan.r1, "gw0")["address"]) == ({}, MAC)
        assert daemon.said("cannot make") == 0


def test_a_reload_moves_an_interface_into_another_link_group_in_place(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, configuration(four=four(virtual_mac={"group": 7}))) as daemon:
        daemon.wait_for("four: MASTER")
        before = device(lan.r1)
        assert before["group"] == "7"
        daemon.configure(configuration(four=four(virtual_mac={"group": 0})))
        changes = daemon.client.reload()["change"]
        assert changes == [{"name": "four", "changes": ["virtual_mac.group: 7 -> 0"]}]
        daemon.wait_for("four: brought vrrp.51 in line with eth0")
        assert device(lan.r1) == before | {"group": "default"}
        assert daemon.said("four: (BACKUP|MASTER|FAULT)") == 2


def test_a_reload_leaves_the_interfaces_of_other_routers_alone(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, configuration(b=four(interface="eth0"))) as daemon:
        daemon.wait_for("b: MASTER")
        before = device(lan.r1)["ifindex"]
        lan.net.plug(lan.r1, lan.switch, interface="eth1", addresses=("10.78.0.1/24",))
        daemon.configure(
            configuration(a=four(interface="eth1", addresses=["10.78.0.100/24"]), b=four(interface="eth0"))
        )
        assert daemon.client.reload()["keep"] == ["b"]
        daemon.wait_for("a: MASTER")
        assert device(lan.r1)["ifindex"] == before
        assert device(lan.r1, "vrrp.51.1")["link"] == "eth1"
        assert daemon.said("b: ") == 3
        daemon.configure(configuration(a=four(interface="eth1", addresses=["10.78.0.100/24"])))
        daemon.client.reload()
        wait_for_device(lan.r1, present=False)
        assert device(lan.r1, "vrrp.51.1")["link"] == "eth1"
        assert daemon.said("a: MASTER") == 1
