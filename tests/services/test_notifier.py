"""What the service makes of the worker's messages: what is told, to whom, and what is kept to itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from havip.config.model import Configuration, Daemon, VirtualAddress, VirtualRouter
from havip.config.notify import Channels, Fifo, Mail, Notify, Webhook
from havip.config.syncgroups import SyncGroup
from havip.messages import Key, Message, Notice, RouterReport, Transition
from havip.services import notifier
from havip.services.notifier import Notifications
from havip.services.notify import mail, webhook
from havip.services.notify.news import News

ROUTER = VirtualRouter("gateway", "eth0", 51, (VirtualAddress(ip_address("192.0.2.1"), 24),))


class Host:
    """The supervisor as far as the service knows it."""

    def __init__(self) -> None:
        self.configuration = Configuration()
        self.reports: Mapping[Key, RouterReport] = {}
        self.between_lives = False

    def post(self, message: Message) -> None:
        """Never called: the worker learns nothing of notifications."""
        raise AssertionError(message)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(coroutine)


class Ear:
    """Stands in for a channel and keeps what it is told."""

    def __init__(self, *of: Any) -> None:
        self.spec, self.host = of[0] if of else None, of[1] if len(of) > 1 else ""
        self.told: list[News] = []
        self.settings: list[object] = []

    def tell(self, news: News, *more: object) -> None:
        self.told.append(news)
        self.settings += more

    def refresh(self) -> None:
        pass

    async def finish(self, within: float) -> None:
        pass


def became(state: str, name: str = "gateway", kind: str = "router", priority: int = 100) -> Transition:
    return Transition(kind, name, state, priority, "why", 1.0)


def noticed(event: str, state: str = "MASTER", priority: int = 100) -> Notice:
    return Notice("router", "gateway", event, state, priority, 1.0)


def configured(*routers: VirtualRouter, **channels: Any) -> Configuration:
    return Configuration(routers, notify=Channels(**channels))


def hear(
    steps: Callable[[Notifications, Host], Coroutine[Any, Any, None]], monkeypatch: pytest.MonkeyPatch
) -> Notifications:
    """Run a service with ears in place of its channels."""
    monkeypatch.setattr(notifier, "Scripts", Ear)
    monkeypatch.setattr(mail, "Mailer", Ear)
    monkeypatch.setattr(webhook, "Hook", Ear)

    async def main() -> Notifications:
        host = Host()
        service = Notifications(host)  # type: ignore[arg-type]
        await steps(service, host)
        return service

    return asyncio.run(main())


async def load(service: Notifications, host: Host, new: Configuration) -> None:
    """Put a configuration into force as the supervisor does."""
    await service.prepare(new)
    host.configuration = new


def events(ear: Any) -> list[tuple[str, str]]:
    return [(news.name, news.event) for news in ear.told]


def test_each_change_is_told_once_and_a_stop_is_no_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(ROUTER))
        for state in ("BACKUP", "MASTER", "MASTER", "INIT", "INIT", "BACKUP", "FAULT"):
            service.hear(became(state))

    ear: Any = hear(steps, monkeypatch)._scripts
    assert [news.event for news in ear.told] == ["BACKUP", "MASTER", "STOP", "BACKUP", "FAULT"]
    assert [news.previous for news in ear.told] == ["", "BACKUP", "MASTER", "STOP", "BACKUP"]
    assert [news.serial for news in ear.told] == [1, 2, 3, 4, 5]


def test_a_router_that_a_reload_takes_away_is_deleted_with_the_programs_it_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = replace(ROUTER, name="other", vrid=52, notify=Notify(deleted=("/d",)))

    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(ROUTER, other, mail=Mail("mx", "a", ("b",))))
        service.hear(became("MASTER"))
        service.hear(became("MASTER", "other"))
        new = configured(mail=Mail("mx", "a", ("b",)))
        await service.prepare(new)
        service.hear(became("INIT"))
        service.hear(became("INIT", "other"))
        host.configuration = new
        await service.settle(new)

    service = hear(steps, monkeypatch)
    scripts: Any = service._scripts
    assert events(scripts)[2:] == [("gateway", "FAULT"), ("other", "DELETED")]
    mailer: Any = service._mailer
    assert events(mailer)[2:] == [("gateway", "DELETED"), ("other", "DELETED")]


def test_a_renamed_router_is_not_told_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(ROUTER))
        service.hear(became("MASTER"))
        new = configured(replace(ROUTER, name="exit"))
        await load(service, host, new)
        await service.settle(new)
        service.hear(became("MASTER", "exit"))
        service.hear(became("BACKUP", "exit"))

    ear: Any = hear(steps, monkeypatch)._scripts
    assert events(ear) == [("gateway", "MASTER"), ("exit", "BACKUP")]
    assert ear.told[-1].previous == "MASTER"


def test_priority_changes_are_told_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    wanting = replace(ROUTER, notify=Notify(priority_changes=True))

    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(ROUTER))
        service.hear(noticed("priority", priority=80))
        await load(service, host, configured(wanting))
        service.hear(noticed("priority", priority=70))
        service.hear(noticed("priority", "BACKUP", 60))
        service.hear(noticed("priority", "FAULT", 50))  # keepalived has no word for it
        service.hear(noticed("rx-lower-priority"))

    ear: Any = hear(steps, monkeypatch)._scripts
    assert [(news.event, news.priority) for news in ear.told] == [
        ("MASTER_PRIORITY", 70), ("BACKUP_PRIORITY", 60), ("MASTER_RX_LOWER_PRI", 100),
    ]  # fmt: skip


def test_a_stream_of_weak_adverts_is_told_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(ROUTER))
        for tenth in range(25):
            service.hear(replace(noticed("rx-lower-priority"), at=100.0 + tenth / 10))

    ear: Any = hear(steps, monkeypatch)._scripts
    assert [news.time for news in ear.told] == [100.0, 101.0, 102.0]


def test_mail_and_webhooks_can_be_left_out_for_a_router(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = replace(ROUTER, name="quiet", vrid=52, notify=Notify(mail=False, webhooks=False))

    async def steps(service: Notifications, host: Host) -> None:
        channels = {"mail": Mail("mx", "a", ("b",)), "webhooks": (Webhook("http://h"),)}
        await load(service, host, configured(ROUTER, quiet, **channels))
        for name in ("gateway", "quiet"):
            service.hear(became("MASTER", name))

    service = hear(steps, monkeypatch)
    ears: list[Any] = [service._mailer, service._hooks[0]]
    assert [events(ear) for ear in ears] == [[("gateway", "MASTER")]] * 2


def test_a_channel_that_does_not_change_goes_on_and_another_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, two = Webhook("http://one"), Webhook("http://two")
    kept: list[Any] = []

    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(ROUTER, webhooks=(one, two), mail=Mail("mx", "a", ("b",))))
        kept.extend([service._hooks[1], service._mailer])
        await load(service, host, configured(ROUTER, webhooks=(two,), mail=Mail("mx", "a", ("c",))))
        await asyncio.sleep(0)

    service = hear(steps, monkeypatch)
    assert service._hooks == [kept[0]]
    assert service._mailer is not kept[1]
    assert service._retired == []  # they had nothing left to tell


def test_programs_run_as_the_daemons_scripts_do_unless_they_name_somebody() -> None:
    daemon = Daemon(script_user="nobody", script_group="nogroup")
    named = replace(ROUTER, name="own", vrid=52, notify=Notify(user="daemon"))
    group = SyncGroup("edge", ("gateway",))
    configuration = Configuration((ROUTER, named), daemon, sync_groups=(group,))
    subjects = {subject: concern.settings for subject, concern in notifier.subjects(configuration)}
    assert (subjects["router", "gateway"].user, subjects["router", "gateway"].group) == ("nobody", "nogroup")
    assert (subjects["router", "own"].user, subjects["router", "own"].group) == ("daemon", None)
    assert subjects["group", "edge"].user == "nobody"


def test_at_the_end_a_stop_is_told_even_if_the_worker_had_no_last_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(ROUTER))
        service.hear(became("MASTER"))
        await service.leave()

    ear: Any = hear(steps, monkeypatch)._scripts
    assert events(ear) == [("gateway", "MASTER"), ("gateway", "STOP")]
    assert ear.told[-1].priority == 100


def test_a_group_that_a_reload_takes_away_is_told_though_the_worker_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, Configuration((ROUTER,), sync_groups=(SyncGroup("edge", ("gateway",)),)))
        service.hear(became("MASTER"))
        service.hear(became("MASTER", "edge", "group", 0))
        new = configured(ROUTER)
        await load(service, host, new)
        await service.settle(new)

    ear: Any = hear(steps, monkeypatch)._scripts
    assert events(ear)[2:] == [("edge", "FAULT")]  # there is no `deleted` program
    assert ear.told[-1].why == "a reload has taken it away"


def test_a_reload_repeats_the_states_to_a_fifo_that_wants_it_and_puts_the_others_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wants, other = Fifo(str(tmp_path / "wants"), on_reload=True), Fifo(str(tmp_path / "other"))

    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(ROUTER, fifos=(wants, other)))
        service.hear(became("MASTER"))
        new = configured(ROUTER, fifos=(wants,))
        await load(service, host, new)
        await service.settle(new)
        assert service._pipes[wants.path].written == 2
        while Path(other.path).exists():
            await asyncio.sleep(0)
        await service.leave()
        assert not Path(wants.path).exists()

    hear(steps, monkeypatch)


def test_a_fifo_of_another_owner_is_another_fifo_and_goes_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fifo"

    async def steps(service: Notifications, host: Host) -> None:
        await load(service, host, configured(ROUTER, fifos=(Fifo(str(path)),)))
        first = path.stat().st_ino
        await load(service, host, configured(ROUTER, fifos=(Fifo(str(path), on_reload=True),)))
        assert path.stat().st_ino == first  # nothing that concerns the FIFO itself
        await load(service, host, configured(ROUTER, fifos=(Fifo(str(path), user="nobody"),)))
        assert path.stat().st_uid == 65534
        await asyncio.sleep(0)
        service.hear(became("MASTER"))
        assert service._pipes[str(path)].written == 1
        await service.leave()
        assert not path.exists()

    hear(steps, monkeypatch)
