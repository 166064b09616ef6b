"""A virtual service by hand: quorum, sorry server, failures, weights, suspension, the end.

keepalived's rules are those of keepalived.conf(5): quorum, hysteresis, sorry_server, sorry_server_inhibit,
inhibit_on_failure, alpha, omega, ha_suspend, rs_init_notifies.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from havip.balancing import Order
from havip.config.balancing import OnStop, WhenFailed
from havip.config.health import FirstState
from havip.config.tracking import TrackerKind
from havip.ipvs import pool
from havip.ipvs.pool import Judged, Tick
from havip.ipvs.servers import Verdict, together
from havip.ipvs.wanted import Standing
from havip.messages import TrackResult
from tests.ipvs.driving import BAD, CHECK, GOOD, NOTHING, SORRY, Driven, server, service


def test_servers_come_into_the_table_as_they_are_found_good() -> None:
    web = Driven(service(server("a", weight=3), server("b"), server("c")))
    assert web.table == {}
    assert web.judges(a=GOOD) == [("", "UP")]
    assert web.table == {"a": 3}
    assert web.judges(b=GOOD, c=BAD) == [("c", "DOWN")]
    assert web.table == {"a": 3, "b": 1}
    assert web.states == {"a": "UP", "b": "UP", "c": "DOWN"}


def test_a_server_without_checks_is_good() -> None:
    web = Driven(service(server("a"), probes=()))
    assert web.table == {"a": 1}
    assert [(one.server, one.state) for one in web.told] == [(None, "UP")]
    assert web.state.servers["a"].why == "has no checks"


def test_a_server_that_fails_is_taken_out_and_put_back() -> None:
    web = Driven(service(server("a"), server("b")))
    web.all_good()
    assert web.judges(a=BAD) == [("a", "DOWN")]
    assert web.table == {"b": 1}
    assert web.judges(a=GOOD) == [("a", "UP")]
    assert web.table == {"a": 1, "b": 1}


@pytest.mark.parametrize("of_service", [True, False])
def test_a_server_that_fails_may_stay_with_weight_0(of_service: bool) -> None:
    one = server("a") if of_service else server("a", when_failed=WhenFailed.INHIBIT)
    more = {"when_failed": WhenFailed.INHIBIT} if of_service else {}
    web = Driven(service(one, server("b", when_failed=WhenFailed.REMOVE), **more))
    web.all_good()
    web.judges(a=BAD, b=BAD)
    assert web.table == {"a": 0}


def test_inhibit_has_a_server_in_the_table_that_was_never_good() -> None:
    web = Driven(service(server("a"), when_failed=WhenFailed.INHIBIT))
    assert web.table == {}
    web.judges(a=BAD)
    assert web.table == {"a": 0}


# (quorum, hysteresis, weight alive -> up?), from UP and from DOWN.
BANDS = [
    (1, 0, {0: (False, False), 1: (True, True)}),
    (3, 0, {2: (False, False), 3: (True, True)}),
    (7, 2, {4: (False, False), 5: (True, False), 8: (True, False), 9: (True, True)}),
    (1, 5, {0: (False, False), 1: (True, False), 5: (True, False), 6: (True, True)}),
]


@pytest.mark.parametrize(
    ("quorum", "hysteresis", "weight", "was_up", "up"),
    [
        (quorum, hysteresis, weight, was_up, rows[weight][0 if was_up else 1])
        for quorum, hysteresis, rows in BANDS
        for weight in rows
        for was_up in (True, False)
    ],
)
def test_the_quorum_has_a_band_in_which_it_stays_as_it_is(
    quorum: int, hysteresis: int, weight: int, was_up: bool, up: bool
) -> None:
    web = Driven(service(server("a", weight=100), quorum=quorum, hysteresis=hysteresis, sorry_server=SORRY))
    web.judges(a=GOOD if was_up else BAD)
    assert web.state.up is was_up
    web.judges(a=Verdict(True, "asks", weight=weight))
    assert web.state.up is up
    assert web.table == ({"a": weight} if up else {"sorry": 1})


def test_a_lost_quorum_pulls_all_servers_for_the_sorry_server() -> None:
    web = Driven(service(quorum=2, sorry_server=SORRY))
    web.all_good()
    assert web.judges(a=BAD) == [("a", "DOWN")]
    assert web.table == {"b": 1, "c": 1}
    assert web.judges(b=BAD) == [("b", "DOWN"), ("", "DOWN")]
    assert web.table == {"sorry": 1}
    assert web.judges(a=GOOD) == [("a", "UP"), ("", "UP")]
    assert web.table == {"a": 1, "c": 1}


def test_without_a_sorry_server_those_that_are_left_stay() -> None:
    web = Driven(service(quorum=3))
    web.all_good()
    assert web.judges(a=BAD) == [("a", "DOWN"), ("", "DOWN")]
    assert web.table == {"b": 1, "c": 1}


def test_pulled_servers_stay_with_weight_0_where_failed_ones_would() -> None:
    web = Driven(service(quorum=3, sorry_server=SORRY, when_failed=WhenFailed.INHIBIT))
    web.all_good()
    web.judges(a=BAD)
    assert web.table == {"a": 0, "b": 0, "c": 0, "sorry": 1}


def test_an_inhibited_sorry_server_is_always_there() -> None:
    web = Driven(service(server("a"), sorry_server=replace(SORRY, inhibit=True)))
    assert web.table == {"sorry": 0}
    web.judges(a=GOOD)
    assert web.table == {"a": 1, "sorry": 0}
    web.judges(a=BAD)
    assert web.table == {"sorry": 1}


def test_servers_that_are_not_known_yet_lose_no_quorum() -> None:
    web = Driven(service(quorum=2, sorry_server=SORRY))
    assert web.judges(a=BAD) == [("a", "DOWN")]
    assert web.table == {}
    assert web.judges(b=GOOD) == []
    assert web.table == {"b": 1}
    assert web.judges(c=BAD) == [("c", "DOWN"), ("", "DOWN")]
    assert web.table == {"sorry": 1}


def test_alpha_has_the_sorry_server_from_the_start_and_tells_nothing_before_it_is_up() -> None:
    web = Driven(service(quorum=2, sorry_server=SORRY, start_failed=True))
    assert (web.table, web.told) == ({"sorry": 1}, [])
    assert web.judges(a=BAD, b=GOOD) == [("b", "UP")]
    assert web.table == {"sorry": 1}
    assert web.judges(c=GOOD) == [("c", "UP"), ("", "UP")]
    assert web.table == {"b": 1, "c": 1}
    assert web.judges(c=BAD) == [("c", "DOWN"), ("", "DOWN")]


def test_a_check_that_starts_as_failed_is_no_news_until_it_is_good() -> None:
    check = replace(CHECK, start=FirstState.FAILED)
    web = Driven(service(server("a"), probes=(check,), start_failed=True))
    assert web.judges(a=BAD) == []
    assert web.states == {"a": "DOWN"}
    assert web.judges(a=GOOD) == [("a", "UP"), ("", "UP")]
    assert web.judges(a=BAD) == [("a", "DOWN"), ("", "DOWN")]


def test_servers_that_are_good_from_the_start_are_told_where_that_is_wanted() -> None:
    web = Driven(service(server("a"), server("b")), notify_initial=True)
    assert web.judges(a=GOOD, b=BAD) == [("a", "UP"), ("b", "DOWN"), ("", "UP")]


def test_what_stands_in_the_kernel_stays_until_something_is_known() -> None:
    web = Driven(service(server("a", weight=5), server("b"), server("c")), Standing({"a": 4, "b": 0}))
    assert web.table == {"a": 4, "b": 0}
    assert web.states == {"a": "UNKNOWN", "b": "UNKNOWN", "c": "UNKNOWN"}
    web.judges(a=NOTHING)
    assert web.table == {"a": 4, "b": 0}
    assert web.judges(a=GOOD, b=BAD) == [("b", "DOWN"), ("", "UP")]
    assert web.table == {"a": 5}


def test_what_stands_in_the_kernel_says_whether_there_was_a_quorum() -> None:
    band = {"quorum": 7, "hysteresis": 2, "sorry_server": SORRY}
    six = Verdict(True, "asks", weight=6)
    up = Driven(service(server("a"), start_failed=True, **band), Standing({"a": 8}))
    up.judges(a=six)
    assert up.table == {"a": 6}
    down = Driven(service(server("a"), **band), Standing({}, 1))
    down.judges(a=six)
    assert down.table == {"sorry": 1}


def test_a_suspended_service_stays_as_it_is() -> None:
    web = Driven(service(server("a"), server("b")))
    web.all_good()
    assert web.suspends() == []
    assert web.judges(a=BAD) == []
    assert web.table == {"a": 1, "b": 1}
    assert web.suspends(False) == [("a", "DOWN")]
    assert web.table == {"b": 1}


def test_a_suspended_service_of_which_nothing_is_known_tells_nothing() -> None:
    web = Driven(service(sorry_server=SORRY), suspended=True)
    assert (web.table, web.told) == ({}, [])
    web.suspends(False)
    assert web.all_good() == [("", "UP")]


def test_an_operators_weight_goes_before_that_of_checks_and_of_the_file() -> None:
    web = Driven(service(server("a", weight=10)))
    web.judges(a=Verdict(True, "asks", weight=4))
    assert web.table == {"a": 4}
    web.orders("a", weight=7)
    assert web.table == {"a": 7}
    web.judges(a=Verdict(True, "asks", weight=5))
    assert web.table == {"a": 7}
    web.orders("a")
    assert web.table == {"a": 5}


def test_an_order_is_there_from_the_start() -> None:
    orders = {"a": Order("web", "a", drain=True), "b": Order("web", "b", weight=9)}
    web = Driven(service(server("a"), server("b")), orders=orders)
    web.all_good()
    assert web.table == {"b": 9}
    assert web.states == {"a": "DRAINED", "b": "UP"}


# The weights that several checks ask for: the least counts; those of `file` checks are added.
WEIGHTS = [
    ({}, set(), 10),
    ({"x": None}, set(), 10),
    ({"x": 4}, set(), 4),
    ({"x": 4, "y": 6, "z": None}, set(), 4),
    ({"x": 0, "y": 6}, set(), 0),
    ({"f": -3}, {"f"}, 7),
    ({"f": 5, "g": -2}, {"f", "g"}, 13),
    ({"x": 4, "f": 5}, {"f"}, 9),
    ({"x": 4, "f": -5}, {"f"}, 0),
    ({"x": 65535, "f": 5}, {"f"}, 65535),
]


@pytest.mark.parametrize(("asked", "terms", "weight"), WEIGHTS)
def test_a_weight_is_the_least_that_is_asked_for_and_what_files_add(
    asked: dict[str, int | None], terms: set[str], weight: int
) -> None:
    results = {
        name: TrackResult(TrackerKind.CHECK, name, True, weight=one, why="is good")
        for name, one in asked.items()
    }
    web = Driven(service(server("a", weight=10)))
    web.judges(a=together(results, terms))
    assert web.table == {"a": weight}


def test_all_checks_must_be_good() -> None:
    good = TrackResult(TrackerKind.CHECK, "x", True, why="is good")
    bad, worse = (TrackResult(TrackerKind.CHECK, name, False, why="refused") for name in "yz")
    assert together({"x": good, "y": None}) == Verdict(None, "its checks have not run yet")
    assert together({"x": None, "y": bad}) == Verdict(False, "y refused", failed=("y",))
    assert together({"x": good, "y": bad, "z": worse}).why == "y refused (and 1 more)"
    assert together({}) == Verdict(True, "has no checks")


def test_on_stop_remove_takes_all_out_and_says_nothing() -> None:
    web = Driven(service(sorry_server=replace(SORRY, inhibit=True)))
    web.all_good()
    assert web.ends(OnStop.REMOVE) == []
    assert (web.finished, web.table) == (True, {})


def test_on_stop_leave_leaves_all_as_it_is() -> None:
    web = Driven(service())
    web.all_good()
    assert web.ends(OnStop.LEAVE) == []
    assert (web.finished, web.table) == (True, {"a": 1, "b": 1, "c": 1})


@pytest.mark.parametrize("on_stop", OnStop)
def test_omega_tells_the_end_of_what_is_up(on_stop: OnStop) -> None:
    web = Driven(service(announce_stop=True))
    web.all_good()
    web.judges(b=BAD)
    assert web.ends(on_stop) == [("a", "DOWN"), ("c", "DOWN"), ("", "DOWN")]
    assert web.told[-1].why == "the daemon ends"


def test_on_stop_drain_waits_for_what_is_under_way() -> None:
    web = Driven(service(sorry_server=replace(SORRY, inhibit=True)))
    web.all_good()
    web.judges(c=BAD)
    assert web.ends(OnStop.DRAIN) == []
    assert web.table == {"a": 0, "b": 0, "sorry": 0}
    assert pool.awaited(web.state) == ["a", "b", ""]
    assert web.counts(a=0, b=3, sorry=1) == []
    assert (web.table, web.finished) == ({"b": 0, "sorry": 0}, False)
    web.judges(b=BAD)
    assert (web.table, web.finished) == ({"sorry": 0}, False)
    web.counts()
    assert (web.table, web.finished) == ({}, True)


def test_on_stop_drain_ends_in_time() -> None:
    web = Driven(service())
    web.all_good()
    web.ends(OnStop.DRAIN)
    web.counts(a=1, b=1, c=1)
    web.waits(59)
    assert not web.finished
    web.waits(1)
    assert (web.finished, web.table) == (True, {})


def test_a_service_that_a_reload_takes_away_tells_its_end() -> None:
    web = Driven(service())
    web.all_good()
    web.judges(b=BAD)
    assert web.is_removed() == [("a", "DOWN"), ("c", "DOWN"), ("", "DOWN")]
    assert (web.finished, web.table) == (True, {})
    assert web.told[-1].why == "a reload has taken it away"


def test_a_service_that_drains_may_come_back() -> None:
    web = Driven(service(drain=True))
    web.all_good()
    web.is_removed()
    web.counts(a=0, b=2, c=2)
    assert web.table == {"b": 0, "c": 0}
    assert web.reloads() == [("a", "UP"), ("b", "UP"), ("c", "UP"), ("", "UP")]
    assert web.table == {"a": 1, "b": 1, "c": 1}


def test_the_daemon_ends_while_a_service_drains() -> None:
    web = Driven(service(drain=True, announce_stop=True))
    web.all_good()
    web.is_removed()
    assert web.ends(OnStop.LEAVE) == []
    assert (web.finished, web.table) == (True, {})


def test_nothing_happens_after_the_end() -> None:
    web = Driven(service())
    web.all_good()
    web.ends(OnStop.REMOVE)
    assert web.judges(a=BAD) == []
    assert web.does(Tick()) == []
    assert web.does(Judged({"nobody": BAD})) == []
    assert web.finished
