"""Every metric as Prometheus reads it, and the page that lists them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from havip.metrics import exposition
from havip.metrics.catalogue import FAMILIES
from havip.metrics.exposition import OPENMETRICS, SLICE, TEXT, written
from havip.metrics.family import Source
from tests.metrics.sources import CHECKS, COUNTERS, SERVICES, SOURCE, WEB

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
ROW = re.compile(r"^\| `(havip\w*)` \| (\w+) \| (.*?) \| (.+) \|$", re.MULTILINE)
#: what ends a name: the unit, in base units, or what the kind adds
UNITS = ("_seconds", "_total", "_info")
HAVE_NO_UNIT = re.compile(
    "state|priority|generation|successful|alive|maintenance|fault|good|value|queued|checks|stale|under_way"
    "|waiting|warning|warned|weight|held_back|available|services|orders|_in_use|suspended|servers|_up"
    "|connections"
)


def text(source: Source = SOURCE, kind: str = TEXT) -> str:
    return b"".join(asyncio.run(written(FAMILIES, source, kind))).decode()


def samples(source: Source = SOURCE) -> dict[str, float]:
    """Return what is served, by the text of its name and labels."""
    lines = [line for line in text(source).splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_the_page_lists_every_metric_with_its_kind_its_labels_and_its_meaning() -> None:
    listed = [(name, kind, labels, meaning) for name, kind, labels, meaning in ROW.findall(PAGE)]
    assert listed == [
        (one.shown_as, one.kind, ", ".join(f"`{label}`" for label in one.labels), one.meaning)
        for one in FAMILIES
    ]


@pytest.mark.parametrize(("kind", "parse"), [(TEXT, classic), (OPENMETRICS, openmetrics)])
def test_everything_is_served_in_both_forms_and_read_by_the_parser_of_prometheus(
    kind: str, parse: Any
) -> None:
    found = list(parse(text(kind=kind)))
    names = [family.name for family in found]
    assert len(names) == len(set(names)) == len(FAMILIES)
    for family, told in zip(FAMILIES, found, strict=True):
        assert told.name.removesuffix("_info") == family.name
        assert told.documentation == family.meaning
        for sample in told.samples:
            assert set(sample.labels) <= set(family.labels)
            assert set(family.labels) - set(sample.labels) <= {"le"}


def test_names_and_labels_follow_the_conventions_of_prometheus() -> None:
    for family in FAMILIES:
        assert re.fullmatch(r"havip[a-z_]*", family.name)
        assert family.meaning.endswith(".")
        assert "_total" not in family.name
        assert family.shown_as.endswith(UNITS) or HAVE_NO_UNIT.search(family.name), family.name
        assert all(re.fullmatch(r"[a-z_]+", label) for label in family.labels)


def test_no_sample_is_served_twice_and_a_family_has_one_heading() -> None:
    lines = text().splitlines()
    names = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len(names) == len(set(names))
    headings = [line for line in lines if line.startswith("# TYPE")]
    assert len(headings) == len(set(headings)) == len(FAMILIES)


def test_the_values_are_those_of_the_status() -> None:
    found = samples()
    web = r'check="web \"1\"\\\n"'
    expected = {
        'havip_info{instance="",network_namespace="blue",version="0.1.0"}': 1,
        "havip_start_timestamp_seconds": 1_700_000_000,
        "havip_configuration_generation": 2,
        "havip_configuration_last_reload_successful": 1,
        'havip_worker_alive{worker="vrrp"}': 0,
        'havip_worker_restarts_total{worker="vrrp"}': 1,
        'havip_packets_refused_total{reason="unknown-vrid"}': 7,
        'havip_scrapes_total{result="cut-off"}': 1,
        'havip_router_state{router="gateway",state="BACKUP"}': 1,
        'havip_router_state{router="gateway",state="MASTER"}': 0,
        'havip_router_transitions_total{router="gateway",state="MASTER"}': 3,
        'havip_router_priority{router="gateway"}': 150,
        'havip_router_effective_priority{router="gateway"}': 140,
        'havip_router_adverts_sent_total{router="gateway"}': 3,
        'havip_router_packets_refused_total{reason="ttl",router="gateway"}': 4,
        'havip_router_tracker_priority{kind="script",router="gateway",tracker="web"}': 0,
        'havip_sync_group_state{group="fw",state="MASTER"}': 1,
        'havip_sync_group_transitions_total{group="fw",state="FAULT"}': 1,
        'havip_tracker_good{kind="script",tracker="web"}': 1,
        'havip_tracker_value{kind="file",tracker="load"}': 17,
        'havip_notifications_total{channel="/run/fifo",result="told"}': 9,
        'havip_notifications_total{channel="scripts",result="dropped"}': 3,
        'havip_notifications_queued{channel="https://x/"}': 2,
        'havip_checks{state="unknown"}': 1,
        "havip_checks_warned": 1,
        "havip_checks_stale": 0,
        "havip_configuration_last_read_timestamp_seconds": 1_700_000_200,
        "havip_checker_lateness_seconds_total": 2.5,
        "havip_checker_worst_lateness_seconds": 0.06,
        "havip_checker_runs_under_way": 3,
        f"havip_check_good{{{web}}}": 1,
        f"havip_check_state_since_timestamp_seconds{{{web}}}": 1_700_000_000.25,
        f"havip_check_verdict_changes_total{{{web}}}": 2,
        f'havip_check_runs_total{{{web},result="timed-out"}}': 2,
        f"havip_check_warning{{{web}}}": 1,
        f"havip_check_weight{{{web}}}": 7,
        f"havip_check_held_back{{{web}}}": 0,
        f'havip_check_response_seconds_bucket{{{web},le="0.001"}}': 4,
        f'havip_check_response_seconds_bucket{{{web},le="0.1"}}': 9,
        f'havip_check_response_seconds_bucket{{{web},le="1.0"}}': 9,
        f'havip_check_response_seconds_bucket{{{web},le="+Inf"}}': 10,
        f"havip_check_response_seconds_sum{{{web}}}": 0.5,
        f"havip_check_response_seconds_count{{{web}}}": 10,
    }
    assert {name: found.get(name) for name in expected} == expected


def test_the_values_of_services_and_servers_are_those_of_the_services() -> None:
    expected = {
        "havip_ipvs_available": 1,
        'havip_ipvs_info{version="1.2.1"}': 1,
        "havip_ipvs_messages_total": 42,
        "havip_ipvs_refused_total": 1,
        "havip_ipvs_foreign_services": 1,
        'havip_services{state="DOWN"}': 1,
        "havip_services_stale": 0,
        "havip_server_orders": 1,
        'havip_service_state{service="web",state="UP"}': 1,
        'havip_service_state{service="web",state="DOWN"}': 0,
        'havip_service_transitions_total{service="web",state="UP"}': 2,
        'havip_service_alive_weight{service="web"}': 10,
        'havip_service_quorum_weight{service="dns"}': 2,
        'havip_service_sorry_server_in_use{service="dns"}': 1,
        'havip_service_suspended{service="web"}': 0,
        'havip_service_repaired_total{service="web"}': 2,
        'havip_service_servers{service="web",state="DRAINING"}': 1,
        'havip_service_servers{service="web",state="UP"}': 1,
        'havip_service_connections_total{service="web"}': 1_234_574,
        'havip_service_bytes_total{direction="out",service="web"}': 98_776,
        'havip_server_info{address="2001:db8::53",method="direct",port="53",server="ns1",service="dns"}': 1,
        'havip_server_up{server="web1",service="web"}': 1,
        'havip_server_up{server="web2",service="web"}': 0,
        'havip_server_up{server="(sorry)",service="web"}': 1,
        'havip_server_transitions_total{server="web2",service="web",state="DOWN"}': 5,
        'havip_server_weight{server="web2",service="web"}': 0,
        'havip_server_configured_weight{server="web2",service="web"}': 10,
        'havip_server_open_connections{server="web1",service="web",state="inactive"}': 340,
        'havip_server_connections_total{server="web1",service="web"}': 1_234_567,
        'havip_server_packets_total{direction="in",server="web1",service="web"}': 2_000_000,
        'havip_server_bytes_total{direction="in",server="web1",service="web"}': 4_500_000_000,
    }
    found = samples()
    assert {name: found.get(name) for name in expected} == expected


def test_what_is_not_known_is_absent() -> None:
    found = samples()
    assert 'havip_tracker_good{kind="file",tracker="load"}' not in found
    assert 'havip_check_good{check="new"}' not in found
    assert 'havip_check_weight{check="new"}' not in found
    assert 'havip_server_up{server="ns1",service="dns"}' not in found
    none = samples(replace(SOURCE, services={}))
    assert "havip_ipvs_available" not in none
    nobody = samples(replace(SOURCE, services=SERVICES | {"ipvs": None}))
    assert "havip_ipvs_available" not in nobody
    nothing = samples(replace(SOURCE, checks=CHECKS | {"counters": {}, "shown": []}))
    assert "havip_checker_runs_total" not in nothing


def test_every_counter_of_the_checker_is_a_metric() -> None:
    for key in COUNTERS:
        others = {name: count for name, count in COUNTERS.items() if name != key}
        fewer = samples(replace(SOURCE, checks=CHECKS | {"counters": others}))
        assert len(samples()) - len(fewer) == 1, key


@pytest.mark.parametrize(("kind", "parse"), [(TEXT, classic), (OPENMETRICS, openmetrics)])
def test_very_many_checks_are_written_in_slices_between_which_others_have_their_turn(
    kind: str, parse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = CHECKS | {"shown": [WEB | {"name": f"web{number}"} for number in range(1000)]}
    turns, sizes = [0], []
    generate = exposition.exposition.generate_latest

    async def scene() -> list[bytes]:
        async def others() -> None:
            while True:
                turns[0] += 1
                await asyncio.sleep(0)

        other = asyncio.ensure_future(others())
        pieces = await written(FAMILIES, replace(SOURCE, checks=checks), kind)
        other.cancel()
        return pieces

    monkeypatch.setattr(
        exposition.exposition,
        "generate_latest",
        lambda registry: sizes.append(len(next(registry.collect()).samples)) or generate(registry),
    )
    whole = b"".join(asyncio.run(scene())).decode()
    families = {family.name: family for family in parse(whole)}
    assert len(families["havip_check_runs"].samples) == 2000
    assert len(families["havip_check_response_seconds"].samples) == 6000
    assert turns[0] > 16_000 // SLICE
    assert all(size <= SLICE for size in sizes)
