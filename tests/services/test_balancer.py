"""What the checker worker is told of virtual services: what changed, and everything in a new life."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

import pytest

from havip.balancing import (
    Depart,
    DropService,
    Order,
    PacketsMarked,
    PutLoadBalancer,
    PutOrder,
    PutService,
    RouterState,
)
from havip.clock import milliseconds, seconds
from havip.config import probes
from havip.config.balancing import LoadBalancer, OnStop, RealServer, SyncDaemon, VirtualService
from havip.config.health import Check
from havip.config.model import Configuration, Daemon
from havip.config.tracking import TrackerKind
from havip.messages import (
    Commit,
    Describe,
    Described,
    DropTracker,
    Message,
    PutCheck,
    RouterReport,
    TrackResult,
    Transition,
)
from havip.services.trackers import Trackers
from tests.control.balanced import BALANCER, CONFIGURATION, DNS, WEB
from tests.control.test_views import REPORT
from tests.vrrp.model import router

GATEWAY = replace(router(), name="gateway", vrid=51)
SYNC = LoadBalancer(sync_daemon=SyncDaemon("eth0", "gateway"))


class Checker:
    """A checker that a test speaks for."""

    title = "the checker worker"

    def __init__(self, on_start: Any, on_message: Any, on_end: Any) -> None:
        self.on_start, self.say = on_start, on_message
        self.told: list[Message] = []
        self.restarts = 0
        self.pid: int | None = 7
        self.left: tuple[object, ...] | None = None
        self.ends_well = True

    def start(self) -> None:
        self.on_start()

    def die(self) -> None:
        """End, and begin another life."""
        self.restarts += 1
        self.told.clear()
        self.on_start()

    def post(self, message: Message) -> None:
        self.told.append(message)
        if isinstance(message, Describe):
            for report in (WEB, DNS, BALANCER, Described(message.token, {})):
                asyncio.get_running_loop().call_soon(self.say, report)

    async def watch(self) -> None:
        await asyncio.Event().wait()

    async def leave(self, *words: object) -> bool:
        self.left = words
        return self.ends_well

    def heard(self) -> list[Message]:
        """Return what it was told of the load balancer since it was asked last."""
        ours = (PutLoadBalancer, PutService, DropService, PutOrder, RouterState, PacketsMarked, Commit)
        told = [message for message in self.told if isinstance(message, ours)]
        self.told.clear()
        return told


class Host:
    """The supervisor, as far as the service sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports: dict[object, RouterReport] = {}
        self.configuration = Configuration()
        self.made: list[Checker] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.spread_out: list[Message] = []
        self.lingers: list[float] = []
        self.service = Trackers(cast(Any, self), cast(Any, self.make))

    def make(self, *hooks: Any) -> Checker:
        self.made.append(Checker(*hooks))
        return self.made[-1]

    @property
    def checker(self) -> Checker:
        return self.made[-1]

    def post(self, message: Message) -> None:
        """Tell the VRRP worker."""

    def spread(self, message: Message) -> None:
        self.spread_out.append(message)

    def linger(self, seconds: float) -> None:
        self.lingers.append(seconds)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))
        return self.tasks[-1]

    async def load(self, configuration: Configuration) -> None:
        new = replace(configuration, daemon=Daemon(state_directory=str(self.folder)))
        await self.service.prepare(new)
        self.configuration = new
        await self.service.settle(new)

    async def ask(self, verb: str, **request: object) -> dict[str, Any]:
        return await self.service.verbs()[verb]({"verb": verb} | request)


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    monkeypatch.setattr("havip.services.operator.asked_by", lambda: "root")

    def start(scene: Callable[[Host], Coroutine[Any, Any, None]]) -> None:
        async def run() -> None:
            host = Host(tmp_path)
            try:
                await scene(host)
            finally:
                for task in host.tasks:
                    task.cancel()

        asyncio.run(run())

    return start


def kinds(messages: list[Message]) -> list[str]:
    return [type(message).__name__ for message in messages]


def test_the_worker_is_told_what_has_changed_and_all_in_a_new_life(play: Any) -> None:
    async def scene(host: Host) -> None:
        await host.load(CONFIGURATION)
        whole = ["PutLoadBalancer", "PacketsMarked", "PutService", "PutService", "Commit"]
        assert kinds(host.checker.heard()) == whole
        await host.load(CONFIGURATION)
        assert kinds(host.checker.heard()) == ["Commit"]
        web, dns = CONFIGURATION.virtual_services
        lighter = replace(web, quorum=5)
        await host.load(replace(CONFIGURATION, virtual_services=(lighter,)))
        assert host.checker.heard()[:2] == [PutService(lighter), DropService("dns")]
        host.checker.die()
        assert kinds(host.checker.heard()) == ["PutLoadBalancer", "PacketsMarked", "PutService", "Commit"]
        await host.load(CONFIGURATION)
        (group,) = CONFIGURATION.service_groups
        assert host.checker.heard()[:2] == [PutService(web), PutService(dns, group)]
        await host.load(replace(CONFIGURATION, service_groups=(replace(group, addresses=()),)))
        assert kinds(host.checker.heard()) == ["PutService", "Commit"]

    play(scene)


def test_a_new_life_is_told_of_a_dropped_service_until_its_time_to_drain_is_up(play: Any) -> None:
    async def scene(host: Host) -> None:
        web = replace(CONFIGURATION.virtual_services[0], drain=True, drain_timeout=milliseconds(50))
        none = replace(CONFIGURATION, virtual_services=())
        await host.load(replace(CONFIGURATION, virtual_services=(web,)))
        host.checker.heard()
        await host.load(none)
        assert host.checker.heard()[0] == DropService("web")
        await host.load(none)
        assert kinds(host.checker.heard()) == ["Commit"]
        host.checker.die()
        assert host.checker.heard()[2:-1] == [PutService(web).taken_away()]
        await host.load(replace(CONFIGURATION, virtual_services=(web,)))
        assert host.checker.heard()[0] == PutService(web)
        await host.load(none)
        assert host.checker.heard()[0] == DropService("web")
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, over.set)  # behind what forgets the service
        await over.wait()
        host.checker.die()
        assert kinds(host.checker.heard()) == ["PutLoadBalancer", "PacketsMarked", "Commit"]

    play(scene)


def test_a_worker_that_has_had_services_stays_until_the_end_and_does_what_is_configured(play: Any) -> None:
    async def scene(host: Host) -> None:
        await host.load(Configuration())
        assert host.made == []
        await host.load(CONFIGURATION)
        await host.load(Configuration())
        assert host.checker.left is None
        assert kinds(host.checker.heard())[-3:] == ["DropService", "DropService", "Commit"]
        await host.load(
            replace(
                CONFIGURATION, load_balancer=LoadBalancer(on_stop=OnStop.DRAIN, drain_timeout=seconds(60))
            )
        )
        await host.service.leave()
        assert host.checker.left == (Depart(), 70.0)
        assert host.lingers == [70.0]

    play(scene)


def test_another_worker_does_at_the_end_what_one_that_hangs_cannot(play: Any) -> None:
    async def scene(host: Host) -> None:
        await host.load(CONFIGURATION)
        host.checker.ends_well = False
        await host.service.leave()
        first, second = host.made
        assert first.left == second.left == (Depart(), 10.0)
        briefed = ["PutLoadBalancer", "PacketsMarked", "PutService", "PutService", "Commit"]
        assert kinds(second.heard()) == briefed
        assert host.lingers == [10.0, 10.0]

    play(scene)


def test_what_is_to_stay_needs_no_other_worker(play: Any) -> None:
    async def scene(host: Host) -> None:
        await host.load(replace(CONFIGURATION, load_balancer=LoadBalancer(on_stop=OnStop.LEAVE)))
        host.checker.ends_well = False
        await host.service.leave()
        assert len(host.made) == 1

    play(scene)


def test_a_machine_without_room_for_another_worker_is_told_of(
    play: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(checker: Checker) -> None:
        raise OSError(errno.EAGAIN, "no room")

    async def scene(host: Host) -> None:
        await host.load(CONFIGURATION)
        host.checker.ends_well = False
        monkeypatch.setattr(Checker, "start", full)
        await host.service.leave()
        assert "cannot be started: [Errno 11] no room: the virtual services stay" in caplog.text
        assert host.checker.left is None

    play(scene)


def test_a_reload_leaves_ipvs_in_the_network_namespace_that_it_began_with(play: Any) -> None:
    async def scene(host: Host) -> None:
        within = replace(CONFIGURATION.load_balancer, network_namespace="blue")
        await host.load(replace(CONFIGURATION, load_balancer=within))
        host.checker.heard()
        await host.load(CONFIGURATION)
        assert kinds(host.checker.heard()) == ["Commit"]
        host.checker.die()
        (settings,) = [one for one in host.checker.heard() if isinstance(one, PutLoadBalancer)]
        assert settings.settings.network_namespace == "blue"

    play(scene)


def test_the_settings_alone_are_a_reason_for_a_worker(play: Any) -> None:
    async def scene(host: Host) -> None:
        sync = Configuration(virtual_routers=(GATEWAY,), load_balancer=SYNC)
        await host.load(sync)
        settings, marked, state, _ = host.checker.heard()
        assert settings == PutLoadBalancer(SYNC, 51)
        assert (marked, state) == (PacketsMarked(), RouterState("gateway", "INIT"))
        own = replace(SYNC, sync_daemon=SyncDaemon("eth0", "gateway", sync_id=7))
        await host.load(replace(sync, load_balancer=own))
        assert host.checker.heard()[0] == PutLoadBalancer(own, 7)

    play(scene)


def test_the_virtual_routers_that_services_go_by_are_told_at_once(play: Any) -> None:
    async def scene(host: Host) -> None:
        web, dns = CONFIGURATION.virtual_services
        services = (replace(web, probe_as_master_of="gateway"), dns)
        host.reports[REPORT.key] = REPORT
        await host.load(replace(CONFIGURATION, virtual_services=services, virtual_routers=(GATEWAY,)))
        assert RouterState("gateway", "BACKUP") in host.checker.heard()
        for report in (REPORT, replace(REPORT, state="MASTER"), replace(REPORT, state="MASTER", why="still")):
            host.service.hear(report)
        host.service.hear(replace(REPORT, name="other", state="MASTER"))
        host.service.hear(PacketsMarked("nft is missing"))
        assert host.checker.heard() == [RouterState("gateway", "MASTER"), PacketsMarked("nft is missing")]
        host.checker.die()
        told = host.checker.heard()
        assert RouterState("gateway", "MASTER") in told
        assert PacketsMarked("nft is missing") in told

    play(scene)


def test_orders_come_before_everything_and_at_once(play: Any) -> None:
    async def scene(host: Host) -> None:
        await host.load(CONFIGURATION)
        host.checker.heard()
        assert (await host.ask("server", do="drain", servers=["web1"]))["servers"][0]["drain"] is True
        order = PutOrder(Order("web", "web1", drain=True))
        assert host.checker.heard() == [order]
        host.checker.die()
        assert host.checker.heard()[0] == order
        await host.load(CONFIGURATION)
        assert kinds(host.checker.heard()) == ["Commit"]

    play(scene)


def test_reports_are_shown_and_changes_of_state_are_spread(play: Any) -> None:
    async def scene(host: Host) -> None:
        await host.load(CONFIGURATION)
        change = Transition("server", "web/web1", "UP", 0, "good", 1.0)
        host.checker.say(change)
        assert host.spread_out == [change]
        answer = await host.ask("services")
        assert [one["state"] for one in answer["services"]["shown"]] == ["UP", "DOWN"]
        host.checker.told.clear()
        await host.service.refresh()
        assert kinds(host.checker.told) == ["Describe"]  # for the checks and the services together
        status = host.service.status()
        assert (status["services"]["up"], status["services"]["ipvs"]["version"]) == (1, "1.2.1")

    play(scene)


def checked(address: str, **more: Any) -> Configuration:
    """Return a service with one server, whose check is made."""
    probe = Check("tcp", tcp=probes.Tcp(), **more)
    server = RealServer("a", ip_address(address))
    service = VirtualService("web", (server,), ip_address("192.0.2.1"), 80, probes=(probe,))
    return Configuration(virtual_services=(service,), checks=service.probes_of(server))


def test_the_verdict_of_a_server_does_not_outlast_its_address(play: Any) -> None:
    good = TrackResult(TrackerKind.CHECK, "web/a/tcp", True, why="is good")

    async def scene(host: Host) -> None:
        def told() -> list[Message]:
            kinds = (DropTracker, PutCheck)
            found = [message for message in host.checker.told if isinstance(message, kinds)]
            host.checker.told.clear()
            return found

        first, slower, moved = checked("10.0.0.1"), checked("10.0.0.1", fall=9), checked("10.0.0.2", fall=9)
        await host.load(first)
        host.checker.say(good)
        told()
        await host.load(slower)
        assert told() == [PutCheck(slower.checks[0], good)]
        await host.load(moved)
        assert told() == [DropTracker(TrackerKind.CHECK, "web/a/tcp"), PutCheck(moved.checks[0], None)]

    play(scene)
