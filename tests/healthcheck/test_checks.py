"""A whole set of checks in simulated time: spread, pace, sharing, parents, several as one, reloads."""

from __future__ import annotations

import logging
from collections import Counter
from itertools import pairwise

import pytest

from havip.clock import milliseconds, seconds
from havip.config.health import FirstState
from havip.healthcheck.outcome import Outcome
from tests.healthcheck.simulated import BEGIN, DAMPING, Scene, began_after, busiest, check

SECOND = 10**9
REFUSED = "connection refused, from web:80 in 2 ms"


def test_a_few_checks_have_their_first_results_within_a_second() -> None:
    scene = Scene()
    scene.put(*(check(f"c{number}", interval=seconds(3600)) for number in range(100)))
    scene.pass_by(milliseconds(1010))
    assert Counter(one.name for one in scene.told) == {f"c{number}": 1 for number in range(100)}


def test_many_checks_do_not_begin_all_at_once() -> None:
    scene = Scene()
    scene.put(*(check(f"c{number}", interval=seconds(60)) for number in range(6000)))
    scene.pass_by(seconds(4))
    assert len(scene.told) == 6000
    assert busiest(began_after(scene, 0), SECOND // 10) <= 216  # 2000 a second, in slices of 8 ms


def test_checks_of_one_interval_are_spread_evenly_over_it() -> None:
    scene = Scene()
    scene.put(*(check(f"c{number}", interval=seconds(10)) for number in range(1000)))
    scene.pass_by(seconds(40))
    steady = began_after(scene, BEGIN + 20 * SECOND)
    assert 1999 <= len(steady) <= 2001
    assert busiest(steady, SECOND // 10) <= 14  # ten on average
    assert max(later - earlier for earlier, later in pairwise(steady)) <= 30_000_000


def test_what_a_reload_adds_fills_the_gaps() -> None:
    scene = Scene()
    scene.put(*(check(f"c{number}", interval=seconds(10)) for number in range(500)))
    scene.pass_by(seconds(33))
    for number in range(500, 1000, 100):
        scene.put(*(check(f"c{more}", interval=seconds(10)) for more in range(number, number + 100)))
        scene.pass_by(seconds(7))
    scene.pass_by(seconds(20))
    steady = began_after(scene, scene.time.now() - 10 * SECOND)
    assert 999 <= len(steady) <= 1001
    assert busiest(steady, SECOND // 10) <= 14


def test_checks_of_many_intervals_are_no_herd() -> None:
    scene = Scene()
    scene.put(*(check(f"c{number}", interval=milliseconds(1000 + 10 * number)) for number in range(500)))
    scene.pass_by(seconds(30))
    steady = began_after(scene, BEGIN + 10 * SECOND)
    average = len(steady) / 20
    assert busiest(steady, SECOND // 10) <= average / 10 * 2.5


def test_the_spread_outlives_an_outage_and_a_stall() -> None:
    scene = Scene()
    more = {"interval": seconds(10), "retry_interval": seconds(1), "failed_interval": seconds(3)}
    scene.put(*(check(f"c{number}", "hall", **more) for number in range(1)))
    checks = [check(f"c{number}", f"h{number % 7}", port=1000 + number, **more) for number in range(1000)]
    scene.put(*checks)
    scene.pass_by(seconds(15))
    for number in range(7):
        scene.fails(f"h{number}")
    scene.pass_by(seconds(17))
    scene.time.stall(seconds(25))
    for number in range(7):
        scene.heals(f"h{number}")
    scene.pass_by(seconds(60))
    steady = began_after(scene, scene.time.now() - 10 * SECOND)
    assert 995 <= len(steady) <= 1010
    assert busiest(steady, SECOND // 10) <= 16


def test_a_steady_pace_does_not_drift() -> None:
    scene = Scene()
    scene.time.lag = 300_000
    scene.put(check("web", interval=milliseconds(700)))
    scene.pass_by(seconds(70))
    runs = scene.runs("web")[1:]
    assert {later - earlier for earlier, later in pairwise(runs)} == {700_000_000}


def test_no_check_ever_runs_twice_at_once_however_slow_its_server_is() -> None:
    scene = Scene()
    scene.servers.takes["web"] = milliseconds(2700)
    scene.put(check("web", interval=seconds(1), timeout=seconds(5)))
    scene.pass_by(seconds(30))
    assert scene.servers.most_at_once == 1
    assert {later - earlier for earlier, later in pairwise(scene.runs("web")[1:])} == {3 * SECOND}


def test_the_number_of_probes_at_once_is_bounded_and_those_that_hang_starve_nobody() -> None:
    scene = Scene(places=10)
    for number in range(50):
        scene.servers.takes[f"hung{number}"] = seconds(1000)
        scene.put(check(f"hung{number}", interval=milliseconds(100), timeout=seconds(2)))
    scene.put(*(check(f"fine{number}", interval=seconds(1)) for number in range(20)))
    scene.pass_by(seconds(60))
    assert scene.servers.most_at_once == 10
    # 50 that take 2 s share 10 places, so a round takes 10 s; each round has every check once.
    for number in range(20):
        assert len(scene.runs(f"fine{number}")) >= 5
    assert all(one.good is one.name.startswith("fine") for one in scene.told)
    assert scene.checks.totals()["late"] > 0
    assert scene.checks.totals()["worst-lateness"] >= SECOND


def test_once_stopped_nothing_begins_though_much_is_due() -> None:
    scene = Scene()
    scene.put(*(check(f"c{number}") for number in range(500)))
    scene.time.stall(seconds(5))
    scene.pass_by(milliseconds(1))
    before = len(scene.servers.began)
    assert 0 < before <= 500
    scene.checks.stop()
    scene.pass_by(seconds(5))
    assert len(scene.servers.began) == before


def test_what_begins_late_is_counted_with_the_worst() -> None:
    scene = Scene()
    scene.put(check("web"))
    scene.pass_by(milliseconds(3500))
    assert (scene.checks.totals()["late"], scene.checks.totals()["worst-lateness"]) == (0, 0)
    scene.time.stall(seconds(5))
    scene.pass_by(seconds(1))
    assert scene.checks.totals()["late"] == 1
    assert 4 * SECOND <= scene.checks.totals()["worst-lateness"] <= 5 * SECOND


def test_first_runs_are_put_off_by_the_warm_up() -> None:
    scene = Scene()
    scene.put(*(check(f"c{number}", warm_up=seconds(10)) for number in range(100)))
    scene.pass_by(seconds(1))
    assert 5 <= len({one.name for one in scene.servers.began}) <= 20
    scene.pass_by(seconds(10))
    assert len({one.name for one in scene.servers.began}) == 100


def test_a_verdict_turns_after_fall_and_rise_runs_at_the_pace_of_each() -> None:
    scene = Scene()
    scene.put(
        check(
            "web", interval=seconds(10), retry_interval=seconds(1), failed_interval=seconds(2), rise=2, fall=3
        )
    )
    scene.pass_by(seconds(30))
    assert scene.said("web") == [(True, "is good")]
    scene.fails("web")
    before = len(scene.runs("web"))
    scene.pass_by(seconds(40))
    failing = scene.runs("web")[before:]
    assert [later - earlier for earlier, later in pairwise(failing[:3])] == [SECOND, SECOND]
    assert SECOND <= failing[3] - failing[2] <= 3 * SECOND  # into its place among those that failed
    assert {later - earlier for earlier, later in pairwise(failing[3:])} == {2 * SECOND}
    assert scene.said("web")[1:] == [(False, REFUSED)]
    scene.heals("web")
    before = len(scene.runs("web"))
    scene.pass_by(seconds(40))
    mending = scene.runs("web")[before:]
    assert mending[1] - mending[0] == SECOND
    assert scene.verdicts("web") == [True, False, True]


def test_keepalived_counts_retries_and_we_count_runs() -> None:
    """``retry 3`` is three more runs after one that failed: ``fall: 4``."""
    scene = Scene()
    scene.put(check("web", fall=4, retry_interval=milliseconds(500)))
    scene.pass_by(seconds(5))
    scene.fails("web")
    before = len(scene.runs("web"))
    while len(scene.told) < 2:
        scene.pass_by(milliseconds(100))
    assert len(scene.runs("web")) - before == 4


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (FirstState.UNKNOWN, [(True, "is good")]),
        (FirstState.GOOD, [(True, "is taken for good before its first run")]),
        (FirstState.FAILED, [(False, "has not been good often enough yet"), (True, "is good")]),
    ],
)
def test_a_check_counts_as_its_start_says_until_runs_speak(
    start: FirstState, expected: list[tuple[bool, str]]
) -> None:
    scene = Scene()
    scene.put(check("web", start=start, rise=2))
    assert scene.said("web") == expected[: 0 if start is FirstState.UNKNOWN else 1]
    scene.pass_by(seconds(5))
    assert scene.said("web") == expected


def test_a_changed_check_keeps_its_verdict_and_its_words_until_its_own_runs_turn_it() -> None:
    scene = Scene()
    scene.put(check("web", fall=1))
    scene.pass_by(seconds(3))
    scene.fails("web")
    scene.pass_by(seconds(3))
    scene.put(check("web", fall=1, interval=seconds(2)))
    scene.pass_by(seconds(6))
    assert scene.said("web") == [(True, "is good"), (False, REFUSED)]
    scene.put(check("web", fall=1, rise=3))
    scene.heals("web")
    before = len(scene.runs("web"))
    while len(scene.told) < 3:
        scene.pass_by(milliseconds(100))
    assert len(scene.runs("web")) - before == 3


def test_a_check_that_becomes_several_as_one_has_its_word_until_that_has_one() -> None:
    scene = Scene()
    scene.put(check("web"))
    scene.pass_by(seconds(3))
    scene.put(check("web", all=("a",)), check("a"))
    assert scene.verdicts("web") == [True]
    scene.fails("a")
    scene.pass_by(seconds(3))
    assert scene.verdicts("web") == [True, False]


def test_the_next_life_of_a_checker_begins_with_the_words_of_the_last() -> None:
    first, second = Scene(), Scene()
    one = check("web", fall=3)
    first.put(one)
    first.pass_by(seconds(3))
    first.fails("web")
    first.pass_by(seconds(10))
    assert first.said("web")[-1] == (False, REFUSED)
    second.checks.put(one, first.told[-1])
    second.checks.begin()
    assert second.told == [first.told[-1]]
    second.pass_by(seconds(10))
    assert second.verdicts("web") == [False, True]


def test_a_weight_that_is_asked_for_is_told_and_goes_with_the_verdict() -> None:
    scene = Scene()
    scene.servers.answers["web"] = Outcome(weight=20)
    scene.put(check("web", fall=2))
    scene.pass_by(seconds(3))
    scene.servers.answers["web"] = Outcome(weight=0)
    scene.pass_by(seconds(3))
    scene.fails("web")
    scene.pass_by(seconds(5))
    assert [(one.good, one.weight) for one in scene.told] == [(True, 20), (True, 0), (False, None)]
    assert scene.said("web")[0][1] == "is good, and asks for weight 20"


def test_a_check_that_fails_again_and_again_is_held_back_in_words_and_let_go_of_once_calm() -> None:
    scene = Scene()
    scene.put(check("web", interval=milliseconds(100), rise=1, fall=1, damping=DAMPING))
    scene.pass_by(seconds(1))
    for _ in range(3):
        scene.fails("web")
        scene.pass_by(milliseconds(500))
        scene.heals("web")
        scene.pass_by(milliseconds(500))
    assert scene.verdicts("web") == [True, False, True, False, True, False, False]
    assert scene.said("web")[-1][1] == "is good, and held back for 19s: it failed 3 times lately"
    scene.pass_by(seconds(18))
    assert scene.verdicts("web")[-1] is False
    scene.pass_by(seconds(3))
    assert scene.said("web")[-1] == (True, "is good")
    scene.fails("web")
    scene.pass_by(milliseconds(300))
    scene.heals("web")
    scene.pass_by(milliseconds(300))
    assert scene.verdicts("web")[-2:] == [False, True]  # a single failure is none too many


def test_one_that_is_held_back_and_fails_says_why_it_failed() -> None:
    scene = Scene()
    scene.put(check("web", interval=milliseconds(100), rise=1, fall=1, damping=DAMPING))
    scene.pass_by(seconds(1))
    for _ in range(4):
        scene.fails("web")
        scene.pass_by(milliseconds(500))
        scene.heals("web")
        scene.pass_by(milliseconds(500))
    assert scene.said("web")[-2] == (False, REFUSED)
    assert "held back" in scene.said("web")[-1][1]


def test_every_failed_run_is_logged_if_that_is_wished_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "havip.checker")
    scene = Scene()
    pace = {"interval": seconds(1), "rise": 1, "fall": 3}
    scene.put(check("loud", log_failures=True, **pace), check("quiet", **pace))
    scene.pass_by(milliseconds(5500))
    scene.fails("loud")
    scene.fails("quiet")
    scene.pass_by(seconds(5))
    lines = [record.getMessage() for record in caplog.records]
    failed = [line for line in lines if line.startswith("check loud: one run failed: ")]
    assert len(failed) == 4  # of five; the one that turned the verdict is told as news
    assert not any("quiet" in line for line in lines)
