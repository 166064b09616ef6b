"""What the control socket shows of a worker's report, and what the client makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from havip.config.tracking import TrackerKind
from havip.control.views import Router, Status, Worker, report_as_dict
from havip.messages import RouterReport, Term

REPORT = RouterReport(
    key=("eth0", 51, 6, ""),
    name="gateway",
    version=3,
    state="BACKUP",
    since=1_700_000_000.5,
    why="started",
    priority=150,
    effective_priority=140,
    interval=1_000_000_000,
    master_interval=10_000_000,
    master_down=34_531_250,
    next_deadline=12_500_000,
    master="fe80::1",
    primary_address="fe80::2",
    addresses=("2001:db8::1/64",),
    holds=("192.0.2.1/24 on eth1", "route 10.0.0.0/8 via 192.0.2.9"),
    authentication="password in cleartext",
    peers=("r2.example.com (fe80::1)",),
    counters={"adverts-sent": 3},
    terms=(Term(TrackerKind.SCRIPT, "web", 20, 0, False, "exited with 1"),),
)

SHOWN = {
    "name": "gateway",
    "interface": "eth0",
    "vrid": 51,
    "family": "IPv6",
    "segment": "",
    "version": 3,
    "state": "BACKUP",
    "since": 1_700_000_000.5,
    "why": "started",
    "priority": 150,
    "effective_priority": 140,
    "interval": 1.0,
    "master_interval": 0.01,
    "master_down": 0.03453125,
    "next_deadline": 0.0125,
    "master": "fe80::1",
    "primary_address": "fe80::2",
    "addresses": ["2001:db8::1/64"],
    "holds": ["192.0.2.1/24 on eth1", "route 10.0.0.0/8 via 192.0.2.9"],
    "authentication": "password in cleartext",
    "peers": ["r2.example.com (fe80::1)"],
    "counters": {"adverts-sent": 3},
    "tracking": [
        {"kind": "script", "name": "web", "weight": 20, "adds": 0, "fault": False, "why": "exited with 1"}
    ],
}

STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "pid": 4711,
    "since": 1_700_000_000.0,
    "configuration": {
        "file": "/etc/havip.yaml",
        "generation": 2,
        "loaded_at": 1_700_000_100.0,
        "tried_at": 1_700_000_200.0,
        "last_error": None,
    },
    "workers": [{"name": "vrrp", "pid": None, "since": 1_700_000_000.0, "restarts": 1, "alive": False}],
    "virtual_routers": [SHOWN],
    "totals": {"refused-unknown-vrid": 7},
}


def test_report_is_shown_in_seconds_and_words() -> None:
    assert report_as_dict(REPORT) == SHOWN


def test_unknown_is_null_and_not_an_empty_text_or_a_negative_time() -> None:
    unknown = RouterReport(
        **{name: getattr(REPORT, name) for name in RouterReport.__slots__}
        | {"master": "", "primary_address": "", "next_deadline": -1}
    )
    shown = report_as_dict(unknown)
    assert (shown["master"], shown["primary_address"], shown["next_deadline"]) == (None, None, None)


def test_client_reads_back_what_the_daemon_shows() -> None:
    status = Status.of(json.loads(json.dumps(STATUS)))
    assert (status.version, status.pid, status.file, status.generation) == (
        "0.1.0",
        4711,
        "/etc/havip.yaml",
        2,
    )
    assert status.last_error == ()
    assert status.workers == (Worker("vrrp", None, 1_700_000_000.0, restarts=1, alive=False),)
    assert status.totals == {"refused-unknown-vrid": 7}
    router = status.virtual_routers[0]
    assert isinstance(router, Router)
    assert (router.name, router.state, router.master_down) == ("gateway", "BACKUP", 0.03453125)
    assert router.addresses == ("2001:db8::1/64",)
    assert router.peers == ("r2.example.com (fe80::1)",)
    assert router.counters == {"adverts-sent": 3}


def test_client_ignores_what_a_newer_daemon_adds() -> None:
    newer = STATUS | {"mood": "calm", "virtual_routers": [SHOWN | {"weather": "fair"}]}
    assert Status.of(newer).virtual_routers == Status.of(STATUS).virtual_routers


@pytest.mark.parametrize(
    "broken", [{}, STATUS | {"workers": None}, STATUS | {"virtual_routers": [{"name": "x"}]}]
)
def test_what_is_no_status_is_told_by_one_kind_of_error(broken: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError)):
        Status.of(broken)
