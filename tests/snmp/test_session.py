"""A session with a master agent, good or bad: what is asked is answered, and nothing worse ever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from havip.config.snmp import Snmp
from havip.snmp import session as module
from havip.snmp.agentx import (
    Binding,
    Close,
    Get,
    GetBulk,
    GetNext,
    Notify,
    Open,
    Ping,
    Range,
    Register,
    Response,
    SetTest,
)
from havip.snmp.mib import Mib, Table
from havip.snmp.session import Session
from havip.snmp.trees import Served
from havip.snmp.values import Oid, integer, text
from tests.snmp.master import UPTIME, Master

FIRST, SECOND, THIRD = (9, 1), (9, 2), (9, 3)
MIBS: list[Served] = [("ONE-MIB", (FIRST, SECOND), lambda view: ()), ("TWO-MIB", (THIRD,), lambda view: ())]
CELL = (9, 1, 1, 5)


def asked(oid: Oid) -> Get:
    return Get((Range(oid, False, ()),))


class Side:
    """Our side: a session, and what it asks of the service that owns it."""

    def __init__(self, path: Path | str, rows: int = 6) -> None:
        self.uptimes: list[int] = []
        self.mib = Mib([Table(FIRST, {1: integer}, (((number,), number) for number in range(rows)))])
        self.failing = False
        self.session = Session(Snmp(str(path)), MIBS, self.current, self.uptimes.append)
        self.tasks: list[asyncio.Task[Any]] = []

    async def current(self) -> Mib:
        if self.failing:
            raise ValueError("a fault of ours")
        return self.mib

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))
        return self.tasks[-1]

    def start(self) -> None:
        self.session.start(self.spawn)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "pause_after", lambda failures, longest: 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agentx"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 30))


def test_a_session_is_opened_registered_and_answers(path: Path) -> None:
    async def scenario() -> None:
        async with Master(path) as master:
            side = Side(path)
            side.start()
            await master.until_heard(Register, 3)
            assert master.heard == [Open(3, b"havip"), Register(FIRST), Register(SECOND), Register(THIRD)]
            assert await master.ask(asked(CELL)) == Response(bindings=(Binding(CELL, integer(5)),))
            first = Range(FIRST, False, ())
            assert (await master.ask(GetNext((first,)))).bindings == (Binding((9, 1, 1, 0), integer(0)),)
            assert len((await master.ask(GetBulk(0, 5, (first,)))).bindings) == 5
            assert (await master.ask(SetTest((Binding(CELL, integer(1)),)))).error == 17
            assert (await master.ask(asked(CELL), b"blue")).error == 262  # unsupportedContext
            assert (await master.ask(Ping())) == Response()
            assert side.uptimes == [UPTIME]
            assert side.session.account.connected
            await side.session.close()

    run(scenario())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_master_agent_on_tcp_is_found_by_name_and_by_address(host: str) -> None:
    async def scenario() -> None:
        async with Master(None) as master:
            side = Side(f"tcp:{host}:{master.port}")
            side.start()
            await master.until_heard(Register, 3)
            assert (await master.ask(asked(CELL))).bindings == (Binding(CELL, integer(5)),)
            await side.session.close()

    run(scenario())


def test_a_fault_of_ours_is_an_error_and_the_session_goes_on(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with Master(path) as master:
            side = Side(path)
            side.start()
            await master.until_heard(Register, 3)
            side.failing = True
            for _ in range(3):
                assert (await master.ask(asked(CELL))).error == 5  # genErr
            side.failing = False
            assert (await master.ask(asked(CELL))).bindings == (Binding(CELL, integer(5)),)
            assert master.connections == 1
            await side.session.close()

    run(scenario())
    assert sum("cannot be answered" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"\x02" + bytes(19),  # another protocol
        b"\x01\x05\x10\x00" + bytes(12) + b"\xff\xff\xff\xfc",  # 4 GB are to follow
        b"\x01\x05\x10\x00" + bytes(12) + b"\x00\x00\x00\x04\x81\x00\x00\x00",
        b"\x01\x63\x10\x00" + bytes(16),
    ],
)
def test_garbage_ends_the_session_and_a_new_one_begins(path: Path, data: bytes) -> None:
    async def scenario() -> None:
        async with Master(path) as master:
            side = Side(path)
            side.start()
            await master.until_heard(Register, 3)
            master.send(data)
            await master.until_heard(Register, 6)
            assert (await master.ask(asked(CELL))).bindings == (Binding(CELL, integer(5)),)
            await side.session.close()

    run(scenario())


def test_a_master_agent_that_hangs_is_left_and_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WITHIN", 0.05)

    async def scenario() -> None:
        async with Master(path) as master:
            master.silent = True
            side = Side(path)
            side.start()
            await master.until(lambda: master.connections >= 3)
            assert side.session.account.error == "no answer"
            master.silent = False
            await master.until_heard(Register, 3)
            await side.session.close()

    run(scenario())


def test_a_master_agent_that_begins_a_request_and_never_ends_it_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with Master(path) as master:
            side = Side(path)
            side.start()
            await master.until_heard(Register, 3)
            monkeypatch.setattr(module, "WITHIN", 0.05)
            master.send(b"\x01\x05\x10")
            await master.until(lambda: master.connections >= 2)
            await side.session.close()

    run(scenario())


def test_a_master_agent_that_asks_and_does_not_read_is_left_with_bounded_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with Master(path) as master:
            side = Side(path, rows=1000)
            side.start()
            await master.until_heard(Register, 3)
            monkeypatch.setattr(module, "WITHIN", 0.2)
            assert master._writer is not None
            master._writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(2000):  # 30 MB of answers
                master.request(GetBulk(0, 1000, (Range(FIRST, False, ()),)))
            await master.until(lambda: master.connections >= 2)
            assert side.session.account.requests < 200
            await side.session.close()

    run(scenario())


def test_a_flood_of_requests_leaves_everybody_else_a_turn(path: Path) -> None:
    async def scenario() -> None:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with Master(path) as master:
            side = Side(path)
            side.start()
            await master.until_heard(Register, 3)
            ticker = asyncio.ensure_future(others())
            before = turns
            await asyncio.gather(*(master.request(asked(CELL)) for _ in range(500)))
            assert turns - before >= 500
            ticker.cancel()
            await side.session.close()

    run(scenario())


def test_a_silent_master_agent_is_asked_whether_it_is_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUIET", 0.05)

    async def scenario() -> None:
        async with Master(path) as master:
            side = Side(path)
            side.start()
            await master.until_heard(Ping, 2)
            assert master.connections == 1
            master.silent = True
            monkeypatch.setattr(module, "WITHIN", 0.05)
            await master.until(lambda: master.connections >= 2)
            await side.session.close()

    run(scenario())


def test_what_another_agent_has_is_left_to_it_and_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_EVERY", 0.05)

    async def scenario() -> None:
        async with Master(path) as master:
            master.denied = {SECOND: 263}
            side = Side(path)
            side.start()
            await master.until_heard(Register, 5)
            assert side.session.account.refused == ["ONE-MIB"]
            assert side.session.account.connected
            master.denied = {}
            await master.until(lambda: SECOND in master.granted)
            assert (await master.ask(Ping())) == Response()
            assert master.heard.count(Register(FIRST)) == 1  # what we have is not asked for again
            assert master.heard.count(Register(THIRD)) == 1
            assert master.connections == 1
            await side.session.close()
            assert side.session.account.refused == []

    run(scenario())


def test_a_session_of_which_everything_is_refused_is_no_session(path: Path) -> None:
    async def scenario() -> None:
        async with Master(path) as master:
            master.denied = {FIRST: 263, THIRD: 263}
            side = Side(path)
            side.start()
            await master.until(lambda: master.connections >= 2)
            assert side.session.account.error == "another agent has registered ONE-MIB and TWO-MIB"
            await side.session.close()

    run(scenario())


def trap(number: int) -> tuple[Binding, ...]:
    return (Binding((9, 9), text(str(number))),)


def test_traps_wait_for_the_session_and_the_last_ones_leave_before_it_ends(path: Path) -> None:
    async def scenario() -> None:
        side = Side(path)
        side.start()
        for number in range(3):
            side.session.tell(trap(number))
        async with Master(path) as master:
            await master.until_heard(Notify, 3)
            assert [pdu for pdu in master.heard if isinstance(pdu, Notify)] == [
                Notify(trap(n)) for n in range(3)
            ]
            side.session.tell(trap(3))
            await side.session.close()
            assert master.heard[-2:] == [Notify(trap(3)), Close(5)]
            assert side.session.account.traps_sent == 4

    run(scenario())


def test_of_too_many_traps_the_newest_are_kept_and_old_ones_are_not_sent(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_TRAPS", 10)

    async def scenario() -> None:
        side = Side(path)
        for number in range(25):
            side.session.tell(trap(number))
        assert side.session.account.traps_dropped == 15
        side.start()
        async with Master(path) as master:
            await master.until_heard(Notify, 10)
            assert next(pdu for pdu in master.heard if isinstance(pdu, Notify)) == Notify(trap(15))
            await side.session.close()
        stale = Side(path)
        stale.session.tell(trap(0))
        monkeypatch.setattr(module, "TRAP_LIVES", -1.0)
        stale.start()
        async with Master(path) as master:
            await master.until_heard(Register, 3)
            await master.ask(Ping())
            assert stale.session.account.traps_dropped == 1
            await stale.session.close()
            assert not [pdu for pdu in master.heard if isinstance(pdu, Notify)]

    run(scenario())


def test_without_a_master_agent_the_reason_is_logged_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        side = Side(path)
        side.start()
        for _ in range(200):  # many attempts, each of which fails at once
            await asyncio.sleep(0)
        await side.session.close()
        assert "No such file" in side.session.account.error

    run(scenario())
    assert sum("no SNMP" in record.message for record in caplog.records) == 1
