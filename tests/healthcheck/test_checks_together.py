"""Checks that go by others, in simulated time: shared probes, several as one, parents; all rules at once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from havip.clock import Duration, milliseconds, seconds
from havip.config.health import Check
from havip.messages import TrackResult
from tests.healthcheck.simulated import DAMPING, Scene, began_after, busiest, check

SECOND = 10**9


def test_checks_that_are_alike_share_one_probe_and_all_hear_of_it() -> None:
    scene = Scene()
    scene.put(
        check("a", "web", weight=5),
        check("b", "web", reverse=True),
        check("c", "web", parent="a"),
        check("d"),
    )
    scene.pass_by(seconds(10))
    by_name = Counter(one.name for one in scene.servers.began)
    assert set(by_name) == {"a", "d"}
    assert 10 <= by_name["a"] <= 12
    scene.fails("web")
    scene.pass_by(seconds(5))
    assert [scene.verdicts(name) for name in "abcd"] == [[True, False]] * 3 + [[True]]
    scene.checks.drop("a")
    scene.heals("web")
    scene.pass_by(seconds(5))
    assert [scene.verdicts(name)[-1] for name in "abc"] == [False, True, True]
    scene.checks.drop("b")
    scene.checks.drop("c")
    before = len(scene.servers.began)
    scene.pass_by(seconds(5))
    assert {one.name for one in scene.servers.began[before:]} == {"d"}


def test_one_that_joins_a_probe_has_its_verdict_at_once() -> None:
    scene = Scene()
    scene.put(check("a", "web"))
    scene.pass_by(seconds(3))
    scene.put(check("b", "web"))
    assert scene.said("b") == [(True, "is good")]


def test_all_is_good_if_every_one_is_and_names_the_first_that_is_not() -> None:
    scene = Scene()
    scene.put(check("pair", all=("a", "b", "c")), check("a"), check("b"), check("c"))
    scene.pass_by(seconds(3))
    assert scene.said("pair") == [(True, "is good")]
    scene.fails("b")
    scene.pass_by(seconds(5))
    assert scene.said("pair")[1:] == [(False, "b: connection refused, from b:80 in 2 ms")]
    scene.fails("a")
    scene.pass_by(seconds(5))
    assert scene.said("pair")[2:] == [(False, "a: connection refused, from a:80 in 2 ms (and 1 more)")]
    scene.heals("a")
    scene.heals("b")
    scene.pass_by(seconds(10))
    assert scene.verdicts("pair")[-1]


def test_any_is_good_if_one_is() -> None:
    scene = Scene()
    scene.put(check("a"), check("b"), check("one", any=("a", "b")))
    scene.fails("a")
    scene.pass_by(seconds(5))
    assert scene.said("one") == [(True, "is good")]
    scene.fails("b")
    scene.pass_by(seconds(5))
    why = "has none that is good: a: connection refused, from a:80 in 2 ms (and 1 more)"
    assert scene.said("one")[1:] == [(False, why)]


def test_several_as_one_say_nothing_before_that_follows_from_their_members() -> None:
    scene = Scene()
    scene.servers.takes["b"] = seconds(2)
    scene.put(check("a"), check("b"), check("both", all=("a", "b")), check("one", any=("a", "b")))
    scene.pass_by(milliseconds(1500))
    assert (scene.verdicts("both"), scene.verdicts("one")) == ([], [True])
    scene.pass_by(seconds(2))
    assert scene.verdicts("both") == [True]


def test_a_child_has_failed_and_is_not_probed_while_its_parent_has_failed() -> None:
    scene = Scene()
    scene.put(check("child", parent="up"), check("grandchild", parent="child"), check("up"))
    scene.pass_by(seconds(5))
    scene.fails("up")
    scene.pass_by(seconds(5))
    why = "is not probed while its parent up has failed: connection refused, from up:80 in 2 ms"
    assert scene.said("child")[1:] == [(False, why)]
    assert scene.said("grandchild")[1:] == [
        (False, f"is not probed while its parent child has failed: {why}")
    ]
    before = len(scene.servers.began)
    scene.pass_by(seconds(20))
    assert {one.name for one in scene.servers.began[before:]} == {"up"}
    scene.heals("up")
    scene.fails("grandchild")
    scene.pass_by(seconds(10))
    assert scene.said("child")[2:] == [
        (False, "has not been probed since its parent is good again"),
        (True, "is good"),
    ]
    assert scene.verdicts("grandchild") == [True, False, False, False, False]
    assert scene.said("grandchild")[-1][1] == "connection refused, from grandchild:80 in 2 ms"


def test_children_wake_up_spread_out() -> None:
    scene = Scene()
    scene.put(
        check("up"), *(check(f"c{number}", interval=seconds(10), parent="up") for number in range(2000))
    )
    scene.pass_by(seconds(20))
    scene.fails("up")
    scene.pass_by(seconds(20))
    assert sum(not one.good for one in scene.told) == 2001
    scene.heals("up")
    healed = scene.time.now()
    scene.pass_by(seconds(20))
    assert busiest(began_after(scene, healed), SECOND // 100) <= 40
    assert Counter(one.name for one in scene.told if one.good)["c7"] == 2


def test_a_parent_may_be_several_checks_as_one() -> None:
    scene = Scene()
    scene.put(check("a"), check("b"), check("ways", any=("a", "b")), check("web", parent="ways"))
    scene.fails("a")
    scene.pass_by(seconds(5))
    assert scene.verdicts("web") == [True]
    scene.fails("b")
    scene.pass_by(seconds(5))
    assert scene.verdicts("web") == [True, False]


def test_one_that_joins_a_probe_at_rest_wakes_it_up() -> None:
    scene = Scene()
    scene.put(check("a", "web", parent="up"), check("up"))
    scene.fails("up")
    scene.pass_by(seconds(6))
    assert scene.verdicts("a")[-1] is False
    scene.put(check("b", "web"))
    scene.pass_by(seconds(3))
    assert (scene.verdicts("b")[-1], scene.verdicts("a")[-1]) == (True, False)
    scene.put(check("c", "web", parent="up"))
    scene.pass_by(seconds(3))
    assert scene.verdicts("c") == [False]


def test_a_reload_that_takes_the_last_wakeful_name_of_a_probe_puts_it_to_rest() -> None:
    scene = Scene()
    scene.put(check("a", "web", parent="up"), check("b", "web"), check("up"))
    scene.fails("up")
    scene.pass_by(seconds(6))
    scene.checks.drop("b")
    before = len(scene.servers.began)
    scene.pass_by(seconds(5))
    assert {one.name for one in scene.servers.began[before:]} == {"up"}
    scene.heals("up")
    scene.pass_by(seconds(5))
    assert scene.verdicts("a")[-1]


def test_a_parent_that_a_reload_takes_away_holds_nobody_any_more() -> None:
    scene = Scene()
    scene.put(check("a", parent="up"), check("up"))
    scene.fails("up")
    scene.pass_by(seconds(6))
    scene.put(check("a"))
    scene.checks.drop("up")
    scene.pass_by(seconds(4))
    assert scene.said("a")[-1] == (True, "is good")


def test_a_shared_probe_goes_on_for_those_whose_parent_is_good() -> None:
    scene = Scene()
    scene.put(check("a", "web", parent="up"), check("b", "web"), check("up"))
    scene.pass_by(seconds(3))
    scene.fails("up")
    scene.pass_by(seconds(6))
    assert (scene.verdicts("a")[-1], scene.verdicts("b")) == (False, [True])
    scene.heals("up")
    scene.pass_by(seconds(4))
    assert scene.said("a")[-1] == (True, "is good")  # at once: its probe has run all the time


INTERVALS = st.integers(100, 3000).map(milliseconds)


@st.composite
def small_checks(draw: st.DrawFn) -> list[Check]:
    """Up to eight checks on four hosts, some with parents, some made of others that stand before them."""
    made: list[Check] = []
    for number in range(draw(st.integers(1, 8))):
        others = [one.name for one in made]
        parent = draw(st.sampled_from(["", *others]))
        if others and draw(st.integers(0, 3)) == 0:
            names = tuple(draw(st.lists(st.sampled_from(others), min_size=1, unique=True)))
            made.append(check(f"c{number}", parent=parent, **{draw(st.sampled_from(["all", "any"])): names}))
        else:
            made.append(
                check(
                    f"c{number}",
                    draw(st.sampled_from("wxyz")),
                    parent=parent,
                    interval=draw(INTERVALS),
                    retry_interval=draw(st.none() | INTERVALS),
                    failed_interval=draw(st.none() | INTERVALS),
                    timeout=draw(INTERVALS),
                    rise=draw(st.integers(1, 3)),
                    fall=draw(st.integers(1, 3)),
                    damping=draw(st.none() | st.just(DAMPING)),
                )
            )
    return made


STEPS = st.lists(
    st.tuples(st.sampled_from("wxyz"), st.booleans(), st.integers(1, 9000).map(milliseconds)), max_size=8
)


@settings(max_examples=50, deadline=None)
@given(small_checks(), small_checks(), STEPS, st.integers(1, 5))
def test_whatever_servers_and_reloads_do_the_rules_hold(
    before: list[Check], after: list[Check], steps: list[tuple[str, bool, Duration]], places: int
) -> None:
    scene = Scene(places)
    for number, configuration in enumerate((before, after)):
        scene.put(*configuration)
        for name in {one.name for one in before} - {one.name for one in configuration}:
            scene.checks.drop(name)
        for host, fails, length in steps:
            scene.fails(host) if fails else scene.heals(host)
            scene.pass_by(length)
        now = latest(scene.told)
        for one in configuration:
            judge(one, now, number)
    assert scene.servers.most_at_once <= places
    for host in "wxyz":
        scene.heals(host)
    scene.pass_by(seconds(150))
    now = latest(scene.told)
    # Whatever happened, with every server good every check becomes good, none is starved or forgotten.
    assert {one.name: now[one.name].good for one in after} == {one.name: True for one in after}


def latest(told: list[TrackResult]) -> dict[str, TrackResult]:
    return {one.name: one for one in told}


def judge(one: Check, now: dict[str, TrackResult], reloads: int) -> None:
    """Hold what a check says against what those say that it goes by."""
    mine = now.get(one.name)
    parent = now.get(one.parent)
    if parent is not None and not parent.good:
        assert mine is not None
        assert (mine.good, mine.why) == (
            False,
            f"is not probed while its parent {one.parent} has failed: {parent.why}",
        )
        return
    members = [now.get(name) for name in one.all or one.any or ()]
    if not members or any(member is None for member in members) or mine is None:
        return
    verdicts = [member.good for member in members if member is not None]
    assert mine.good is (all(verdicts) if one.all else any(verdicts))
