"""The balancer programs what services want: from verdicts of checks to a kernel, with a model of one."""

from __future__ import annotations

import errno
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from havip.balancing import BalancerReport
from havip.clock import milliseconds, seconds
from havip.config.balancing import (
    Foreign,
    LoadBalancer,
    WhenFailed,
)
from havip.ipvs.model import (
    AddDestination,
    EditDestination,
    Pool,
    Protocol,
    Service,
    ServiceKey,
)
from tests.ipvs.director import SELDOM, WEB, Director, Double, destination, run
from tests.ipvs.driving import server, service

OTHER = ServiceKey(4, Protocol.TCP, ip_address("192.0.2.9"), 443)


def test_servers_stand_in_the_kernel_once_their_checks_are_good(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(service())
        await one.has({})
        one.check(True, "a", "b")
        await one.has({"1": 1, "2": 1})
        one.check(False, "c")
        await one.until(lambda: one.told("server"))
        assert one.kernel.weights() == {"1": 1, "2": 1}
        assert one.told() == [("web", "UP")]
        assert one.shown().state == "UP"
        one.check(False, "a", "b")
        await one.has({})
        await one.until(lambda: one.told()[-1] == ("web", "DOWN"))

    run(work)


def test_a_thousand_failures_in_one_turn_are_one_plan_and_a_message_each(tmp_path: Path) -> None:
    async def work() -> None:
        names = [f"s{number}" for number in range(1000)]
        servers = (server(name, address=ip_address("10.1.0.0") + n) for n, name in enumerate(names))
        one = Director(tmp_path)
        one.commit(service(*servers, when_failed=WhenFailed.INHIBIT))
        one.check(True, *names)
        await one.until(lambda: len(one.kernel.sent) == 1001)
        await one.settled()
        before, looks = len(one.kernel.sent), one.kernel.looks
        one.kernel.batches.clear()
        one.check(False, *names)
        await one.until(lambda: one.told()[-1:] == [("web", "DOWN")])
        assert before == 1001
        assert len(one.kernel.sent) == 1000
        assert max(map(len, one.kernel.batches)) <= 128  # probes have their turn in between
        assert one.kernel.looks == looks
        assert len(one.told()) == 2

    run(work)


def test_a_reload_of_one_weight_is_one_message_and_no_look(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(service())
        one.check(True, "a", "b", "c")
        await one.has({"1": 1, "2": 1, "3": 1})
        await one.settled()
        one.kernel.batches.clear()
        looks, told = one.kernel.looks, one.told("server")
        one.commit(service(server("a", weight=9), server("b"), server("c")), settings=None)
        await one.has({"1": 9, "2": 1, "3": 1})
        await one.settled()
        (change,) = one.kernel.sent
        assert isinstance(change, EditDestination)
        assert one.kernel.looks == looks
        assert one.told() == [("web", "UP")]
        assert one.told("server") == told

    run(work)


def test_a_checker_that_was_killed_touches_nothing_when_it_comes_back(tmp_path: Path) -> None:
    async def work() -> None:
        first = Director(tmp_path)
        first.commit(service())
        first.check(True, "a", "b")
        first.check(False, "c")
        await first.has({"1": 1, "2": 1})
        await first.settled()
        await first.dies()
        first.kernel.batches.clear()
        second = Director(tmp_path, first.kernel)
        second.commit(service())
        await second.settled()
        assert second.kernel.weights() == {"1": 1, "2": 1}  # before any check has said anything
        second.check(True, "a", "b")
        second.check(False, "c")
        await second.until(second.told)
        assert second.kernel.sent == []
        assert second.told() == [("web", "UP")]

    run(work)


def test_services_of_others_stay_unless_they_are_not_to(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.kernel.model.table[OTHER] = Pool(Service(OTHER), {})
        one.commit(service())
        await one.has({})
        await one.settled()
        assert OTHER in one.kernel.model.table
        one.describe()
        (whole,) = [found for found in one.describe() if isinstance(found, BalancerReport)]
        assert whole.foreign == ("tcp 192.0.2.9:443",)
        one.commit(settings=replace(SELDOM, foreign=Foreign.REMOVE))
        await one.has(None, OTHER)

    run(work)


def test_what_another_program_changes_is_put_back_and_counted(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(service(), settings=LoadBalancer(reconcile=milliseconds(20)))
        one.check(True, "a", "b", "c")
        await one.has({"1": 1, "2": 1, "3": 1})
        await one.settled()
        del one.kernel.model.table[WEB].destinations[destination(2)]
        await one.has({"1": 1, "2": 1, "3": 1})
        await one.until(lambda: one.shown().repaired)
        assert one.shown().repaired == 1
        assert isinstance(one.kernel.sent[-1], AddDestination)

    run(work)


def test_a_change_refused_since_others_meddled_is_no_fault(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(service())
        one.check(True, "a", "b")
        await one.has({"1": 1, "2": 1})
        await one.settled()
        del one.kernel.model.table[WEB]  # ipvsadm -C
        one.check(False, "a")
        await one.has({"2": 1})
        await one.settled()
        assert one.shown().state == "UP"
        assert ("web", "FAULT") not in one.told()

    run(work)


def test_a_scheduler_that_the_kernel_lacks_is_a_fault_until_it_has_it(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path, Double(schedulers=("wlc",)))
        odd = service(server("a"), name="odd", address=OTHER.address, port=443, scheduler="twos")
        one.commit(service(), odd, settings=LoadBalancer(reconcile=milliseconds(20)))
        one.check(True, "a", service="odd")
        one.check(True, "a", "b", "c")
        await one.has({"1": 1, "2": 1, "3": 1})
        await one.until(lambda: one.told()[:2] == [("web", "UP"), ("odd", "FAULT")])
        assert one.shown("odd").why == (
            "tcp 192.0.2.9:443: the kernel has no scheduler twos (module ip_vs_twos)"
        )
        assert one.shown().state == "UP"
        one.kernel.model._schedulers = frozenset(("wlc", "twos"))  # modprobe
        await one.has({"1": 1}, OTHER)
        await one.until(lambda: one.told()[2:] == [("odd", "UP")])
        assert one.shown("odd").state == "UP"

    run(work)


@pytest.mark.parametrize("drain", [False, True])
def test_a_service_that_a_reload_takes_away_in_fault_never_comes_up(tmp_path: Path, drain: bool) -> None:
    async def work() -> None:
        one = Director(tmp_path, Double(schedulers=("wlc",)))
        odd = service(server("a"), name="odd", address=OTHER.address, port=443, scheduler="twos", drain=drain)
        one.commit(service(), odd)
        one.check(True, "a", service="odd")
        one.check(True, "a", "b", "c")
        await one.until(lambda: one.told() == [("web", "UP"), ("odd", "FAULT")])
        one.commit(drop=["odd"])
        await one.until(lambda: list(one.balancer._held) == ["web"])
        assert one.told() == [("web", "UP"), ("odd", "FAULT"), ("odd", "DOWN")]

    run(work)


def test_servers_that_stand_in_the_kernel_are_shown_there_while_their_service_is_in_fault(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        one = Director(tmp_path, Double(schedulers=("wlc",)))
        one.commit(service())
        one.check(True, "a", "b")
        one.check(False, "c")
        await one.has({"1": 1, "2": 1})
        one.commit(service(scheduler="twos"))
        await one.until(lambda: one.told()[-1] == ("web", "FAULT"))
        assert one.kernel.weights() == {"1": 1, "2": 1}
        assert [each.present for each in one.shown().servers] == [True, True, False]

    run(work)


def test_refused_changes_are_tried_again_more_and_more_rarely(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path, Double(schedulers=()))
        one.commit(service(), settings=LoadBalancer(reconcile=seconds(3600)))
        await one.until(lambda: one.told() == [("web", "FAULT")])
        assert one.balancer._pause() == seconds(1)
        one.balancer._failures = 4
        assert one.balancer._pause() == seconds(8)
        one.check(True, "a", "b", "c")
        await one.until(lambda: len(one.told("server")) == 0 and one.shown().alive == 3)
        assert one.told() == [("web", "FAULT")]

    run(work)


def test_without_ipvs_services_are_in_fault_and_it_is_tried_again(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.missing = "the kernel has no IPVS"
        one.commit(service())
        one.check(True, "a", "b", "c")
        await one.until(lambda: one.told() == [("web", "FAULT")])
        await one.until(lambda: one.shown().alive == 3)
        assert one.shown().why == "the kernel has no IPVS"
        assert one.whole.why == "the kernel has no IPVS"
        one.missing = ""
        one.commit()  # as a reload would; otherwise after a while
        await one.has({"1": 1, "2": 1, "3": 1})
        await one.until(lambda: one.told() == [("web", "FAULT"), ("web", "UP")])
        assert one.whole.why == ""

    run(work)


def test_a_kernel_that_fails_is_opened_anew(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(service())
        one.check(True, "a")
        await one.has({"1": 1})
        one.kernel.broken = errno.ENOBUFS
        one.check(True, "b")
        await one.until(lambda: one.told()[-1] == ("web", "FAULT"))
        assert one.shown().why == "the kernel's IPVS does not answer: No buffer space available"
        one.kernel.broken = 0
        one.commit()
        await one.has({"1": 1, "2": 1})
        await one.until(lambda: one.told()[-1] == ("web", "UP"))
        assert one.kernel.closed == 1
        assert one.failed == []

    run(work)


def test_an_error_of_ours_is_not_kept_secret(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(service())
        await one.has({})
        one.kernel.apply = None  # type: ignore[assignment, method-assign]
        one.check(True, "a")
        await one.until(lambda: one.failed)
        assert "the load balancer has failed: TypeError" in one.failed[0]

    run(work)


def test_a_renamed_service_keeps_its_servers_while_the_old_one_drains(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(service(drain=True))
        one.check(True, "a", "b", "c")
        await one.has({"1": 1, "2": 1, "3": 1})
        await one.settled()
        one.kernel.connections = {"10.0.0.1": 5}
        one.kernel.batches.clear()
        one.commit(service(name="www"), drop=["web"])
        await one.settled()
        one.check(True, "a", "b", "c", service="www")
        await one.until(lambda: ("www", "UP") in one.told())
        one.balancer._count_at = one.balancer._whole_at = one.balancer._next()
        one.balancer._stir.set()
        await one.settled()
        assert one.kernel.weights() == {"1": 1, "2": 1, "3": 1}
        assert one.kernel.sent == []

    run(work)


def test_a_service_that_a_reload_drops_goes_once_its_connections_are_over(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(service(drain=True))
        one.check(True, "a", "b", "c")
        await one.has({"1": 1, "2": 1, "3": 1})
        one.kernel.connections = {"10.0.0.2": 1}
        one.commit(drop=["web"])
        await one.has({"2": 0})
        one.kernel.connections = {}
        await one.has(None)
        await one.settled()
        assert one.balancer._held == {}
        assert one.told()[-1] == ("web", "DOWN")

    run(work)
