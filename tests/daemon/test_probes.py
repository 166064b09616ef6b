"""Probes of several kinds in a real checker worker, with the rights that it keeps."""

from __future__ import annotations

import time
from pathlib import Path

from lab.netns import Host
from tests.daemon.conftest import Lan
from tests.daemon.running import PATIENCE, Daemon, configuration, router

CHECKS = """\
checks:
  host: {ping: {}, host: 10.77.0.2, interface: eth0, fwmark: 7, interval: 100ms, timeout: 1s, fall: 2}
  name: {ping: {}, host: localhost, interval: 100ms}
  closed: {udp: {}, host: 10.77.0.2, port: 9, source: 10.77.0.1, interval: 100ms}
  wrong: {ping: {}, host: 10.77.0.2, interface: eth9, interval: 100ms}
  nobody: {dns: {}, host: 10.77.0.2, source_port: 20053, interval: 100ms}
"""


def states(daemon: Daemon, **wanted: str) -> dict[str, str]:
    """Return what the latest run of each check said, as soon as their states are as wanted."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = daemon.client.checks().shown
        if {one.name: one.state for one in found} == wanted:
            return {one.name: one.last["words"] for one in found if one.last}
    raise AssertionError([(one.name, one.state, one.last) for one in found])


def silenced(host: Host, silent: bool) -> None:
    """Have a host answer no echoes, or answer them again."""
    host.sysctl("net.ipv4.icmp_echo_ignore_all", int(silent))


def test_the_checker_may_send_what_its_checks_ask_for(lan: Lan, folder: Path) -> None:
    lan.r2.sysctl("net.ipv4.icmp_ratelimit", 0)  # errors for every run, not one a second
    with Daemon(lan.r1, folder, configuration(gw=router()) + CHECKS) as daemon:
        daemon.wait_for("gw: MASTER")
        others = {"name": "good", "closed": "failed", "wrong": "failed", "nobody": "failed"}
        words = states(daemon, host="good", **others)
        assert words["host"].startswith("answered, from 10.77.0.2 in ")
        assert words["name"].startswith("answered, from ")
        assert words["closed"].startswith("port unreachable, says 10.77.0.2, from 10.77.0.2:9 in ")
        assert words["wrong"].startswith("nothing can be sent through eth9: no such device, from 10.77")
        assert words["nobody"].startswith("port unreachable, says 10.77.0.2, from 10.77.0.2:53 in ")
        silenced(lan.r2, True)
        try:
            words = states(daemon, host="failed", **others)
            assert words["host"].startswith(
                "waiting for an echo reply took longer than 1s, from 10.77.0.2 in "
            )
        finally:
            silenced(lan.r2, False)
        states(daemon, host="good", **others)
