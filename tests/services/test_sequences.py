"""When the file of sequences is made, from what, and when it is copied to the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

from havip.config.authentication import AntiReplay
from havip.config.model import Configuration, Daemon
from havip.messages import KeepSequences, Message
from havip.services import Host
from havip.services import sequences as module
from havip.services.sequences import Sequences
from havip.vrrp import sequences
from havip.vrrp.sequences import OURS, Record, read
from tests.vrrp.model import router
from tests.vrrp.signed import SEQUENCE, rules

NAME = b"n" * 24
PEER = bytes((10, 0, 0, 2)) + bytes(12)


class OurHost:
    """The supervisor, as far as this service sees it."""

    def __init__(self, folder: Path) -> None:
        self.socket = str(folder / "havip.sock")
        self.posted: list[Message] = []
        self.spawned: list[asyncio.Task[Any]] = []

    def post(self, message: Message) -> None:
        self.posted.append(message)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self.spawned.append(task)
        return task


@pytest.fixture
def host(tmp_path: Path) -> OurHost:
    return OurHost(tmp_path)


def configured(host: OurHost, anti_replay: AntiReplay | None = AntiReplay.TIME) -> Configuration:
    """Return a configuration whose one router signs, or does not (None)."""
    hmac = None if anti_replay is None else rules(anti_replay=anti_replay)
    folder = str(Path(host.socket).parent / "state")
    return Configuration(virtual_routers=(router(hmac=hmac),), daemon=Daemon(state_directory=folder))


def service(host: OurHost) -> Sequences:
    return Sequences(cast(Host, host))


def file_of(host: OurHost) -> str:
    return host.socket.replace(".sock", ".sequences")


def copy_of(host: OurHost) -> str:
    return str(Path(host.socket).parent / "state" / "sequences")


def test_without_a_router_that_signs_there_is_no_file(host: OurHost) -> None:
    async def scene() -> None:
        ours, plain = service(host), configured(host, None)
        await ours.prepare(plain)
        await ours.settle(plain)
        assert list(ours.briefing(plain)) == []
        await ours.leave()

    asyncio.run(scene())
    assert list(Path(host.socket).parent.iterdir()) == []


def test_the_worker_is_told_of_the_file_when_it_is_there(host: OurHost) -> None:
    async def scene() -> None:
        ours, new = service(host), configured(host)
        await ours.prepare(new)
        assert host.posted == []  # the briefing comes first of all that touches routers
        assert list(ours.briefing(new)) == [KeepSequences(file_of(host))]
        assert read(file_of(host)) == []

    asyncio.run(scene())


def test_routers_that_run_and_begin_to_sign_do_not_wait_for_the_briefing(host: OurHost) -> None:
    async def scene() -> None:
        ours = service(host)
        await ours.prepare(configured(host, None))
        await ours.prepare(configured(host))
        await ours.prepare(configured(host))
        assert host.posted == [KeepSequences(file_of(host))]

    asyncio.run(scene())


def test_a_file_that_is_there_is_kept(host: OurHost) -> None:
    sequences.create(file_of(host), [Record(NAME, PEER, 7)])
    asyncio.run(service(host).prepare(configured(host)))
    assert read(file_of(host)) == [Record(NAME, PEER, 7)]


def test_a_damaged_file_is_made_anew(host: OurHost, caplog: pytest.LogCaptureFixture) -> None:
    Path(file_of(host)).write_bytes(b"something else")
    Path(file_of(host)).chmod(0o600)
    asyncio.run(service(host).prepare(configured(host)))
    assert read(file_of(host)) == []
    assert "unusable, and begin anew: it holds no sequences" in caplog.text


def test_the_last_copy_is_what_the_next_boot_begins_with_and_ours_is_moved_on(host: OurHost) -> None:
    async def scene() -> None:
        ours, new = service(host), configured(host)
        await ours.prepare(new)
        sequences.create(file_of(host), [Record(NAME, OURS, SEQUENCE), Record(NAME, PEER, 7)])
        await ours.leave()
        Path(file_of(host)).unlink()
        await service(host).prepare(new)

    asyncio.run(scene())
    # By 120 seconds: a copy that was taken before a loss of power is up to one minute old.
    assert read(file_of(host)) == [Record(NAME, OURS, SEQUENCE + (120 << 32)), Record(NAME, PEER, 7)]
    assert Path(copy_of(host)).stat().st_mode & 0o777 == 0o600


def test_copies_are_taken_now_and_then_only_where_no_clock_is_asked(
    host: OurHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = asyncio.Event()
    monkeypatch.setattr(module, "COPY_EVERY", 0.0)

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        plain_copy = module.copy
        monkeypatch.setattr(
            module, "copy", lambda *files: (plain_copy(*files), loop.call_soon_threadsafe(copied.set))
        )
        ours, by_time, alone = service(host), configured(host), configured(host, AntiReplay.MONOTONIC)
        await ours.prepare(by_time)
        await ours.settle(by_time)
        assert host.spawned == []
        await ours.settle(alone)
        await ours.settle(alone)
        (task,) = host.spawned
        for _ in range(2):
            await asyncio.wait_for(copied.wait(), 10)
            copied.clear()
        await ours.settle(by_time)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())
    assert read(copy_of(host)) == []


def test_a_copy_that_cannot_be_taken_is_a_warning(host: OurHost, caplog: pytest.LogCaptureFixture) -> None:
    Path(host.socket).parent.joinpath("state").write_text("in the way")

    async def scene() -> None:
        ours = service(host)
        await ours.prepare(configured(host))
        await ours.leave()

    asyncio.run(scene())
    assert "cannot copy the sequences of signed adverts" in caplog.text
