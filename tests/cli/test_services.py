"""`havip services` and `havip server` against a daemon that says what the test has it say."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from havip import __main__ as command
from havip.cli import services as services_verb
from havip.cli import status as status_verb
from havip.control.serviceviews import balancer_as_dict, service_as_dict
from tests.cli.test_status import STATUS
from tests.control.balanced import BALANCER, DNS, NO_IPVS, NOW, WEB
from tests.control.serving import serving

Json = dict[str, Any]

ORDER = {
    "service": "web",
    "server": "web3",
    "drain": True,
    "weight": None,
    "by": "alice (root)",
    "at": NOW - 5,
    "reason": "new kernel",
}
ALL: Json = {
    "total": 2,
    "up": 1,
    "down": 1,
    "fault": 0,
    "sorry": 1,
    "servers": {"UP": 1, "DOWN": 1, "DRAINING": 1, "UNKNOWN": 1},
    "stale": None,
    "ipvs": balancer_as_dict(BALANCER),
    "orders": [ORDER],
    "damage": None,
    "shown": [service_as_dict(WEB), service_as_dict(DNS)],
}


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch, socket_path: str) -> Iterator[Json]:
    """What the daemon answers; a test may change it.  ``asked`` is what it was asked last."""
    daemon: Json = {"services": json.loads(json.dumps(ALL)), "asked": None, "server": {}}

    async def services(request: Json) -> Json:
        daemon["asked"] = request
        return {"services": daemon["services"]}

    async def server(request: Json) -> Json:
        daemon["asked"] = request
        answer: Json = daemon["server"]
        return answer

    async def status(request: Json) -> Json:
        return {"status": STATUS | {"services": daemon["services"]}}

    for verb in (services_verb, status_verb):
        monkeypatch.setattr(verb, "wall", lambda: NOW)
    monkeypatch.setattr(status_verb, "terminal_width", lambda: None)
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    with serving(socket_path, {"services": services, "server": server, "status": status}):
        yield daemon
    monkeypatch.undo()
    time.tzset()


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert command.main(list(words)) == 0
    return capsys.readouterr().out


def of_web1(text: str) -> list[str]:
    (line,) = [line.split() for line in text.splitlines() if "10.0.0.7" in line]
    return line


SUMMARY = """\
2 services: 1 up, 1 DOWN, 1 with the SORRY SERVER in use; servers: 1 UP, 1 DOWN, 1 UNKNOWN, 1 DRAINING
"""
IPVS = """\
IPVS: 1 of 42 changes were REFUSED by the kernel
IPVS: services of other programs: tcp 198.51.100.1:25
IPVS: connection sync: master on eth0, id 51
"""
SHOWN = """\
web  UP  for 2h03m, since 2023-11-14 20:10:20
  why        weight 10 of its servers is alive
  service    tcp 192.0.2.1:80
  scheduler  wlc
  alive      weight 10, quorum 1
  REPAIRED   2 times: another program has changed it
  traffic    conns 1.23M, bytes in 4.5G, bytes out 98.8k
"""
TABLE = """\
SERVER ADDRESS STATE FOR WEIGHT FORWARD ACTIVE INACTIVE CONNS BYTES IN BYTES OUT WHY
web1 10.0.0.7:80 UP 2h03m 10 nat 12 340 1.23M 4.5G 98.8k every check is good
web2 10.0.0.8:80 DOWN 3m12s 0 of 10 nat 0 0 0 0 0 check web/web2/tcp: connection refused
web3 10.0.0.9:80 DRAINING 5s 0 of 10 nat 3 1 7 10 11 \
ORDER: drain by alice (root) on 2023-11-14 22:13:15: new kernel; waits for its last connection
(sorry) 10.0.0.99:80 UP (idle) 3m12s 0 nat 0 0 0 0 0
"""


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_service_is_a_few_lines_and_a_table(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(capsys, "services", "--socket", socket_path)
    assert shown.startswith(SHOWN)
    assert words(shown.removeprefix(SHOWN).partition("\n\n")[0]) == words(TABLE)
    assert "\n  service    udp [2001:db8::1]:53\n             fwmark 7 (IPv6)\n" in shown
    assert "\n  SORRY      the server of last resort is in use\n  probed     not here: another" in shown
    assert shown.endswith("\n\n" + SUMMARY + IPVS)
    assert says["asked"] == {"verb": "services", "names": [], "failed": False}


def test_counters_are_shown_in_full_as_rates_and_exactly(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = of_web1(printed(capsys, "services", "--stats", "--socket", socket_path))
    assert line[8:13] == ["1.23M", "2M", "3M", "4.5G", "98.8k"]
    line = of_web1(printed(capsys, "services", "--rates", "--exact", "--socket", socket_path))
    assert line[8:13] == ["12", "340", "560", "7800", "90"]
    assert "bytes in/s 7.8k" in printed(capsys, "services", "--rates", "--socket", socket_path)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (1234, "1.23k"), (99_999, "100k"), (12_345_678, "12.3M"),
     (4_500_000_000, "4.5G"), (2_000_000_000_000, "2000G")],
)  # fmt: skip
def test_numbers_are_short(number: int, text: str) -> None:
    assert services_verb.scaled(number) == text


def test_brief_is_a_line_a_service(says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, "services", "-b", "w*", "--failed", "--socket", socket_path)
    assert words(shown)[1] == words("web UP 2h03m 10 1 3 in trouble weight 10 of its servers is alive")[0]
    assert "SORRY SERVER IN USE; weight 0" in shown
    assert says["asked"] == {"verb": "services", "names": ["w*"], "failed": True}
    assert words(printed(capsys, "services", "-b", "--socket", socket_path))[1][5:8] == ["1", "of", "3"]


def test_json_is_what_the_daemon_sent(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert json.loads(printed(capsys, "services", "--json", "--socket", socket_path)) == ALL


def test_no_ipvs_lost_orders_and_old_reports_are_said(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says["services"] |= {
        "ipvs": balancer_as_dict(NO_IPVS),
        "damage": "/x/servers.json is damaged",
        "stale": "the checker worker is not running",
    }
    for verb, indent in (("services", ""), ("status", "  ")):
        shown = printed(capsys, verb, "--socket", socket_path)
        assert f"\n{indent}IPVS: FAULT: the kernel has no IPVS: modprobe ip_vs\n" in shown
        assert f"\n{indent}ORDERS LOST: /x/servers.json is damaged\n" in shown
        assert f"{indent}OLD: the checker worker is not running\n" in shown


def test_a_daemon_without_services_says_so(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says["services"] = {"total": 0, "up": 0, "down": 0, "fault": 0, "sorry": 0, "shown": []}
    assert printed(capsys, "services", "--socket", socket_path) == "there are no virtual services\n"
    assert "services" not in printed(capsys, "status", "--socket", socket_path)


def test_the_status_shows_services_and_the_servers_that_are_not_up(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(capsys, "status", "--socket", socket_path)
    assert f"\n\n{SUMMARY}" in shown
    rows = [line.split()[:4] for line in shown.partition(SUMMARY)[2].splitlines()]
    assert rows[3:] == [
        ["SERVICE", "STATE", "FOR", "ALIVE"],
        ["web", "UP", "2h03m", "10/1"],
        ["dns", "DOWN", "1m00s", "0/2"],
        ["SERVER", "STATE", "FOR", "WEIGHT"],
        ["web/web2", "DOWN", "3m12s", "0"],
        ["web/web3", "DRAINING", "5s", "0"],
        ["dns/ns1", "UNKNOWN", "3m12s", "0"],
    ]
    assert "services" not in printed(capsys, "status", "gateway", "--socket", socket_path)


DRAINING = {"service": "web", "server": "web1", "drain": True, "order": None, "state": "UP", "active": 12}


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["drain", "web/web1"], {"do": "drain", "servers": ["web/web1"], "reason": ""}),
        (
            ["drain", "10.0.0.7", "web/*", "--reason", "new kernel", "--wait", "5"],
            {"do": "drain", "servers": ["10.0.0.7", "web/*"], "reason": "new kernel", "wait": 5.0},
        ),
        (["drain", "web1", "--wait"], {"do": "drain", "servers": ["web1"], "reason": "", "wait": 300.0}),
        (["ready", "web1"], {"do": "ready", "servers": ["web1"], "reason": ""}),
        (["weight", "a", "b", "7"], {"do": "weight", "servers": ["a", "b"], "reason": "", "weight": 7}),
        (["weight", "a", "auto"], {"do": "weight", "servers": ["a"], "reason": "", "weight": "auto"}),
    ],
)
def test_an_order_is_asked_for(words: list[str], asked: Json, says: Json, socket_path: str) -> None:
    assert command.main(["server", *words, "--socket", socket_path]) == 0
    assert says["asked"] == {"verb": "server", "login": ""} | asked


def test_an_order_tells_how_the_servers_are_and_what_was_perhaps_not_meant(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = DRAINING | {"server": "web2", "drain": False, "order": 7, "active": 0}
    says["server"] = {"servers": [DRAINING, ready], "warnings": ["web has no server left"]}
    assert command.main(["server", "drain", "x", "--socket", socket_path]) == 0
    captured = capsys.readouterr()
    assert captured.out == "web/web1: drain (12 connections are left)\nweb/web2: ready with weight 7\n"
    assert captured.err == "WARNING: web has no server left\n"


def test_a_refusal_is_told(says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    says["server"] = {"ok": False, "reason": "no-such-server", "message": "do you mean web1?"}
    assert command.main(["server", "ready", "wep1", "--socket", socket_path]) == 1
    assert capsys.readouterr().err == "havip: do you mean web1?\n"


def test_the_orders_that_hold_are_listed(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says["services"]["orders"].append(ORDER | {"server": "gone", "drain": True, "weight": 3, "reason": ""})
    assert words(printed(capsys, "server", "list", "--socket", socket_path)) == [
        ["SERVER", "STATE", "ORDER", "BY", "ON", "REASON"],
        *words("web/web3 DRAINING drain alice (root) 2023-11-14 22:13:15 new kernel"),
        *words("web/gone not there drain and weight 3 alice (root) 2023-11-14 22:13:15"),
    ]
    assert json.loads(printed(capsys, "server", "list", "--json", "--socket", socket_path))[0] == ORDER
    says["services"] |= {"orders": [], "damage": "it is damaged"}
    assert printed(capsys, "server", "list", "--socket", socket_path) == (
        "ORDERS LOST: it is damaged\nthere are no orders: every server is as configured\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["stop", "web1"],
        ["drain"],
        ["weight", "web1"],
        ["weight", "web1", "heavy"],
        ["weight", "web1", "65536"],
        ["weight", "web1", "²"],
        ["drain", "web1", "--wait", "nan"],
        ["drain", "web1", "--wait", "3601"],
        ["list", "web1"],
    ],
)
def test_what_makes_no_sense_is_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["server", *words])
    assert ended.value.code == 2
    assert "usage: havip" in capsys.readouterr().err
