"""keepalived's dumps, said of our virtual routers: what their readers take apart."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from havip.config.model import Configuration, Dumps
from havip.control.serviceviews import service_as_dict
from havip.services.dumped import COUNTERS, as_json, counted, since
from havip.services.dumptext import state, stats
from tests.config.reading import read
from tests.control.balanced import CONFIGURATION, DNS, WEB
from tests.services.exporter import WHOLE_STATS, from_json, from_state, from_stats

FILE = """
daemon: {dumps: {json_version: VERSION}}
virtual_routers:
  gw:
    interface: eth0
    vrid: 51
    priority: 150
    interval: 500ms
    preempt: false
    announce: {delay: 1500ms}
    addresses: [192.0.2.1/24, {address: 192.0.2.9/32, device: eth1, label: "eth1:x", scope: link}]
    excluded_addresses: ["2001:db8::1/64"]
    routes: [{to: 198.51.100.0/24, via: 192.0.2.254}]
    rules: [{source: 192.0.2.1/32, table: 100, priority: 200}]
    track: {scripts: [web], interfaces: [eth2], files: [load], processes: [nginx]}
    notify: {master: [/usr/bin/true, a b]}
  old: {interface: eth0, vrid: 52, version: 2, addresses: [192.0.2.2/24],
        authentication: {type: pass, password: hidden}}
  mac: {interface: eth0, vrid: 53, virtual_mac: {name: vrrp.53}, addresses: [192.0.2.3/24],
        hmac: {keys: {1: {value: "0123456789abcdef0123456789abcdef"}}, active_key: 1}}
scripts:
  web: {command: [/usr/bin/test, -e, /run/web], weight: -20}
tracked_files:
  load: {path: /run/load, weight: 2}
tracked_processes:
  nginx: {process: nginx, quorum: 2, quorum_max: 9, weight: 7, reverse: true, fork_delay: 500ms}
sync_groups:
  all: {members: [gw, old]}
"""


def configuration(version: int = 1) -> Configuration:
    return read(FILE.replace("VERSION", str(version)))


def shown(name: str, state: str = "BACKUP", **counters: int) -> dict[str, Any]:
    """Return a virtual router as `status` shows it, as far as it matters here."""
    return {
        "name": name,
        "state": state,
        "since": 1795561619.730464,
        "effective_priority": 130,
        "interval": 0.5,
        "master_interval": 1.0,
        "master_down": 1.6953125,
        "primary_address": "192.0.2.77",
        "counters": {key.replace("_", "-"): count for key, count in counters.items()},
        "tracking": [{"kind": "script", "name": "web", "weight": -20}],
    }


STATUS = {
    "virtual_routers": [
        shown("gw", "MASTER", adverts_sent=7, became_master=2, released_master=1, refused_ttl=3),
        shown("old", "FAULT", refused_peer_ttl=1, refused_password=5),
        shown("mac", "INIT", refused_hmac_replay=4),
        shown("gone"),  # a reload has just taken it away
    ],
    "sync_groups": [{"name": "all", "state": "FAULT", "members": ["gw", "old"]}],
    "trackers": [
        {"kind": "script", "name": "web", "good": False, "value": None},
        {"kind": "file", "name": "load", "good": True, "value": 12},
        {"kind": "process", "name": "nginx", "good": False, "value": 1},
    ],
}


def test_states_have_keepaliveds_numbers() -> None:
    found = from_json(as_json(configuration(), STATUS, {}))
    assert {name: one["state"] for name, one in found.items()} == {"gw": 2, "old": 3, "mac": 0}
    status = {**STATUS, "virtual_routers": [shown("gw", "BACKUP")]}
    assert from_json(as_json(configuration(), status, {}))["gw"]["wantstate"] == 1


def test_an_exporter_finds_in_the_json_what_it_looks_for() -> None:
    found = from_json(as_json(configuration(), STATUS, {}))
    gw = found["gw"]
    assert (gw["vrid"], gw["ifp_ifname"], gw["base_priority"], gw["effective_priority"]) == (
        51,
        "eth0",
        150,
        130,
    )
    assert (gw["garp_delay"], gw["adver_int"], gw["master_adver_int"]) == (
        2,
        0.5,
        1,
    )  # 1.5 s is no whole second
    assert (gw["nopreempt"], gw["vipset"], gw["last_transition"]) == (True, True, 1795561619.730464)
    assert gw["vips"] == [
        "192.0.2.1/24 dev eth0 scope global set",
        "192.0.2.9/32 dev eth1 scope link label eth1:x set",
    ]
    assert gw["evips"] == ["2001:db8::1/64 dev eth0 scope global set"]
    assert gw["vroutes"] == ["198.51.100.0/24 via 192.0.2.254"]
    assert gw["script_master"] == "'/usr/bin/true' 'a b'"
    assert gw["track_script"] == ["'/usr/bin/test' '-e' '/run/web'"]
    assert (gw["track_ifp"], gw["track_process"]) == (["eth2"], ["nginx"])
    assert (gw["advert_sent"], gw["become_master"], gw["release_master"], gw["ip_ttl_err"]) == (7, 2, 1, 3)
    assert found["mac"]["vips"] == ["192.0.2.3/24 dev vrrp.53@eth0 scope global"]
    assert found["mac"]["ifp_ifname"] == found["mac"]["vmac_ifname"] == "vrrp.53"
    assert found["mac"]["auth_ext_replay"] == 4
    assert (found["old"]["auth_type"], found["old"]["ip_ttl_err"], found["old"]["auth_failure"]) == (1, 1, 5)


def test_no_secret_is_in_a_dump() -> None:
    texts = (
        as_json(configuration(), STATUS, {}),
        stats(configuration(), STATUS, {}),
        state(configuration(), STATUS, "host", str),
    )
    for text in texts:
        assert "hidden" not in text
        assert "0123456789abcdef" not in text


def test_version_2_has_the_tracked_processes_as_well() -> None:
    whole = json.loads(as_json(configuration(2), STATUS, {}))
    assert [one["data"]["iname"] for one in whole["vrrp"]] == ["gw", "old", "mac"]
    assert whole["track_process"] == [
        {
            "process": "nginx",
            "param_match": "none",
            "min_processes": 2,
            "max_processes": 9,
            "current_processes": 1,
            "have_quorum": False,
            "weight": -7,
            "terminate_delay": 0,
            "fork_delay": 0.5,
            "fork_delay_timer_running": False,
            "terminate_delay_timer_running": False,
            "full_command": False,
        }
    ]


def test_an_exporter_finds_in_the_state_what_it_looks_for() -> None:
    routers, scripts = from_state(state(configuration(), STATUS, "host", lambda at: "Tue"))
    assert list(routers) == ["gw", "old", "mac"]
    gw = routers["gw"]
    assert (gw["State"], gw["Wantstate"], gw["Virtual Router ID"], gw["Interface"]) == (
        "MASTER",
        "MASTER",
        "51",
        "eth0",
    )
    assert (gw["Gratuitous ARP delay"], gw["Sync group"]) == ("2", "all")
    assert gw["Last transition"] == "1795561619.730464 (Tue)"
    assert gw["Master down timer"] == "1695312 usecs"
    assert gw["vips"][0] == "192.0.2.1/24 dev eth0 scope global set"
    assert len(gw["vips"]) == 2  # and none of the lists behind them
    assert routers["mac"]["Interface"] == "vrrp.53, vmac on eth0"
    assert {name: (one["Status"], one["State"]) for name, one in scripts.items()} == {"web": ("BAD", "idle")}


def test_an_exporter_finds_in_the_statistics_what_it_looks_for() -> None:
    found = from_stats(stats(configuration(), STATUS, {}))
    assert found["gw"] == {
        "Advertisements/Received": 0,
        "Advertisements/Sent": 7,
        "Became master": 2,
        "Released master": 1,
        "Packet Errors/Length": 0,
        "Packet Errors/TTL": 3,
        "Packet Errors/Invalid Type": 0,
        "Packet Errors/Advertisement Interval": 0,
        "Packet Errors/Address List": 0,
        "Authentication Errors/Invalid Type": 0,
        "Authentication Errors/Type Mismatch": 0,
        "Authentication Errors/Failure": 0,
        "Priority Zero/Received": 0,
        "Priority Zero/Sent": 0,
    }
    assert found["mac"]["Authentication Extension/Replay"] == 4


@pytest.mark.parametrize(
    ("now", "cleared", "expected"),
    [(9, None, 9), (9, 4, 5), (4, 4, 0), (3, 4, 3)],
    ids=["never cleared", "more since", "nothing since", "a worker began anew"],
)
def test_what_is_cleared_counts_from_there_on(now: int, cleared: int | None, expected: int) -> None:
    before = None if cleared is None else {"advert_sent": cleared}
    assert since({"advert_sent": now}, before) == {"advert_sent": expected}


def test_every_counter_of_keepalived_has_its_meaning() -> None:
    assert set(WHOLE_STATS) <= set(COUNTERS)
    assert counted(shown("gw")) == dict.fromkeys(COUNTERS, 0)


def test_virtual_services_are_in_the_text_and_in_version_2_of_json() -> None:
    services = {"shown": [service_as_dict(WEB), service_as_dict(DNS)], "ipvs": None}
    status = {"virtual_routers": [], "sync_groups": [], "trackers": [], "services": services}
    text = state(CONFIGURATION, status, "r1", str)
    assert "\n VS VIP = 192.0.2.1, VPORT = 80\n   Name = web\n" in text
    assert "\n   sorry server = [10.0.0.99]:tcp:80\n" in text
    assert "\n   State = UP (weight 10 of its servers is alive)\n" in text
    assert "\n   RIP = 10.0.0.9, RPORT = 80, WEIGHT = 10 EFF WEIGHT = 10\n   Name = web3\n" in text
    assert "\n   State = DRAINING (waits for its last connection)\n   Order = drain\n" in text
    assert "\n VS GROUP = [resolvers]:53\n" in text
    assert "\n   alive = 0\n   quorum_state_up = 0\n   State = DOWN (weight 0" in text
    old, new = (
        replace(CONFIGURATION, daemon=replace(CONFIGURATION.daemon, dumps=Dumps(json_version=version)))
        for version in (1, 2)
    )
    assert json.loads(as_json(old, status, {})) == []
    whole = json.loads(as_json(new, status, {}))
    assert [one["name"] for one in whole["services"]] == ["web", "dns"]
    nothing = state(CONFIGURATION, status | {"services": {}}, "r1", str)  # before the first report
    assert nothing.count("   alive = 0") == 6
    assert "LVS" not in state(configuration(), status | {"virtual_routers": []}, "r1", str)
