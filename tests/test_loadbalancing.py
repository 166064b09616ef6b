"""The checker has no load balancer until it is told of one; that one knows what checks have said before."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from havip import loadbalancing
from havip.balancing import Depart, PutLoadBalancer, PutService
from havip.clock import seconds
from havip.ipvs.programmer import Programmer
from havip.ipvs.record import Ownership
from havip.loadbalancing import LoadBalancing
from havip.messages import Commit, Message
from tests.healthcheck.simulated import Scene, check
from tests.house_map import ROOT
from tests.ipvs.director import SELDOM, Double, run
from tests.ipvs.driving import server, service


def test_a_checker_without_services_imports_nothing_of_ipvs() -> None:
    code = "import havip.checker, sys; print([name for name in sys.modules if 'ipvs' in name])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Double:
    double = Double()
    monkeypatch.setattr(
        loadbalancing,
        "open_ipvs",
        lambda _, instance: Programmer(double, Ownership("net9", instance, tmp_path / "ipvs", tmp_path)),
    )
    return double


def test_what_checks_said_before_the_first_service_counts_for_its_servers(kernel: Double) -> None:
    """Who adds a service by a reload need not wait for the next run of checks that run already."""

    async def main() -> None:
        scene, posted, left = Scene(), list[Message](), list[bool]()
        scene.fails("down")
        scene.put(check("web/a/tcp", "up"), check("web/b/tcp", "down"))
        scene.pass_by(seconds(10))
        balancing = LoadBalancing(posted.append, scene.checks, lambda: left.append(True), posted.append)
        balancing.begin()
        assert not balancing.in_use
        assert list(balancing.reports()) == []

        balancing.obey(PutLoadBalancer(SELDOM))
        balancing.obey(PutService(service(server("a"), server("b"))))
        balancing.begin()
        assert balancing.in_use
        while not kernel.weights():
            await asyncio.sleep(0.001)
        assert kernel.weights() == {"1": 1}
        balancing.obey(Depart())
        assert balancing.departs
        while not left:
            await asyncio.sleep(0.001)
        assert kernel.weights() is None
        balancing.stop()

    run(main)


def test_a_message_of_something_else_is_refused() -> None:
    balancing = LoadBalancing(list[Message]().append, Scene().checks, lambda: None, print)
    with pytest.raises(AssertionError, match="a checker does not take Commit"):
        balancing.obey(Commit(1))
