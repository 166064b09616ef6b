"""The promises of `lab.netns`: a LAN that behaves like one, and nothing left of it afterwards."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lab import netns, processes
from lab.capture import Capture
from lab.netns import NAMESPACES, CommandFailed, Host, Network, Switch
from tests.lab.conftest import PREFIX
from tests.lab.talk import heard, holding, say

pytestmark = pytest.mark.root


def ours() -> list[str]:
    stem = f"{PREFIX}{os.getpid()}"
    return [path.name for path in NAMESPACES.iterdir() if path.name.startswith(stem)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# ---------------------------------------------------------------- the LAN


@pytest.mark.parametrize("to", ["10.77.0.2", "224.0.0.18", "10.77.0.255", "fd77::2", "ff02::12"])
def test_hosts_reach_each_other_at_once(lan: tuple[Switch, Host, Host, Host], to: str) -> None:
    _, a, b, _ = lan
    with Capture(b) as ears:
        say(a, "hello", to)
        ears.wait_for(holding("hello"))


def test_own_ipv6_addresses_are_usable_without_duplicate_detection(net: Network) -> None:
    host = net.host("a")
    net.plug(host, net.switch("lan"), addresses=("fd77::1/64",))
    with host.entered(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as user:
        user.bind(("fd77::1", 0))  # EADDRNOTAVAIL while tentative


def test_duplicate_detection_can_be_asked_for(net: Network) -> None:
    host = net.host("a", dad=True)
    net.plug(host, net.switch("lan"), addresses=("fd77::1/64",))
    assert "tentative" in host.run("ip", "-6", "addr", "show", "dev", "eth0").stdout
    assert "fd77::1" not in host.addresses()


def test_the_switch_floods_a_group_that_nobody_joined(lan: tuple[Switch, Host, Host, Host]) -> None:
    _, a, b, c = lan
    with Capture(b) as one, Capture(c) as other:
        say(a, "anyone", "239.1.2.3")
        one.wait_for(holding("anyone"))
        other.wait_for(holding("anyone"))


def test_a_deleted_interface_can_be_plugged_again(lan: tuple[Switch, Host, Host, Host], net: Network) -> None:
    switch, a, b, _ = lan
    a.run("ip", "link", "delete", "eth0")
    net.plug(a, switch, addresses=("10.77.0.1/24",))
    with Capture(b) as ears:
        say(a, "again", "224.0.0.18")
        ears.wait_for(holding("again"))


# ---------------------------------------------------------------- cut, mend, carrier


def test_a_cut_loses_every_frame_from_the_host(lan: tuple[Switch, Host, Host, Host], net: Network) -> None:
    _, a, b, c = lan
    say(a, "learn my address", "10.77.0.2")
    with Capture(b) as ears, Capture(c) as others:
        net.cut(a)
        for to in ("10.77.0.2", "224.0.0.18", "10.77.0.255", "fd77::2", "ff02::12"):
            say(a, "lost", to)
        say(c, "marker", "10.77.0.255")  # later than everything above, on the same path
        ears.wait_for(holding("marker"))
    assert heard(ears, "lost") == []
    assert heard(others, "lost") == []


def test_a_cut_loses_every_frame_to_the_host(lan: tuple[Switch, Host, Host, Host], net: Network) -> None:
    _, a, b, c = lan
    say(b, "learn my address", "10.77.0.1")
    say(a, "learn my address", "10.77.0.2")
    with Capture(a) as deaf, Capture(c) as ears:
        net.cut(a)
        for to in ("10.77.0.1", "224.0.0.18", "10.77.0.255", "fd77::1", "ff02::12"):
            say(b, "lost", to)
        ears.wait_for(holding("lost"))
        say(b, "marker", "10.77.0.255")
        ears.wait_for(holding("marker"))
    assert heard(deaf, "lost") == []
    assert heard(deaf, "marker") == []


def test_a_cut_is_silent(lan: tuple[Switch, Host, Host, Host], net: Network) -> None:
    _, a, b, c = lan
    with a.entered():
        events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    with events, Capture(c) as ears:
        events.bind((0, netns.LINK_EVENTS))
        net.cut(a)
        say(b, "marker", "10.77.0.255")
        ears.wait_for(holding("marker"))
        with pytest.raises(BlockingIOError):
            events.recv(65536)
    assert a.has_carrier()


def test_mending_ends_a_cut(lan: tuple[Switch, Host, Host, Host], net: Network) -> None:
    _, a, b, _ = lan
    net.cut(a)
    net.mend(a)
    with Capture(a) as mine, Capture(b) as theirs:
        say(a, "from here", "224.0.0.18")
        theirs.wait_for(holding("from here"))
        say(b, "to here", "224.0.0.18")
        mine.wait_for(holding("to here"))


def test_the_host_sees_its_carrier_go_and_come(lan: tuple[Switch, Host, Host, Host], net: Network) -> None:
    _, a, b, _ = lan
    net.carrier(a, up=False)
    assert "NO-CARRIER" in a.run("ip", "link", "show", "dev", "eth0").stdout
    net.carrier(a, up=True)
    assert "NO-CARRIER" not in a.run("ip", "link", "show", "dev", "eth0").stdout
    with Capture(b) as ears:
        say(a, "back", "224.0.0.18")
        ears.wait_for(holding("back"))


def test_a_cut_outlives_a_change_of_carrier(lan: tuple[Switch, Host, Host, Host], net: Network) -> None:
    _, a, b, c = lan
    net.cut(a)
    net.carrier(a, up=False)
    net.carrier(a, up=True)
    with Capture(b) as ears:
        say(a, "lost", "224.0.0.18")
        say(c, "marker", "224.0.0.18")
        ears.wait_for(holding("marker"))
    assert heard(ears, "lost") == []


def test_cutting_a_host_without_a_cable_is_refused(net: Network) -> None:
    with pytest.raises(ValueError, match="a has no cable"):
        net.cut(net.host("a"))


# ---------------------------------------------------------------- commands and waiting


def test_a_failed_command_tells_what_it_said(net: Network) -> None:
    with pytest.raises(CommandFailed, match="nonesuch"):
        net.host("a").run("ip", "link", "show", "dev", "nonesuch")


def test_an_unchecked_command_returns_its_status(net: Network) -> None:
    assert net.host("a").run("sh", "-c", "exit 3", check=False).returncode == 3


def test_a_process_runs_inside_the_namespace_under_the_pid_we_hold(net: Network) -> None:
    host = net.host("a")
    process = host.popen("sh", "-c", "echo $$; readlink /proc/self/ns/net", stdout=subprocess.PIPE, text=True)
    pid, inside = process.communicate(timeout=10)[0].split()
    assert int(pid) == process.pid
    assert inside != os.readlink("/proc/self/ns/net")


def test_entering_moves_the_thread_and_brings_it_back_after_an_error(net: Network) -> None:
    home = os.readlink("/proc/thread-self/ns/net")
    with pytest.raises(ZeroDivisionError), net.host("a").entered():  # noqa: PT012
        assert os.readlink("/proc/thread-self/ns/net") != home
        raise ZeroDivisionError
    assert os.readlink("/proc/thread-self/ns/net") == home


def test_a_sysctl_is_set_inside_only(net: Network) -> None:
    before = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    host = net.host("a")
    for value in ("0", "1"):
        host.sysctl("net.ipv4.ip_forward", value)
        assert host.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout == f"{value}\n"
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == before


def test_waiting_for_an_address_ends_when_it_comes_and_when_it_goes(
    lan: tuple[Switch, Host, Host, Host],
) -> None:
    _, a, _, _ = lan
    later = a.popen("sh", "-c", "read x; ip addr add 10.77.0.9/32 dev eth0", stdin=subprocess.PIPE)
    with pytest.raises(TimeoutError, match=r"10\.77\.0\.9 held"):
        a.wait_for_address("10.77.0.9", timeout=0.05)
    later.communicate(b"\n", timeout=10)
    a.wait_for_address("10.77.0.9", interface="eth0")
    a.run("ip", "addr", "delete", "10.77.0.9/32", "dev", "eth0")
    a.wait_for_address("10.77.0.9", present=False)


# ---------------------------------------------------------------- nothing is left over


def test_an_exception_leaves_nothing_behind() -> None:
    with pytest.raises(KeyboardInterrupt), Network(PREFIX) as net:  # noqa: PT012
        host = net.host("a")
        process = host.popen("sleep", "1000")
        assert len(ours()) == 1
        raise KeyboardInterrupt
    assert ours() == []
    assert process.returncode == -signal.SIGTERM


def test_a_host_that_fails_half_way_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no such sysctl")

    monkeypatch.setattr(Host, "sysctl", refuse)
    with pytest.raises(OSError, match="no such sysctl"), Network(PREFIX) as net:
        net.host("a")
    assert ours() == []


def test_a_process_deaf_to_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE", 0.2)
    with Network(PREFIX) as net:
        deaf = net.host("a").popen("sh", "-c", "trap '' TERM; echo; read x", stdin=subprocess.PIPE, stdout=-1)
        assert deaf.stdout is not None
        deaf.stdout.readline()
    assert deaf.returncode == -signal.SIGKILL
    assert ours() == []


def test_a_stopped_process_is_ended() -> None:
    with Network(PREFIX) as net:
        process = net.host("a").popen("sleep", "1000")
        process.send_signal(signal.SIGSTOP)
    assert process.returncode == -signal.SIGTERM


def test_an_orphaned_grandchild_is_ended() -> None:
    with Network(PREFIX) as net:
        parent = net.host("a").popen(
            "sh", "-c", "sleep 1000 >&- & echo $!", stdout=subprocess.PIPE, text=True
        )
        orphan = int(parent.communicate(timeout=10)[0])
        assert alive(orphan)
    assert not alive(orphan)


def test_closing_twice_does_no_harm() -> None:
    net = Network(PREFIX)
    net.host("a")
    net.close()
    net.close()
    assert ours() == []


def test_a_second_network_of_one_prefix_does_not_disturb_the_first(net: Network) -> None:
    first = net.host("a")
    with Network(PREFIX) as other:
        assert other.host("a").namespace != first.namespace
    assert first.run("true").returncode == 0


def test_what_a_killed_predecessor_left_is_swept() -> None:
    program = (
        "import sys, lab.netns as n\n"
        f"net = n.Network({PREFIX!r})\n"
        "host = net.host('a')\n"
        "process = host.popen('sleep', '1000')\n"
        "while not n.members(host.namespace): pass\n"  # it has yet to enter
        "print(process.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    victim = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with victim:
        assert victim.stdout is not None
        left_over = int(victim.stdout.readline())
        victim.kill()
    namespace = f"{PREFIX}{victim.pid}-a"
    assert alive(left_over)
    assert namespace in netns.sweep(PREFIX)
    assert not alive(left_over)
    assert not (NAMESPACES / namespace).exists()


def test_sweeping_spares_the_living(net: Network) -> None:
    host = net.host("a")
    assert host.namespace not in netns.sweep(PREFIX)
    assert (NAMESPACES / host.namespace).exists()


@pytest.mark.parametrize("prefix", ["", "lab1", "Lab", "a-b", "a/b"])
def test_a_prefix_that_could_be_mistaken_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Network(prefix)
