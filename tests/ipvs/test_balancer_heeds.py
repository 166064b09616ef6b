"""What the balancer heeds beside checks: operators, routers, other daemons, marks of packets, the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from havip.balancing import BalancerReport, PacketsMarked, PutLoadBalancer, ServiceReport
from havip.clock import seconds
from havip.config.balancing import (
    Block,
    KernelTimeouts,
    LoadBalancer,
    OnStop,
    ServiceGroup,
    SyncDaemon,
    Transport,
)
from havip.ipvs.model import (
    DropDestination,
    DropService,
    EditDestination,
    Pool,
    Protocol,
    Service,
    ServiceKey,
    SyncRole,
    Timeouts,
)
from tests.ipvs.director import SELDOM, WEB, Director, run
from tests.ipvs.driving import server, service

OTHER = ServiceKey(4, Protocol.TCP, ip_address("192.0.2.9"), 443)


def test_an_operator_drains_a_server_and_takes_it_back(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(service())
        one.check(True, "a", "b", "c")
        await one.has({"1": 1, "2": 1, "3": 1})
        one.kernel.connections = {"10.0.0.1": 2}
        one.order("a", drain=True)
        await one.has({"1": 0, "2": 1, "3": 1})
        await one.until(lambda: one.told("server") == [("web/a", "DRAINING")])
        one.kernel.connections = {}
        await one.has({"2": 1, "3": 1})
        await one.until(lambda: one.told("server")[-1] == ("web/a", "DRAINED"))
        one.order("a", weight=7)
        await one.has({"1": 7, "2": 1, "3": 1})
        one.order("a")
        await one.has({"1": 1, "2": 1, "3": 1})

    run(work)


def test_orders_that_come_before_their_service_hold_from_its_first_moment(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.order("a", drain=True)
        one.order("b", weight=5)
        one.commit(service())
        one.check(True, "a", "b", "c")
        await one.has({"2": 5, "3": 1})

    run(work)


def test_another_daemon_that_lives_keeps_its_service(tmp_path: Path) -> None:
    async def work() -> None:
        blue = Director(tmp_path, instance="blue")
        blue.balancer.put_settings(PutLoadBalancer(SELDOM, instance="blue"))
        blue.commit(service(), settings=None)
        blue.check(True, "a")
        await blue.has({"1": 1})
        us = Director(tmp_path, blue.kernel)
        us.commit(service(server("b")), service(name="dns", port=53, transport=Transport.UDP))
        await us.until(lambda: us.told() == [("web", "FAULT")])
        assert "it belongs to instance blue" in us.shown().why
        assert us.kernel.weights() == {"1": 1}

    run(work)


def test_services_that_share_a_mark_are_in_fault_while_no_packet_is_marked(tmp_path: Path) -> None:
    async def work() -> None:
        block = Block(ip_address("192.0.2.1"), ip_address("192.0.2.9"))
        group = ServiceGroup("front", (block,))
        mark = ServiceKey(4, fwmark=77)
        marked = service(server("a"), address=None, group="front", nftables_mark=77)
        one = Director(tmp_path)
        one.balancer.marked(PacketsMarked("nft is not there"))
        one.commit(marked, groups=[group])
        one.check(True, "a")
        await one.until(lambda: one.told() == [("web", "FAULT")])
        assert one.shown().why == "nft is not there"
        assert mark not in one.kernel.model.table
        one.balancer.marked(PacketsMarked())
        await one.has({"1": 1}, mark)
        await one.until(lambda: one.told()[-1] == ("web", "UP"))

    run(work)


def test_probes_rest_while_another_router_is_master(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.router("BACKUP")
        one.commit(service(server("a"), probe_as_master_of="gateway"))
        assert one.resting == {"web/a/tcp": True}
        one.router("MASTER")
        assert one.resting == {"web/a/tcp": False}
        one.check(True, "a")
        await one.has({"1": 1})
        one.router("FAULT")
        assert one.resting == {"web/a/tcp": True}
        one.commit(service(server("a"), server("b"), probe_as_master_of="gateway"), settings=None)
        assert one.resting == {"web/a/tcp": True, "web/b/tcp": True}
        one.commit(service(server("a"), server("b")), settings=None)
        assert one.resting == {"web/a/tcp": False, "web/b/tcp": False}

    run(work)


def test_the_sync_daemon_follows_the_router(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        settings = replace(SELDOM, sync_daemon=SyncDaemon("eth1", "gateway"))
        one.router("BACKUP")
        one.commit(service(), settings=settings)
        await one.until(lambda: [*one.kernel.model.syncs] == [SyncRole.BACKUP])
        one.router("MASTER")
        await one.until(lambda: [*one.kernel.model.syncs] == [SyncRole.MASTER])
        (sync,) = one.kernel.model.syncs.values()
        assert (sync.interface, sync.sync_id) == ("eth1", 51)
        one.commit(settings=SELDOM)
        await one.until(lambda: not one.kernel.model.syncs)

    run(work)


def test_the_kernels_timeouts_are_set_without_any_service(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(settings=replace(SELDOM, timeouts=KernelTimeouts(tcp=seconds(60))))
        await one.until(lambda: one.kernel.in_force == Timeouts(60, 120, 300))

    run(work)


def test_nothing_is_touched_where_nothing_is_configured(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(settings=LoadBalancer())
        await one.settled()
        assert not one.balancer.in_use
        assert one.kernel.looks == 0
        assert one.describe() == []
        await one.balancer.depart()
        assert one.posted == []

    run(work)


def test_a_description_has_fresh_counters(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(service())
        one.check(True, "a")
        await one.has({"1": 1})
        await one.settled()
        one.kernel.connections = {"10.0.0.1": 41}
        web, whole = one.describe()
        assert isinstance(web, ServiceReport)
        assert isinstance(whole, BalancerReport)
        assert web.servers[0].active == 41
        assert web.counts.connections == 7
        assert whole.version == "1.2.1"
        assert whole.messages == len(one.kernel.sent)

    run(work)


def test_the_end_removes_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.kernel.model.table[OTHER] = Pool(Service(OTHER), {})
        settings = replace(SELDOM, sync_daemon=SyncDaemon("eth1"), on_stop=OnStop.REMOVE)
        one.commit(service(), settings=settings)
        one.check(True, "a", "b", "c")
        await one.has({"1": 1, "2": 1, "3": 1})
        await one.until(lambda: len(one.kernel.model.syncs) == 2)
        one.kernel.batches.clear()
        await one.balancer.depart()
        assert one.kernel.sent == [DropService(WEB)]
        assert [*one.kernel.model.table] == [OTHER]
        assert one.kernel.model.syncs == {}
        assert [*(tmp_path / "ipvs").glob("*.json")] == []
        one.balancer.stop()

    run(work)


def test_the_end_leaves_everything_where_that_is_wanted(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(service(), settings=replace(SELDOM, on_stop=OnStop.LEAVE))
        one.check(True, "a")
        await one.has({"1": 1})
        await one.settled()
        one.kernel.batches.clear()
        await one.balancer.depart()
        one.balancer.stop()
        assert one.kernel.sent == []
        assert one.kernel.weights() == {"1": 1}
        assert one.kernel.closed == 1

    run(work)


def test_the_end_waits_for_connections_where_that_is_wanted(tmp_path: Path) -> None:
    async def work() -> None:
        one = Director(tmp_path)
        one.commit(service(announce_stop=True), settings=replace(SELDOM, on_stop=OnStop.DRAIN))
        one.check(True, "a", "b", "c")
        await one.has({"1": 1, "2": 1, "3": 1})
        await one.settled()
        one.kernel.connections = {"10.0.0.3": 1}
        one.kernel.batches.clear()
        leaving = asyncio.ensure_future(one.balancer.depart())
        await one.has({"3": 0})
        assert one.told()[-1] == ("web", "DOWN")
        assert not any(isinstance(change, DropService) for change in one.kernel.sent)
        first = next(n for n, change in enumerate(one.kernel.sent) if isinstance(change, DropDestination))
        assert all(isinstance(change, EditDestination) for change in one.kernel.sent[:first])
        one.kernel.connections = {}
        await leaving
        assert one.kernel.model.table == {}

    run(work)
