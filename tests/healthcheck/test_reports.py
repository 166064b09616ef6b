"""What a description tells of probes as they run, in virtual time."""

from __future__ import annotations

from havip.clock import milliseconds, seconds
from havip.healthreport import CheckReport
from tests.healthcheck.simulated import DAMPING, Scene, check


def reported(scene: Scene) -> dict[tuple[str, ...], CheckReport]:
    return {report.names: report for report in scene.checks.reports()}


def test_checks_that_share_a_probe_share_its_report_and_one_of_several_has_none() -> None:
    scene = Scene()
    scene.put(check("a", host="192.0.2.1"), check("b", host="192.0.2.1"), check("both", all=("a", "b")))
    scene.pass_by(seconds(10))
    (report,) = reported(scene).values()
    assert report.names == ("a", "b")
    assert report.passed >= 4
    assert report.held is None


def test_runs_that_deny_the_verdict_are_told_before_they_turn_it() -> None:
    scene = Scene()
    scene.put(check("web", interval=seconds(1), fall=3))
    scene.pass_by(seconds(3))
    assert reported(scene)[("web",)].against == 0
    scene.fails("web")
    for bad in (1, 2):
        while reported(scene)[("web",)].failed != {"refused": bad}:
            scene.pass_by(milliseconds(100))
        assert (reported(scene)[("web",)].against, scene.verdicts("web")) == (bad, [True])
    scene.pass_by(seconds(2))
    assert scene.verdicts("web") == [True, False]
    assert reported(scene)[("web",)].against == 0  # it has turned


def test_one_that_is_held_back_because_it_flaps_says_so_while_its_runs_are_good() -> None:
    scene = Scene()
    scene.put(check("web", interval=milliseconds(100), rise=1, fall=1, damping=DAMPING))
    scene.pass_by(seconds(1))
    assert reported(scene)[("web",)].held is False
    for _ in range(3):
        scene.fails("web")
        scene.pass_by(milliseconds(500))
        assert reported(scene)[("web",)].held is False
        scene.heals("web")
        scene.pass_by(milliseconds(500))
    assert reported(scene)[("web",)].held is True
    scene.pass_by(seconds(21))
    assert reported(scene)[("web",)].held is False
