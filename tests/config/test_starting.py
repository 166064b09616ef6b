"""The keys that say how a start, and a stall, go by."""

from __future__ import annotations

from havip.clock import seconds
from havip.config.model import StartAs
from havip.config.plan import plan
from tests.config.reading import complaints, read, router


def test_delays_of_the_daemon_are_lengths_of_time() -> None:
    daemon = read(router() + "daemon: {startup_delay: 10s, delay_after_boot: 60s}\n").daemon
    assert (daemon.startup_delay, daemon.delay_after_boot) == (seconds(10), seconds(60))
    assert complaints(router() + "daemon: {startup_delay: 2h}\n") == [
        '6:25: daemon.startup_delay: expected a length of time from 0s to 3600s, found "2h"'
    ]
    assert 'did you mean "startup_delay"' in complaints(router() + "daemon: {vrrp_startup_delay: 1s}\n")[0]


def test_a_changed_delay_waits_for_the_next_start() -> None:
    old, new = read(router()), read(router() + "daemon: {startup_delay: 10s}\n")
    assert plan(old, new).restart == ("daemon.startup_delay: 0s -> 10s",)


def test_a_router_may_start_as_master() -> None:
    assert read(router()).virtual_routers[0].start is StartAs.BACKUP
    assert read(router("start: master")).virtual_routers[0].start is StartAs.MASTER
    (complaint,) = complaints(router("start: MASTER"))
    assert 'start: expected backup or master, found "MASTER"' in complaint
    assert 'did you mean "start"' in complaints(router("state: MASTER"))[0]


def test_yielding_after_a_stall_is_for_those_that_do_not_preempt() -> None:
    assert read(router("preempt: false", "yield_after_stall: true")).virtual_routers[0].yield_after_stall
    assert complaints(router("yield_after_stall: true")) == [
        "6:24: virtual_routers.gateway.yield_after_stall: expected false, found true: "
        "with preempt: true the router takes over again anyway"
    ]
