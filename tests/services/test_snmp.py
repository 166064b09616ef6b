"""What the service tells and answers, with a master agent that a test speaks for and no VRRP worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from havip.config.model import Configuration
from havip.control.serviceviews import service_as_dict
from havip.errors import Refusal, refused
from havip.messages import WARNING, GroupReport, LogLine, RouterReport, Transition
from havip.services import snmp_agent as module
from havip.services.snmp import Snmp
from havip.snmp import session
from havip.snmp.agentx import Get, Notify, Range, Register
from havip.snmp.values import Kind, Value, oid
from tests.config.reading import read
from tests.control.balanced import CONFIGURATION, DNS, WEB
from tests.snmp.master import Master
from tests.snmp.shown import COUNTERS, NOW, TEXT, report

KEEPALIVED = "1.3.6.1.4.1.9586.100.5.2"
V2, V3 = "1.3.6.1.2.1.68", "1.3.6.1.2.1.207"


class Host:
    """The supervisor, as far as the service sees it."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.reports: dict[object, RouterReport] = {}
        self.refreshed = 0
        self.hangs = False
        self.tasks: list[asyncio.Task[Any]] = []
        self.service = Snmp(cast(Any, self))

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))
        return self.tasks[-1]

    async def refresh(self) -> None:
        self.refreshed += 1
        if self.hangs:
            await asyncio.Event().wait()

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer for the virtual services."""
        assert request == {"verb": "services"}
        shown = [service_as_dict(WEB), service_as_dict(DNS)]
        return {"services": dict.fromkeys(("total", "up", "down", "fault", "sorry"), 0) | {"shown": shown}}

    def says(self, one: RouterReport) -> None:
        """Have the worker report a virtual router."""
        self.reports[one.key] = one
        self.service.hear(one)

    def turns(self, name: str, state: str, why: str = "", kind: str = "router") -> None:
        """Have the worker tell a change of state."""
        self.service.hear(Transition(kind, name, state, 100, why, NOW))


class Test:
    """A service with its master agent."""

    __test__ = False

    def __init__(self, master: Master, host: Host) -> None:
        self.master, self.host = master, host

    def traps(self) -> list[dict[str, Value]]:
        """Return every notification that the master agent has, by the names of its variables."""
        return [
            {".".join(map(str, name)): value for name, value in pdu.bindings}
            for pdu in self.master.heard
            if isinstance(pdu, Notify)
        ]

    async def get(self, name: str) -> Value:
        """Ask for one variable."""
        response = await self.master.ask(Get((Range(oid(name), False, ()),)))
        assert response.error == 0
        return response.bindings[0].value


def numbered(trap: dict[str, Value]) -> tuple[str, list[object]]:
    """Return which notification it is, without the first part of its name, and its values."""
    kind, *values = trap.values()
    assert isinstance(kind.data, tuple)
    number = ".".join(map(str, kind.data[6:]))
    return number, [value.data for value in values]


def run(path: Path, scenario: Callable[[Test], Coroutine[Any, Any, None]], text: str = TEXT) -> None:
    """Run a scenario with a session that is open and registered."""

    async def whole() -> None:
        configuration = read(text.replace("snmp: {}", f"snmp: {path}"))
        host = Host(configuration)
        async with Master(path) as master:
            await host.service.prepare(configuration)
            await master.until_heard(Register, 4)
            await scenario(Test(master, host))
            await host.service.leave()
            for task in host.tasks:
                task.cancel()

    asyncio.run(asyncio.wait_for(whole(), 30))


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "interface", lambda name: module.view.Interface(3 if name == "eth0" else 0))
    monkeypatch.setattr(module, "interfaces", lambda names: {"eth0": module.view.Interface(3)})
    monkeypatch.setattr(session, "pause_after", lambda failures, longest: 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agentx"


def test_a_new_master_is_told_by_all_mibs_and_nothing_is_told_twice(path: Path) -> None:
    async def scenario(test: Test) -> None:
        host = test.host
        host.says(report(host.configuration, "old", "BACKUP", primary_address="192.0.2.11"))
        host.turns("old", "BACKUP")
        host.turns("old", "MASTER", "the master resigned")
        host.turns("old", "MASTER", "resumed: our own adverts still bind the peers")
        await test.master.until_heard(Notify, 4)
        address = bytes((192, 0, 2, 11))
        assert [numbered(trap) for trap in test.traps()] == [
            ("9586.100.5.2.10.0.2", [b"old", 1, 1, b"r1"]),
            ("9586.100.5.2.10.0.2", [b"old", 2, 1, b"r1"]),
            ("68.0.1", [address]),
            ("207.0.1", [address, 1]),
        ]
        assert list(test.traps()[1])[1:] == [
            f"{KEEPALIVED}.3.1.2",
            f"{KEEPALIVED}.3.1.4",
            f"{KEEPALIVED}.3.1.5",
            "1.3.6.1.4.1.9586.100.5.1.2.0",
        ]
        assert list(test.traps()[2])[1:] == [f"{V2}.1.3.1.7.3.51"]
        assert test.traps()[2][f"{V2}.1.3.1.7.3.51"].kind is Kind.IP_ADDRESS
        assert list(test.traps()[3])[1:] == [f"{V3}.1.1.1.1.3.3.51.1", f"{V3}.1.2.5.1.2.3.51.1"]

    run(path, scenario)


def test_a_router_that_stops_is_told_apart_from_one_that_a_reload_took_away(path: Path) -> None:
    async def scenario(test: Test) -> None:
        host = test.host
        host.turns("six", "INIT")
        host.turns("both", "MASTER", kind="group")
        routers = host.configuration.virtual_routers
        host.configuration = replace(host.configuration, virtual_routers=routers[1:], sync_groups=())
        host.turns("old", "INIT")
        host.turns("both", "INIT", kind="group")
        await test.master.until_heard(Notify, 4)
        assert [numbered(trap) for trap in test.traps()] == [
            ("9586.100.5.2.10.0.2", [b"six", 5, 2, b"r1"]),
            ("9586.100.5.2.10.0.1", [b"both", 2, b"r1"]),
            ("9586.100.5.2.10.0.2", [b"old", 6, 1, b"r1"]),
            ("9586.100.5.2.10.0.1", [b"both", 6, b"r1"]),
        ]

    run(path, scenario)


@pytest.mark.parametrize(
    ("why", "traps", "shown"),
    [
        (Refusal.PASSWORD, [("68.0.2", [bytes((192, 0, 2, 66)), 3])], 0),
        (Refusal.AUTH_TYPE, [("68.0.2", [bytes((192, 0, 2, 66)), 2])], 0),
        (Refusal.TTL, [("207.0.2", [1])], 1),
        (Refusal.VERSION, [("207.0.2", [2])], 2),
        (Refusal.CHECKSUM, [("207.0.2", [3])], 3),
        (Refusal.INTERVAL, [], 0),
    ],
)
def test_a_refused_packet_is_told_by_the_notification_that_there_is(
    path: Path, why: Refusal, traps: list[tuple[str, list[object]]], shown: int
) -> None:
    async def scenario(test: Test) -> None:
        host = test.host
        host.says(report(host.configuration, "old", "BACKUP"))
        line = f"old: {refused('192.0.2.66', why)}"
        host.service.hear(LogLine(WARNING, line, {"HAVIP_ROUTER": "old", "HAVIP_STATE": "BACKUP"}))
        host.service.hear(LogLine(WARNING, f"eth0: {refused('192.0.2.66', why)}"))  # of no virtual router
        host.turns("both", "FAULT", kind="group")
        await test.master.until_heard(Notify, len(traps) + 1)
        assert [numbered(trap) for trap in test.traps()][:-1] == traps
        assert (await test.get(f"{V3}.1.2.5.1.6.3.51.1")).data == shown

    run(path, scenario)


def test_without_traps_nothing_is_told(path: Path) -> None:
    async def scenario(test: Test) -> None:
        test.host.turns("old", "MASTER")
        test.host.turns("both", "MASTER", kind="group")
        assert (await test.get(f"{KEEPALIVED}.3.1.3.1")).data == 51
        assert test.traps() == []

    run(path, scenario, TEXT.replace("snmp: {}", f"snmp: {{traps: false, socket: {path}}}"))


def test_the_worker_is_asked_once_however_much_is_polled_and_changes_are_shown_at_once(path: Path) -> None:
    async def scenario(test: Test) -> None:
        host = test.host
        host.says(report(host.configuration, "old", "BACKUP"))
        for _ in range(20):
            assert (await test.get(f"{KEEPALIVED}.3.1.4.1")).data == 1
        host.says(report(host.configuration, "old", "MASTER"))
        assert (await test.get(f"{KEEPALIVED}.3.1.4.1")).data == 2
        host.service.hear(GroupReport("both", "FAULT", NOW, "", ("old", "six")))
        assert (await test.get(f"{KEEPALIVED}.1.1.3.1")).data == 3
        assert host.refreshed == 1

    run(path, scenario)


def test_a_worker_that_hangs_delays_an_answer_for_a_moment_only(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPORTED_WITHIN", 0.05)

    async def scenario(test: Test) -> None:
        test.host.hangs = True
        test.host.says(report(test.host.configuration, "old", "MASTER"))
        assert (await test.get(f"{KEEPALIVED}.3.1.4.1")).data == 2

    run(path, scenario)


def test_counters_that_begin_anew_say_since_when(path: Path) -> None:
    async def scenario(test: Test) -> None:
        host = test.host
        host.says(report(host.configuration, "old", "MASTER", counters=COUNTERS))
        discontinuity = f"{V3}.1.2.5.1.12.3.51.1"
        assert (await test.get(discontinuity)).data == 0
        host.says(report(host.configuration, "old", "MASTER", counters={"became-master": 1}))
        since = (await test.get(discontinuity)).data
        assert isinstance(since, int)
        assert since >= 60_000  # sysUpTime when the session began
        assert (await test.get(f"{V3}.1.2.4.0")).data == since

    run(path, scenario)


def test_a_reload_changes_the_session_or_leaves_it_alone(path: Path) -> None:
    async def scenario(test: Test) -> None:
        host, master = test.host, test.master
        await host.service.prepare(replace(host.configuration, virtual_routers=()))
        assert master.connections == 1
        other = read(f"snmp: {{socket: {path}, rfc2787: false}}\n" + TEXT.replace("snmp: {}", ""))
        host.configuration = other
        await host.service.prepare(other)
        await master.until_heard(Register, 7)
        assert master.connections == 2
        await host.service.prepare(replace(other, snmp=None))
        assert host.service.status() == {"snmp": None}

    run(path, scenario)


def test_a_session_that_begins_late_knows_what_was_before(path: Path) -> None:
    async def scenario(test: Test) -> None:
        host = test.host
        off = replace(host.configuration, snmp=None)
        await host.service.prepare(off)
        await host.service.settle(off)
        late = report(host.configuration, "old", "MASTER", since=NOW)
        host.says(late)  # nobody notes it
        await host.service.prepare(host.configuration)
        await test.master.until_heard(Register, 8)
        host.turns("old", "MASTER")  # known
        assert (await test.get(f"{V2}.1.3.1.3.3.51")).data == 3
        assert test.traps() == []
        up = (await test.get(f"{V3}.1.1.1.1.12.3.51.1")).data
        assert isinstance(up, int)

    run(path, scenario)


BALANCED = "1.3.6.1.4.1.9586.100.5.3"


def test_virtual_services_are_told_and_shown_while_there_are_any(path: Path) -> None:
    async def scenario(test: Test) -> None:
        host, snmp = test.host, test.host.configuration.snmp
        assert (await test.get(f"{BALANCED}.3.1.71.1")).kind is Kind.NO_SUCH_INSTANCE
        before = len([one for one in test.master.heard if isinstance(one, Register)])
        host.configuration = replace(CONFIGURATION, snmp=snmp)
        await host.service.prepare(host.configuration)
        await test.master.until_heard(Register, before + 5)
        assert (await test.get(f"{BALANCED}.3.1.21.1")).data == 1
        host.turns("web/web1", "DOWN", kind="server")
        host.turns("web/web1", "DOWN", kind="server")  # not told twice
        host.turns("web/web3", "DRAINING", kind="server")
        host.turns("web/gone", "DOWN", kind="server")
        host.turns("web", "FAULT", kind="service")  # which is none of keepalived's states: not met
        await test.master.until_heard(Notify, 2)
        server, service = map(numbered, test.traps())
        assert server[0] == "9586.100.5.3.5.0.1"
        assert server[1][:4] == [1, b"\n\0\0\x07", 80, 2]
        assert server[1][4:9] == [2, 1, b"\xc0\0\2\1", 80, 1]
        assert server[1][9:11] == [0, 3]  # up, of all
        assert service[0] == "9586.100.5.3.5.0.2"
        assert service[1][5:7] == [2, 1]  # not met, quorum

    run(path, scenario)
