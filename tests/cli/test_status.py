"""`havip status` against a daemon that says what the test has it say."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from havip import __main__ as command
from havip.cli import status as status_verb
from havip.cli.status import age, length
from tests.control.serving import serving

Json = dict[str, Any]

NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC

GATEWAY: Json = {
    "name": "gateway",
    "interface": "eth0",
    "vrid": 51,
    "family": "IPv4",
    "segment": "",
    "version": 3,
    "state": "MASTER",
    "since": NOW - 192,
    "why": "no better master heard for 3.609s",
    "priority": 150,
    "effective_priority": 150,
    "interval": 1.0,
    "master_interval": 1.0,
    "master_down": 3.4140625,
    "next_deadline": 0.412,
    "master": "192.0.2.2",
    "primary_address": "192.0.2.2",
    "addresses": ["192.0.2.1/24", "192.0.2.7/32"],
    "authentication": "",
    "peers": [],
    "counters": {"adverts-sent": 192, "adverts-received": 0, "became-master": 1},
}

LAN: Json = GATEWAY | {
    "name": "lan",
    "interface": "eth1",
    "vrid": 7,
    "family": "IPv6",
    "segment": "",
    "state": "BACKUP",
    "since": NOW - 4,
    "why": "a better master advertises with priority 200",
    "effective_priority": 100,
    "master_interval": 0.01,
    "master_down": 0.03609375,
    "next_deadline": 0.02,
    "master": "fe80::1",
    "addresses": ["2001:db8::1/64"],
    "counters": {"adverts-sent": 0, "adverts-received": 400, "became-master": 0},
}

DMZ: Json = LAN | {
    "name": "dmz",
    "state": "FAULT",
    "since": NOW - 90_000,
    "why": "eth2 has no carrier",
    "next_deadline": None,
    "master": None,
    "primary_address": None,
    "counters": {"adverts-sent": 0},
}

STATUS: Json = {
    "version": "0.1.0",
    "pid": 4711,
    "since": NOW - 7_380,
    "configuration": {
        "file": "/etc/havip/havip.yaml",
        "generation": 2,
        "loaded_at": NOW - 600,
        "last_error": None,
    },
    "workers": [{"name": "vrrp", "pid": 4712, "since": NOW - 7_380, "restarts": 0, "alive": True}],
    "virtual_routers": [GATEWAY, LAN],
    "totals": {"refused-unknown-vrid": 0, "refused-ttl": 3},
}


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch, socket_path: str) -> Iterator[Json]:
    """What the daemon answers to `status`; a test may change it.  It is 22:13:20 UTC, without a terminal."""
    answer = copy.deepcopy(STATUS)

    async def status(request: Json) -> Json:
        return {"status": answer}

    monkeypatch.setattr(status_verb, "wall", lambda: NOW)
    monkeypatch.setattr(status_verb, "terminal_width", lambda: None)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    with serving(socket_path, {"status": status}):
        yield answer
    monkeypatch.undo()
    time.tzset()


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command line that must succeed and return what it printed."""
    assert command.main(list(words)) == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("says")
def test_status_shows_the_daemon_and_each_router(
    socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        printed(capsys, "status", "--socket", socket_path)
        == """\
havip 0.1.0, pid 4711, up 2h03m
  file       /etc/havip/havip.yaml, generation 2, loaded 2023-11-14 22:03:20
  worker     vrrp, pid 4712, up 2h03m
  totals     refused-ttl 3

gateway  MASTER  for 3m12s, since 2023-11-14 22:10:08
  why        no better master heard for 3.609s
  router     eth0, VRID 51, VRRPv3, IPv4
  priority   150
  master     192.0.2.2 (this host)
  timers     interval 1s, next deadline in 412ms
  addresses  192.0.2.1/24, 192.0.2.7/32
  counters   adverts-sent 192, became-master 1

lan  BACKUP  for 4s, since 2023-11-14 22:13:16
  why        a better master advertises with priority 200
  router     eth1, VRID 7, VRRPv3, IPv6
  priority   100 effective, 150 configured
  master     fe80::1
  timers     interval 1s, master's interval 10ms, master down after 36.094ms, next deadline in 20ms
  addresses  2001:db8::1/64
  counters   adverts-received 400
"""
    )


def test_router_in_fault_shows_why_and_no_deadline(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says["virtual_routers"] = [DMZ]
    assert (
        printed(capsys, "status", "dmz", "--socket", socket_path)
        == """\
dmz  FAULT  for 1d01h, since 2023-11-13 21:13:20
  why        eth2 has no carrier
  router     eth1, VRID 7, VRRPv3, IPv6
  priority   100 effective, 150 configured
  master     unknown
  timers     interval 1s
  addresses  2001:db8::1/64
"""
    )


def test_every_term_of_the_priority_is_shown(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    term = {"kind": "script", "name": "web", "weight": -20, "adds": -20, "fault": False, "why": "failed"}
    good = {"kind": "interface", "name": "eth2", "weight": 0, "adds": 0, "fault": False, "why": "is up"}
    bad = {"kind": "file", "name": "drain", "weight": 0, "adds": 0, "fault": True, "why": "holds 1"}
    says["virtual_routers"] = [GATEWAY | {"tracking": [term, good, bad]}]
    assert """\
  priority   150
  tracking   script web -20: failed
             interface eth2 ok: is up
             file drain FAULT: holds 1
  master     192.0.2.2 (this host)
""" in printed(capsys, "status", "gateway", "--socket", socket_path)


def test_brief_is_one_line_a_router_in_columns(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says["virtual_routers"] = [GATEWAY, LAN, DMZ]
    assert (
        printed(capsys, "status", "--brief", "--socket", socket_path)
        == """\
ROUTER   STATE   FOR    PRIORITY  MASTER                 WHY
gateway  MASTER  3m12s  150       192.0.2.2 (this host)  no better master heard for 3.609s
lan      BACKUP  4s     100       fe80::1                a better master advertises with priority 200
dmz      FAULT   1d01h  100       unknown                eth2 has no carrier
"""
    )


@pytest.mark.usefixtures("says")
def test_verbose_shows_counters_that_are_0(socket_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, "status", "gateway", "--verbose", "--socket", socket_path)
    assert "  counters   adverts-sent 192, adverts-received 0, became-master 1\n" in shown


@pytest.mark.usefixtures("says")
def test_named_routers_are_shown_alone(socket_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, "status", "lan", "--socket", socket_path)
    assert shown.startswith("lan  BACKUP")
    assert "gateway" not in shown


@pytest.mark.usefixtures("says")
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_unknown_name_is_bad_and_told_the_known_ones(
    form: list[str], socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["status", "gatway", *form, "--socket", socket_path]) == 1
    assert capsys.readouterr().err == "havip: no virtual router named gatway; there are: gateway, lan\n"


@pytest.mark.usefixtures("says")
def test_json_is_what_the_daemon_said(socket_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(printed(capsys, "status", "--json", "--socket", socket_path)) == STATUS


@pytest.mark.usefixtures("says")
def test_json_of_one_router_keeps_the_shape(socket_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = json.loads(printed(capsys, "status", "lan", "--json", "--socket", socket_path))
    assert shown == STATUS | {"virtual_routers": [LAN]}


@pytest.mark.usefixtures("says")
@pytest.mark.parametrize("width", [40, 60, 80])
def test_narrow_terminal_wraps_between_words_and_loses_none(
    width: int, socket_path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unwrapped = printed(capsys, "status", "--socket", socket_path)
    monkeypatch.setattr(status_verb, "terminal_width", lambda: width)
    shown = printed(capsys, "status", "--socket", socket_path)
    assert max(map(len, shown.splitlines())) <= width
    assert shown.split() == unwrapped.split()


def test_refused_reload_and_ailing_worker_are_shown(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says["virtual_routers"] = []
    says["totals"] = {}
    says["workers"] = [
        {"name": "vrrp", "pid": None, "since": NOW, "restarts": 3, "alive": False},
        {"name": "checker", "pid": 9, "since": NOW - 61, "restarts": 0, "alive": False},
    ]
    says["configuration"]["last_error"] = [
        {
            "file": "/etc/havip/havip.yaml",
            "line": 4,
            "column": 7,
            "path": "virtual_routers.a.vrid",
            "message": "too big",
        }
    ]
    assert printed(capsys, "status", "--socket", socket_path).splitlines()[2:] == [
        "  worker     vrrp, NOT RUNNING, about to be started again, restarts 3",
        "  worker     checker, pid 9, up 1m01s, DOES NOT ANSWER",
        "  the latest reload was refused:",
        "    /etc/havip/havip.yaml:4:7: virtual_routers.a.vrid: too big",
    ]


def test_answer_without_a_status_is_no_traceback(
    socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def nonsense(request: Json) -> Json:
        return {"status": {"version": "9"}}

    with serving(socket_path, {"status": nonsense}):
        assert command.main(["status", "--socket", socket_path]) == 3
    assert (
        "not a havip that this one understands: its status lacks 'configuration'" in capsys.readouterr().err
    )


def test_no_daemon_exits_with_3(socket_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["status", "--socket", socket_path]) == 3
    assert capsys.readouterr().err.startswith(f"havip: no daemon answers on {socket_path} (No such file")


def test_no_permission_exits_with_4(socket_path: str) -> None:
    code = (
        "import os, sys; from havip.__main__ import main\n"
        "main(['status', '--socket', '/none'])  # import all that the other user might not be able to read\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(main(['status', '--socket', sys.argv[1]]))"
    )
    os.chmod(os.path.dirname(socket_path), 0o755)
    with serving(socket_path, {}):
        done = subprocess.run(
            [sys.executable, "-c", code, socket_path],
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 4
    assert "be root or a member of the group havip" in done.stderr


def test_ages_have_two_units() -> None:
    ages = [-5, 0.4, 59.9, 60, 192, 3599, 3600, 86_399, 86_400, 1_000_000]
    assert [age(seconds) for seconds in ages] == [
        "0s", "0s", "59s", "1m00s", "3m12s", "59m59s", "1h00m", "23h59m", "1d00h", "11d13h",
    ]  # fmt: skip


def test_lengths_are_in_the_unit_that_fits() -> None:
    assert [length(seconds) for seconds in (0.0, 0.01, 0.412, 1.0, 3.609375)] == [
        "0s",
        "10ms",
        "412ms",
        "1s",
        "3.609s",
    ]


def test_how_adverts_are_authenticated_is_shown(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    how = "HMAC-SHA-256 (enforce, time): signs with key 2, accepts 1, 2"
    says["virtual_routers"] = [GATEWAY | {"authentication": how}]
    assert f"  adverts    {how}" in printed(capsys, "status", "gateway", "--socket", socket_path).splitlines()


def test_unicast_peers_and_the_segment_are_shown(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says["virtual_routers"] = [GATEWAY | {"segment": "unicast", "peers": ["192.0.2.3", "r4 (192.0.2.4)"]}]
    lines = printed(capsys, "status", "gateway", "--socket", socket_path).splitlines()
    assert "  router     eth0, VRID 51, VRRPv3, IPv4, unicast" in lines
    assert "  peers      192.0.2.3, r4 (192.0.2.4)" in lines


def test_the_interface_that_a_router_has_to_itself_is_shown(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    device = {"name": "vrrp.51", "kind": "macvlan", "mac": "00:00:5e:00:01:33", "fault": ""}
    says["virtual_routers"] = [GATEWAY | {"device": device}]
    lines = printed(capsys, "status", "gateway", "--socket", socket_path).splitlines()
    assert "  device     vrrp.51, macvlan, 00:00:5e:00:01:33" in lines
    says["virtual_routers"] = [GATEWAY | {"device": device | {"mac": "", "fault": "no such type"}}]
    lines = printed(capsys, "status", "gateway", "--socket", socket_path).splitlines()
    assert "  device     vrrp.51, macvlan, no such type" in lines


def test_what_a_master_holds_beside_its_addresses_is_shown_behind_them(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    holds = ["192.0.2.1/24 on eth1", "route 10.0.0.0/8 via 192.0.2.9", "rule 1000: from all lookup 100"]
    says["virtual_routers"] = [GATEWAY | {"holds": holds}]
    lines = printed(capsys, "status", "gateway", "--socket", socket_path).splitlines()
    assert "  holds      " + ", ".join(holds) in lines


GROUP: Json = {
    "name": "firewall",
    "state": "BACKUP",
    "since": NOW - 61,
    "why": "started",
    "members": ["gateway", "lan"],
    "waits_for": ["lan"],
}


def test_sync_groups_are_shown_with_those_for_whom_the_others_wait(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says["sync_groups"] = [GROUP]
    assert (
        printed(capsys, "status", "firewall", "--socket", socket_path)
        == """\
sync group firewall  BACKUP  for 1m01s, since 2023-11-14 22:12:19
  why        started
  members    gateway, lan
  waits for  lan
"""
    )
    brief = printed(capsys, "status", "--brief", "--socket", socket_path).splitlines()
    assert brief[1].split() == ["firewall", "BACKUP", "1m01s", "group", "started"]
    shown = json.loads(printed(capsys, "status", "--json", "firewall", "--socket", socket_path))
    assert (shown["sync_groups"], shown["virtual_routers"]) == ([GROUP], [])
    shown = json.loads(printed(capsys, "status", "--json", "gateway", "--socket", socket_path))
    assert (shown["sync_groups"], len(shown["virtual_routers"])) == ([], 1)
