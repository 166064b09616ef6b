"""The promises of `lab.capture`: all that passes is heard, both ways, with honest stamps."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from lab.capture import Capture
from lab.netns import Host, Network, Switch
from tests.lab.talk import heard, holding, say

pytestmark = pytest.mark.root


def test_a_capture_hears_both_directions_with_stamps_of_the_monotonic_clock(
    lan: tuple[Switch, Host, Host, Host],
) -> None:
    _, a, b, _ = lan
    with Capture(a) as ears:
        before = time.monotonic_ns()
        say(a, "ping", "224.0.0.18")
        say(b, "pong", "224.0.0.18")
        pong = ears.wait_for(lambda frame: b"pong" in frame.data)
        after = time.monotonic_ns()
        ping = ears.wait_for(lambda frame: b"ping" in frame.data)
    assert (ping.outgoing, pong.outgoing) == (True, False)
    slack = 1_000_000  # two clocks are read one after the other
    assert before - slack <= ping.at <= pong.at <= after + slack


def test_a_capture_on_the_switch_hears_what_is_forwarded_and_not_what_is_cut(
    lan: tuple[Switch, Host, Host, Host], net: Network
) -> None:
    switch, a, b, _ = lan
    with Capture(switch, switch.bridge) as ears:
        net.cut(a)
        say(a, "lost", "224.0.0.18")
        say(b, "forwarded", "224.0.0.18")
        ears.wait_for(holding("forwarded"))
    assert heard(ears, "lost") == []


def test_a_capture_keeps_what_it_is_told_to(lan: tuple[Switch, Host, Host, Host]) -> None:
    _, a, b, _ = lan
    with Capture(b, keep=lambda frame: b"good" in frame.data) as ears:
        say(a, "bad", "224.0.0.18")
        say(a, "good", "224.0.0.18")
        ears.wait_for(holding("good"))
    assert [b"good" in frame.data for frame in ears.frames] == [True]


def test_waiting_for_a_frame_that_does_not_come_raises(lan: tuple[Switch, Host, Host, Host]) -> None:
    _, a, _, _ = lan
    with Capture(a) as ears, pytest.raises(TimeoutError):
        ears.wait_for(lambda frame: b"never" in frame.data, timeout=0.05)


def test_other_tools_read_the_pcap(lan: tuple[Switch, Host, Host, Host], tmp_path: Path) -> None:
    _, a, b, _ = lan
    with Capture(b, protocol=0x0800) as ears:
        say(a, "hello", "10.77.0.2")
        ears.wait_for(holding("hello"))
    ears.write_pcap(tmp_path / "wire.pcap")
    read = subprocess.run(
        ["tcpdump", "-n", "-r", tmp_path / "wire.pcap", "udp"], capture_output=True, text=True, check=True
    )
    assert "10.77.0.1" in read.stdout
    assert "> 10.77.0.2.4040: UDP, length 5" in read.stdout
