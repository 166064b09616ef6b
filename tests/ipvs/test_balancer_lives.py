"""What a killed checker leaves of services that a reload dropped, and what the next one does with it."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from havip.ipvs.model import Protocol, ServiceKey
from tests.ipvs.director import Director, run
from tests.ipvs.driving import SORRY, server, service

OTHER = ServiceKey(4, Protocol.TCP, ip_address("192.0.2.9"), 443)
DRAINING = service(drain=True)


async def serving(folder: Path) -> Director:
    """Return a first life with three good servers of a service that is drained when it is dropped."""
    one = Director(folder)
    one.commit(DRAINING)
    one.check(True, "a", "b", "c")
    await one.has({"1": 1, "2": 1, "3": 1})
    return one


def test_what_a_former_life_has_left_of_dropped_services_goes(tmp_path: Path) -> None:
    async def work() -> None:
        first = Director(tmp_path)
        old = service(server("a"), name="old", address=OTHER.address, port=443)
        first.commit(service(), old)
        await first.has({}, OTHER)
        await first.dies()
        second = Director(tmp_path, first.kernel)
        second.commit(service())
        await second.has(None, OTHER)
        assert second.kernel.weights() == {}

    run(work)


def test_a_dropped_service_drains_on_when_the_checker_is_killed(tmp_path: Path) -> None:
    async def work() -> None:
        first = await serving(tmp_path)
        first.kernel.connections = {"10.0.0.2": 1}
        first.commit(drop=["web"])
        await first.has({"2": 0})
        await first.dies()
        first.kernel.batches.clear()
        second = Director(tmp_path, first.kernel)
        second.leave(DRAINING)
        second.commit(service(server("a"), name="other", address=OTHER.address, port=443))
        await second.has({}, OTHER)
        await second.settled()
        assert second.kernel.weights() == {"2": 0}
        second.kernel.connections = {}
        await second.has(None)
        await second.settled()
        assert list(second.balancer._held) == ["other"]

    run(work)


@pytest.mark.parametrize("checks", [True, False])
def test_a_dropped_service_that_is_gone_does_not_come_back_in_the_next_life(
    tmp_path: Path, checks: bool
) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        gone = service(drain=True, sorry_server=SORRY) if checks else service(drain=True, probes=())
        one.leave(gone)
        one.commit(service(server("a"), name="other", address=OTHER.address, port=443))
        one.check(True, "a", "b", "c")
        await one.has({}, OTHER)
        await one.settled()
        assert list(one.balancer._held) == ["other"]
        assert one.kernel.weights() is None
        assert [type(change).__name__ for change in one.kernel.sent] == ["AddService"]  # the other one

    run(work)


def test_a_dropped_service_that_drains_may_have_its_place_taken_in_the_next_life(tmp_path: Path) -> None:
    async def work() -> None:
        first = await serving(tmp_path)
        await first.dies()
        second = Director(tmp_path, first.kernel)
        second.leave(DRAINING)
        second.commit(service(name="new"))
        second.check(True, "a", "b", "c", service="new")
        await second.settled()
        assert second.kernel.weights() == {"1": 1, "2": 1, "3": 1}
        await second.until(lambda: list(second.balancer._held) == ["new"])
        assert second.kernel.weights() == {"1": 1, "2": 1, "3": 1}

    run(work)
