"""Prometheus scrapes a real daemon through a failover, a reload and a dead checker."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from havip.errors import Unreachable
from havip.metrics.catalogue import FAMILIES
from havip.metrics.checks import FAMILIES as OF_CHECKS
from havip.metrics.routers import COUNTERS
from tests.daemon.conftest import Lan
from tests.daemon.running import PATIENCE, Daemon, configuration, router

HEARS = "metrics: {listen: [127.0.0.1:9650]}\n"
MOVED = "metrics: {listen: ['10.77.0.1:9651']}\n"
CHECKS = """\
checks:
  up: {tcp: {}, host: 127.0.0.1, port: 9650, interval: 100ms}
  down: {tcp: {}, host: 127.0.0.1, port: 1, interval: 100ms}
"""

Samples = dict[str, float]


def scraped(daemon: Daemon, place: str = "127.0.0.1:9650") -> Samples:
    """Return what one scrape in the daemon's namespace tells, by name and labels."""
    with daemon.host.entered(), urlopen(f"http://{place}/metrics", timeout=PATIENCE) as answer:
        text = answer.read().decode()
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            samples[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return samples


def scraped_until(daemon: Daemon, holds: Callable[[Samples], bool], place: str = "127.0.0.1:9650") -> Samples:
    """Scrape again and again, as Prometheus does, until that is told."""
    deadline = time.monotonic() + PATIENCE
    while not holds(found := scraped(daemon, place)):
        assert time.monotonic() < deadline, found
    return found


def state(name: str) -> Callable[[Samples], bool]:
    return lambda found: found[f"havip_router_state{{router=gw,state={name}}}"] == 1


def test_a_failover_is_seen_by_who_scrapes(lan: Lan, folder: Path) -> None:
    strong = configuration(gw=router(priority=150)) + HEARS
    with Daemon(lan.r2, folder, configuration(gw=router(priority=100)) + HEARS) as two:
        two.wait_for("gw: MASTER")
        with Daemon(lan.r1, folder, strong) as one:
            one.wait_for("gw: MASTER")
            assert state("MASTER")(scraped_until(one, state("MASTER")))
            before = scraped_until(two, state("BACKUP"))
            one.stop()
        two.wait_for("gw: MASTER", 2)
        after = scraped_until(two, state("MASTER"))
        entered = "havip_router_transitions_total{router=gw,state=MASTER}"
        assert (before[entered], after[entered]) == (1, 2)
        assert before["havip_router_adverts_received_total{router=gw}"] > 0
        assert after["havip_router_resignations_received_total{router=gw}"] == 1
        since = "havip_router_state_since_timestamp_seconds{router=gw}"
        assert after[since] > before[since]
        assert two.stop() == 0


def test_everything_that_is_counted_is_told_and_checks_with_it(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, configuration(gw=router()) + HEARS + CHECKS) as one:
        one.wait_for("metrics are served")
        found = scraped_until(
            one,
            lambda now: (
                now.get("havip_check_good{check=down}") == 0
                and now.get("havip_check_response_seconds_count{check=up}", 0) > 2
            ),
        )
        assert found["havip_check_good{check=up}"] == 1
        assert found["havip_check_runs_total{check=down,result=refused}"] > 0
        assert found["havip_check_response_seconds_bucket{check=up,le=+Inf}"] > 2
        assert found["havip_checks_stale"] == 0
        assert found["havip_checker_runs_total"] > 2
        status = one.client.status()
        counters = status.virtual_routers[0].counters
        assert {name for name in counters if not name.startswith("refused-")} == set(COUNTERS)
        listed = {family.shown_as for family in FAMILIES}
        told = {re.sub(r"(_bucket|_sum|_count)?(\{.*)?$", "", name) for name in found}
        assert told <= listed
        # the rest is told where there are groups, trackers, weights, damping and notifications
        of_checks = {family.shown_as for family in OF_CHECKS} - {
            "havip_check_weight",
            "havip_check_held_back",
        }
        assert of_checks <= told
        assert status.checks.failed == 1
        checker = next(worker.pid or 0 for worker in status.workers if worker.name == "checker")
        os.kill(checker, signal.SIGSTOP)
        stale = scraped_until(one, lambda now: now["havip_checks_stale"] == 1)
        assert stale["havip_check_good{check=down}"] == 0
        os.kill(checker, signal.SIGKILL)
        again = scraped_until(
            one,
            lambda now: (
                now["havip_checks_stale"] == 0 and now["havip_worker_restarts_total{worker=checker}"] == 1
            ),
        )
        for name in ("havip_check_good", "havip_check_state_since_timestamp_seconds"):
            for check in ("up", "down"):
                assert again[f"{name}{{check={check}}}"] == found[f"{name}{{check={check}}}"]


def test_a_reload_moves_the_metrics_and_ends_them_without_touching_a_router(lan: Lan, folder: Path) -> None:
    routers = configuration(gw=router())
    with Daemon(lan.r1, folder, routers + HEARS) as one:
        one.wait_for("gw: MASTER")
        before = scraped(one)
        one.configure(routers + MOVED)
        assert one.client.reload()["keep"] == ["gw"]
        after = scraped(one, "10.77.0.1:9651")
        since = "havip_router_state_since_timestamp_seconds{router=gw}"
        assert (before[since], after["havip_configuration_generation"]) == (after[since], 2)
        one.configure(routers)
        one.client.reload()
        one.wait_for("metrics are no longer served on 10.77.0.1:9651")
        assert one.said("gw: MASTER") == 1


def test_who_watches_hears_of_a_failover_and_of_a_verdict_as_they_happen(lan: Lan, folder: Path) -> None:
    listed = configuration(gw=router(priority=100)) + HEARS + CHECKS
    with Daemon(lan.r1, folder, listed) as one:
        one.wait_for("gw: MASTER")
        events = one.client.watch()
        now = next(events)
        assert [now[key] for key in ("event", "name", "state", "priority")] == ["now", "gw", "MASTER", 100]
        with Daemon(lan.r2, folder, configuration(gw=router(priority=200))):
            turn = next(event for event in events if event["event"] == "state" and event["kind"] == "router")
            assert (turn["name"], turn["state"]) == ("gw", "BACKUP")
        one.configure(configuration(gw=router(priority=100)) + MOVED + CHECKS)
        one.client.reload()
        verdict = next(event for event in events if event["event"] == "state" and event["name"] == "up")
        assert verdict["state"] == "failed"  # it probed where metrics were served
        one.process.terminate()
        with pytest.raises(Unreachable, match="has ended the stream"):
            list(events)
