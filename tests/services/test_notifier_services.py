"""What is told of virtual services and their servers, and what is not."""

from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from havip.config.balancing import Programs, RealServer, VirtualService
from havip.config.model import Configuration
from havip.config.notify import About, Channels, Fifo
from havip.messages import Transition
from havip.services.notifier import Notifications
from tests.services.test_notifier import ROUTER, Host, became, events, hear, load

A = RealServer("a", ip_address("10.0.0.1"))
B = RealServer("b", ip_address("10.0.0.2"))
WEB = VirtualService("web", (A, B), ip_address("192.0.2.1"), 80)


def turned(name: str, state: str) -> Transition:
    return Transition("server" if "/" in name else "service", name, state, 0, "why", 1.0)


def configured(*services: VirtualService, **channels: Any) -> Configuration:
    return Configuration((ROUTER,), virtual_services=services, notify=Channels(**channels))


def told(ear: Any) -> list[tuple[str, str, str]]:
    return [(news.name, news.event, news.previous) for news in ear.told]


def test_each_change_is_told_once_and_what_an_operator_does_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(WEB))
        for state in ("UP", "UP", "DRAINING", "DRAINED", "UP", "DOWN", "DOWN", "UP"):
            service.hear(turned("web/a", state))
        service.hear(turned("web", "UP"))
        service.hear(turned("web", "UP"))

    ear: Any = hear(steps, monkeypatch)._scripts
    assert told(ear) == [
        ("web/a", "UP", ""), ("web/a", "DOWN", "UP"), ("web/a", "UP", "DOWN"), ("web", "UP", "")
    ]  # fmt: skip


def test_a_fault_is_told_as_such_but_to_scripts_it_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    from havip.config.notify import Mail

    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(WEB, mail=Mail("mx", "a", ("b",))))
        for state in ("UP", "FAULT", "DOWN", "UP"):
            service.hear(turned("web", state))

    service = hear(steps, monkeypatch)
    assert events(service._scripts) == [("web", "UP"), ("web", "DOWN"), ("web", "UP")]
    assert events(service._mailer) == [("web", "UP"), ("web", "FAULT"), ("web", "DOWN"), ("web", "UP")]


def test_what_a_reload_takes_away_is_told_once_with_the_programs_it_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    down = Programs(down=("/down",))

    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(replace(WEB, servers=(replace(A, notify=down), B))))
        for name, state in (("web/b", "DOWN"), ("web", "UP")):  # a was good from the start
            service.hear(turned(name, state))
        new = configured(replace(WEB, servers=(B,)))
        await load(service, host, new)
        await service.settle(new)
        for _ in range(2):
            service.hear(turned("web/a", "DOWN"))  # the checker worker says so later
        gone = configured()
        await load(service, host, gone)
        service.hear(turned("web", "DOWN"))  # or earlier
        await service.settle(gone)
        service.hear(turned("web", "DOWN"))

    ear: Any = hear(steps, monkeypatch)._scripts
    assert told(ear)[2:] == [("web/a", "DOWN", ""), ("web", "DOWN", "UP")]
    assert ear.settings[2] == down


def test_a_checker_worker_that_died_keeps_no_end_from_being_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(WEB))
        for name, state in (("web", "UP"), ("web/a", "UP"), ("web/b", "DOWN")):
            service.hear(turned(name, state))
        for _ in range(2):
            await load(service, host, configured())
            await service.settle(host.configuration)
        await service.leave()

    ear: Any = hear(steps, monkeypatch)._scripts
    assert events(ear)[3:] == [("web/a", "DOWN"), ("web", "DOWN")]


@pytest.mark.parametrize("announce_stop", [True, False])
def test_the_end_is_told_where_that_is_wanted(announce_stop: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(replace(WEB, announce_stop=announce_stop)))
        service.hear(became("MASTER"))
        for name, state in (("web", "UP"), ("web/a", "UP"), ("web/b", "DOWN")):
            service.hear(turned(name, state))
        await service.leave()

    ear: Any = hear(steps, monkeypatch)._scripts
    last = [("web/a", "DOWN"), ("web", "DOWN")] if announce_stop else []
    assert events(ear)[4:] == [("gateway", "STOP"), *last]


def test_each_fifo_gets_what_it_is_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {about: tmp_path / about for about in About}
    fifos = tuple(Fifo(str(path), about=about, on_reload=True) for about, path in paths.items())
    lines: dict[About, bytes] = {}

    async def steps(service: Notifications, host: Host) -> None:
        new = configured(WEB, fifos=fifos)
        await load(service, host, new)
        service.hear(became("MASTER"))
        service.hear(turned("web/a", "UP"))
        service.hear(turned("web", "UP"))
        await service.settle(new)  # keepalived repeats the states of routers alone
        for about, path in paths.items():
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            lines[about] = os.read(fd, 4096)
            os.close(fd)
        changed = configured(WEB, fifos=(replace(fifos[0], about=About.ROUTERS), *fifos[1:]))
        inode = paths[About.ALL].stat().st_ino
        await load(service, host, changed)
        assert paths[About.ALL].stat().st_ino == inode
        service.hear(turned("web", "DOWN"))
        assert service._pipes[str(paths[About.ALL])].written == 4
        await service.leave()

    hear(steps, monkeypatch)
    router = b'INSTANCE "gateway" MASTER 100\n'
    balanced = b"RS [10.0.0.1]:tcp:80 [192.0.2.1]:tcp:80 UP\nVS [192.0.2.1]:tcp:80 UP\n"
    assert lines == {
        About.ALL: router + balanced + router,
        About.ROUTERS: router + router,
        About.SERVICES: balanced,
    }
