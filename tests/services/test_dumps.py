"""Writing dumps: as a whole, for those who may read them, and nowhere else."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import stat
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from havip.config import model
from havip.control.serviceviews import service_as_dict
from havip.services import Host
from havip.services.dumps import Dumps, put
from tests.config.reading import complaints, read
from tests.control.balanced import CONFIGURATION, WEB
from tests.services.exporter import from_stats
from tests.services.test_dumped import configuration, shown


class Scene:
    """The supervisor, as far as the service sees it."""

    def __init__(self, folder: Path, **keys: Any) -> None:
        self.socket = str(folder / "havip.sock")
        whole = configuration()
        self.configuration = replace(whole, daemon=replace(whole.daemon, dumps=model.Dumps(**keys)))
        self.sent = 7
        self.tasks: list[asyncio.Task[Any]] = []
        self.service = Dumps(cast(Host, self))

    async def show(self) -> dict[str, Any]:
        routers = [shown("gw", "MASTER", adverts_sent=self.sent)]
        return {"virtual_routers": routers, "sync_groups": [], "trackers": []}

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request == {"verb": "services", "fresh": False}
        return {"services": {"shown": [service_as_dict(WEB)]}}

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))
        return self.tasks[-1]

    def signal(self, number: int, times: int = 1) -> None:
        """Send a signal, and return when all that it asked for is done."""

        async def deliver() -> None:
            for _ in range(times):
                self.service.signals()[number]()
            await asyncio.gather(*self.tasks)
            self.tasks.clear()

        asyncio.run(deliver())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_dump_is_the_daemons_own_unless_a_group_may_read_it(tmp_path: Path) -> None:
    Scene(tmp_path).signal(signal.SIGUSR2)
    assert mode_of(tmp_path / "havip.stats") == 0o600
    Scene(tmp_path, group="daemon").signal(signal.SIGUSR2)
    assert mode_of(tmp_path / "havip.stats") == 0o640
    assert (tmp_path / "havip.stats").group() == "daemon"
    assert os.listdir(tmp_path) == ["havip.stats"]  # and nothing half written


def test_no_link_leads_a_dump_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    dump = tmp_path / "keepalived.json"
    dump.symlink_to(elsewhere)
    Scene(tmp_path, json=str(dump)).signal(signal.SIGRTMIN + 2)
    assert elsewhere.read_text() == "precious"
    assert not dump.is_symlink()
    assert dump.read_text().startswith("[{")


@pytest.mark.parametrize("mode", [0o777, 0o770], ids=["everybody", "its group"])
def test_a_folder_that_others_can_write_to_is_no_place_for_a_dump(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(mode)
    scene = Scene(tmp_path)
    with caplog.at_level(logging.ERROR, "havip.supervisor"):
        scene.signal(signal.SIGUSR1, times=3)
    assert caplog.messages == [
        f"cannot write {tmp_path}/havip.data: its folder is not root's alone to change"
    ]
    assert os.listdir(tmp_path) == []
    tmp_path.chmod(mode | stat.S_ISVTX)  # as /tmp is: nobody can take away what is another's
    scene.signal(signal.SIGUSR1)
    assert os.listdir(tmp_path) == ["havip.data"]


def test_a_folder_of_another_user_is_no_place_for_a_dump(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, -1)
    with pytest.raises(OSError, match="not root's alone"):
        put(tmp_path / "dump", b"", 0o600)


def test_what_cannot_be_written_is_said_once_and_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "havip.data").mkdir()
    with caplog.at_level(logging.ERROR, "havip.supervisor"):
        Scene(tmp_path).signal(signal.SIGUSR1, times=2)
    assert caplog.messages == [f"cannot write {tmp_path}/havip.data: Is a directory"]
    assert os.listdir(tmp_path) == ["havip.data"]


def test_clearing_shows_what_it_clears_and_counts_from_there_on(tmp_path: Path) -> None:
    scene, file = Scene(tmp_path), tmp_path / "havip.stats"
    scene.signal(signal.SIGRTMAX - 1)
    assert from_stats(file.read_text())["gw"]["Advertisements/Sent"] == 7
    scene.sent = 12
    scene.signal(signal.SIGUSR2)
    assert from_stats(file.read_text())["gw"]["Advertisements/Sent"] == 5


def test_what_could_not_be_written_is_not_cleared(tmp_path: Path) -> None:
    scene, file = Scene(tmp_path), tmp_path / "havip.stats"
    file.mkdir()
    scene.signal(signal.SIGRTMAX - 1)
    file.rmdir()
    scene.signal(signal.SIGUSR2)
    assert from_stats(file.read_text())["gw"]["Advertisements/Sent"] == 7


def test_the_process_that_takes_signals_is_named_while_it_runs(tmp_path: Path) -> None:
    first, second = tmp_path / "first.pid", tmp_path / "second.pid"
    scene = Scene(tmp_path, pid_file=str(first))

    async def life() -> None:
        await scene.service.prepare(scene.configuration)
        assert first.read_text() == f"{os.getpid()}\n"
        assert mode_of(first) == 0o644
        moved = replace(scene.configuration.daemon, dumps=model.Dumps(pid_file=str(second)))
        await scene.service.prepare(replace(scene.configuration, daemon=moved))
        assert os.listdir(tmp_path) == ["second.pid"]
        second.write_text("1\n")  # another daemon's
        await scene.service.leave()
        assert os.listdir(tmp_path) == ["second.pid"]
        await scene.service.prepare(scene.configuration)
        await scene.service.leave()
        assert os.listdir(tmp_path) == ["second.pid"]

    asyncio.run(life())


ROUTER = "virtual_routers: {gw: {interface: eth0, vrid: 51, addresses: [192.0.2.1/24]}}\n"


@pytest.mark.parametrize(
    ("dumps", "complaint"),
    [
        (
            "{json: dump.json}",
            '1:24: daemon.dumps.json: expected an absolute path of a file, found "dump.json"',
        ),
        ("{json_version: 3}", '1:32: daemon.dumps.json_version: expected 1 or 2, found "3"'),
        ("{group: no-such-group}", '1:25: daemon.dumps.group: there is no group "no-such-group"'),
        (
            "{json_dump_file: /x}",
            '1:18: daemon.dumps.json_dump_file: unknown key "json_dump_file"; did you mean "json"?',
        ),
        ("{state: /run/x, json: /run/x}", '1:39: daemon.dumps.json: "/run/x" again: first given in line 1'),
    ],
)
def test_a_mistake_is_shown_where_it_stands(dumps: str, complaint: str) -> None:
    assert complaints(f"daemon: {{dumps: {dumps}}}\n{ROUTER}") == [complaint]


def test_a_directive_of_keepalived_is_known_by_its_name() -> None:
    (line,) = complaints(f"daemon: {{json_dump_file_location: /x}}\n{ROUTER}")
    assert line.endswith('did you mean "dumps"?')
    assert read(ROUTER).daemon.dumps == model.Dumps()


def test_with_virtual_services_all_of_them_are_asked_for(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    dumps = replace(CONFIGURATION.daemon, dumps=model.Dumps(json_version=2))
    scene.configuration = replace(CONFIGURATION, daemon=dumps)
    scene.signal(signal.SIGRTMIN + 2)
    assert json.loads((tmp_path / "havip.json").read_text())["services"][0]["name"] == "web"
