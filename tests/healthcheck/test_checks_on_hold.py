"""Checks that are not run for now, as those of a service whose virtual router is not MASTER here."""

from __future__ import annotations

from havip.clock import seconds
from tests.healthcheck.simulated import Scene, check


def test_a_check_on_hold_is_not_run_and_its_last_word_stands() -> None:
    scene = Scene()
    scene.put(check("a"))
    scene.pass_by(seconds(3))
    scene.checks.hold(["a"], True)
    before = len(scene.servers.began)
    scene.fails("a")
    scene.pass_by(seconds(10))
    assert len(scene.servers.began) == before
    assert scene.verdicts("a") == [True]
    scene.checks.hold(["a"], False)
    scene.pass_by(seconds(10))
    assert scene.verdicts("a") == [True, False]


def test_a_check_that_is_put_while_it_is_on_hold_waits() -> None:
    scene = Scene()
    scene.checks.hold(["a"], True)
    scene.put(check("a"))
    scene.pass_by(seconds(5))
    assert len(scene.servers.began) == 0
    scene.checks.hold(["a"], False)
    scene.pass_by(seconds(5))
    assert scene.verdicts("a") == [True]


def test_a_shared_probe_rests_only_when_all_whom_it_serves_do() -> None:
    scene = Scene()
    scene.put(check("a", "web"), check("b", "web"))
    scene.pass_by(seconds(3))
    scene.checks.hold(["a"], True)
    before = len(scene.servers.began)
    scene.pass_by(seconds(5))
    assert len(scene.servers.began) > before
    scene.checks.hold(["b"], True)
    before = len(scene.servers.began)
    scene.pass_by(seconds(5))
    assert len(scene.servers.began) == before
    scene.checks.drop("b")
    scene.checks.hold(["a"], False)
    scene.pass_by(seconds(5))
    assert len(scene.servers.began) > before
