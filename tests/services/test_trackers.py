"""The supervisor's side of tracking: what the checker is told, and how long it is believed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, cast

import pytest

from havip.clock import milliseconds, seconds
from havip.config import probes
from havip.config.health import Check
from havip.config.model import Configuration, Daemon, Rank, Silence, Then
from havip.config.tracking import (
    CheckTracker,
    FileTracker,
    InterfaceDelays,
    Script,
    ScriptTracker,
    TrackedFile,
    TrackerKind,
    Tracking,
)
from havip.messages import (
    Alive,
    Commit,
    Committed,
    Delay,
    DropTracker,
    Message,
    PutCheck,
    PutFile,
    PutScript,
    RouterReport,
    Setup,
    TrackResult,
)
from havip.services import trackers as module
from havip.services.trackers import Trackers
from tests.vrrp.model import router

WEB = Script("web", ("/usr/bin/true",))
LOAD = TrackedFile("load", "/run/load", initial=0)
NEITHER = Configuration()
SCRIPT = Configuration(
    virtual_routers=(router(track=Tracking(scripts=(ScriptTracker("web"),))),), scripts=(WEB,)
)
BOTH = replace(
    SCRIPT,
    virtual_routers=(
        router(track=Tracking(scripts=(ScriptTracker("web"),), files=(FileTracker("load", 1),))),
    ),
    tracked_files=(LOAD,),
)
GOOD = TrackResult(TrackerKind.SCRIPT, "web", True, why="is good")


class Checker:
    """A checker that a test speaks for."""

    title = "the checker worker"

    def __init__(self, on_start: Any, on_message: Any, on_end: Any) -> None:
        self.on_start, self.say = on_start, on_message
        self.told: list[Message] = []
        self.ranks: list[Rank] = []
        self.restarts = 0
        self.left = False

    def start(self) -> None:
        self.on_start()

    def die(self) -> None:
        """End, and begin another life."""
        self.restarts += 1
        self.told.clear()
        self.on_start()

    def post(self, message: Message) -> None:
        if isinstance(message, Setup):
            self.ranks.append(message.rank)
        else:
            self.told.append(message)

    async def watch(self) -> None:
        await asyncio.Event().wait()

    async def leave(self) -> None:
        self.left = True


class Host:
    """The supervisor, as far as the service sees it; ``posted`` is what the VRRP worker was told."""

    def __init__(self) -> None:
        self.posted: list[Message] = []
        self.reports: dict[object, RouterReport] = {}
        self.configuration = NEITHER
        self.spread_out: list[Message] = []
        self.made: list[Checker] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.service = Trackers(cast(Any, self), cast(Any, self.make))

    def make(self, *hooks: Any) -> Checker:
        self.made.append(Checker(*hooks))
        return self.made[-1]

    @property
    def checker(self) -> Checker:
        return self.made[-1]

    def post(self, message: Message) -> None:
        self.posted.append(message)

    def spread(self, message: Message) -> None:
        self.spread_out.append(message)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))
        return self.tasks[-1]

    async def load(self, configuration: Configuration, *answers: TrackResult) -> None:
        """Put a configuration in force; ``answers`` come from the checker meanwhile."""
        preparing = asyncio.ensure_future(self.service.prepare(configuration))
        await asyncio.sleep(0)
        for answer in answers:
            self.checker.say(answer)
        await preparing
        await self.service.settle(configuration)


def play(scene: Callable[[Host], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        host = Host()
        try:
            await scene(host)
        finally:
            for task in host.tasks:
                task.cancel()

    asyncio.run(run())


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_RESULTS_WITHIN", 0.01)
    monkeypatch.setattr(module, "BEGINS_WITHIN", 0.01)


def test_there_is_a_checker_only_while_something_is_tracked() -> None:
    async def scene(host: Host) -> None:
        await host.load(NEITHER)
        assert host.made == []
        await host.load(SCRIPT, GOOD)
        assert [worker.title for worker in host.service.workers()] == ["the checker worker"]
        await host.load(NEITHER)
        assert host.checker.left
        assert list(host.service.workers()) == []
        assert host.posted[-1] == DropTracker(TrackerKind.SCRIPT, "web")

    play(scene)


def test_what_nobody_tracks_is_not_run() -> None:
    async def scene(host: Host) -> None:
        await host.load(replace(SCRIPT, scripts=(WEB, Script("other", ("/usr/bin/false",)))), GOOD)
        assert host.checker.told == [PutScript(WEB, None), Commit(1)]

    play(scene)


def test_a_start_waits_for_first_results_but_not_for_ever() -> None:
    async def scene(host: Host) -> None:
        await host.load(SCRIPT)  # the checker says nothing
        assert list(host.service.briefing(SCRIPT)) == [Delay(())]
        host.checker.say(GOOD)
        assert host.posted == [GOOD]
        delays = (InterfaceDelays("eth0"),)
        assert list(host.service.briefing(replace(SCRIPT, interfaces=delays))) == [Delay(delays), GOOD]

    play(scene)


def test_the_wait_for_first_results_begins_when_the_checker_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEGINS_WITHIN", 60.0)

    async def scene(host: Host) -> None:
        loading = asyncio.ensure_future(host.service.prepare(SCRIPT))
        await asyncio.sleep(0.05)  # five times as long as first results may take
        assert not loading.done()  # the checker's process has not come up yet
        host.checker.say(Committed(1))
        async with asyncio.timeout(15):
            await loading

    play(scene)


def test_a_reload_tells_the_checker_the_difference_and_weights_are_none() -> None:
    async def scene(host: Host) -> None:
        await host.load(SCRIPT, GOOD)
        host.checker.told.clear()
        await host.load(replace(SCRIPT, scripts=(replace(WEB, weight=5, reverse=True),)))
        assert host.checker.told == [Commit(2)]
        await host.load(replace(BOTH, scripts=(replace(WEB, fall=3),)))
        assert host.checker.told[1:] == [
            PutScript(replace(WEB, fall=3), True),  # with the verdict it had
            PutFile(LOAD, fresh=True),
            Commit(3),
        ]

    play(scene)


def test_the_next_life_of_a_checker_gets_the_verdicts_and_writes_no_initial_value_again() -> None:
    async def scene(host: Host) -> None:
        await host.load(BOTH, GOOD)
        host.checker.die()
        assert host.checker.told == [PutScript(WEB, True), PutFile(LOAD, fresh=False), Commit(2)]
        assert host.posted == [GOOD]  # nothing has changed

    play(scene)


def test_a_script_without_a_user_gets_that_of_the_daemon() -> None:
    async def scene(host: Host) -> None:
        await host.load(replace(SCRIPT, daemon=Daemon(script_user="nobody", script_group="nogroup")))
        assert host.checker.told[0] == PutScript(replace(WEB, user="nobody", group="nogroup"), None)

    play(scene)


SOON = milliseconds(50)
KEPT = Silence(SOON, Then.KEPT)
FAILED = Silence(SOON, Then.FAILED)
LOST = "is not known: the checker worker has been away for 50ms"


def silent(silence: Silence) -> Configuration:
    """Return a configuration with a policy for a checker that stays away."""
    return replace(SCRIPT, daemon=Daemon(checker_silence=silence))


async def said(caplog: pytest.LogCaptureFixture, line: str) -> None:
    async with asyncio.timeout(15):
        while line not in caplog.messages:
            await asyncio.sleep(0.01)


HAVE_FAILED = "no sign of life from the checker worker for 50ms: all it tracks has failed"
COUNT_ON = "no sign of life from the checker worker for 50ms: its last results count on"


def test_a_checker_that_stays_away_is_believed_for_a_while_and_then_all_has_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(host: Host) -> None:
        await host.load(silent(FAILED), GOOD)
        await said(caplog, HAVE_FAILED)
        assert host.posted == [GOOD, replace(GOOD, good=False, why=LOST)]
        assert [one for one in host.service.briefing(SCRIPT) if isinstance(one, TrackResult)] == host.posted[
            1:
        ]
        host.checker.die()
        assert host.checker.told[0] == PutScript(WEB, None)  # that failure was nobody's verdict
        host.checker.say(Alive())
        assert host.posted[-1] == replace(GOOD, good=False, why=LOST)  # until the new life has looked
        host.checker.say(GOOD)
        assert host.posted[-1] == GOOD

    play(scene)


def test_a_checker_that_was_silent_and_lives_on_is_believed_again(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(host: Host) -> None:
        await host.load(silent(FAILED), GOOD)
        await said(caplog, HAVE_FAILED)
        host.checker.say(Alive())  # it tells what has changed, and nothing has
        assert host.posted[-1] == GOOD

    play(scene)


def test_results_of_a_silent_checker_count_on_if_the_policy_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(host: Host) -> None:
        await host.load(silent(KEPT), GOOD)
        await said(caplog, COUNT_ON)
        assert host.posted == [GOOD]
        host.checker.die()
        assert host.checker.told[0] == PutScript(WEB, True)

    play(scene)


def test_a_policy_is_in_force_at_once_during_a_silence_too(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(host: Host) -> None:
        await host.load(silent(KEPT), GOOD)
        await said(caplog, COUNT_ON)
        await host.load(silent(FAILED))
        await said(caplog, HAVE_FAILED)
        assert host.posted[-1] == replace(GOOD, good=False, why=LOST)
        await host.load(silent(Silence(seconds(3600))))
        assert host.posted[-1] == GOOD

    play(scene)


def test_the_status_shows_what_is_tracked_by_name() -> None:
    async def scene(host: Host) -> None:
        await host.load(BOTH, GOOD)
        assert host.service.status()["trackers"] == [
            {"kind": "script", "name": "web", "good": True, "value": None, "why": "is good"},
            {
                "kind": "file",
                "name": "load",
                "good": None,
                "value": None,
                "why": "waits for its first result",
            },
        ]

    play(scene)


def test_each_life_of_the_checker_takes_the_rank_that_the_file_gives_it() -> None:
    async def scene(host: Host) -> None:
        rank = Rank(nice=5, cpu_affinity=(0,))
        await host.load(replace(SCRIPT, daemon=Daemon(checker=rank)), GOOD)
        host.checker.die()
        assert host.checker.ranks == [rank, rank]

    play(scene)


def checked(*checks: Check, tracked: str = "web", **daemon: Any) -> Configuration:
    """Return a configuration of a router that tracks one of these checks."""
    track = Tracking(checks=(CheckTracker(tracked),))
    return Configuration((router(track=track),), Daemon(**daemon), checks=checks)


def tcp(name: str, **more: Any) -> Check:
    return Check(name, **{"tcp": probes.Tcp(), "host": "192.0.2.1", "port": 80} | more)


GOOD_CHECK = TrackResult(TrackerKind.CHECK, "web", True, why="is good", weight=7)


def test_what_a_router_waits_for_is_checked_first_with_all_that_it_goes_by() -> None:
    checks = (
        tcp("other"),
        Check("web", all=("a", "b")),
        tcp("a"),
        tcp("idle"),
        tcp("b", parent="up"),
        Check("up", any=("way",)),
        tcp("way"),
    )

    async def scene(host: Host) -> None:
        await host.load(checked(*checks), GOOD_CHECK)
        told = [one.check.name for one in host.checker.told if isinstance(one, PutCheck)]
        assert set(told[:5]) == {"web", "a", "b", "up", "way"}
        assert told[5:] == ["other", "idle"]

    play(scene)


def test_a_reload_leaves_a_check_alone_whose_probe_is_the_same_and_hands_a_changed_one_its_word() -> None:
    async def scene(host: Host) -> None:
        await host.load(checked(tcp("web"), tcp("other")), GOOD_CHECK)
        host.checker.told.clear()
        await host.load(checked(tcp("web", weight=9, reverse=True), tcp("other")))
        assert host.checker.told == [Commit(2)]
        await host.load(checked(tcp("web", fall=9), tcp("other")))
        assert host.checker.told[1:] == [PutCheck(tcp("web", fall=9), GOOD_CHECK), Commit(3)]
        await host.load(checked(tcp("web", fall=9)))
        assert host.checker.told[-1] == DropTracker(TrackerKind.CHECK, "other")

    play(scene)


def test_a_check_that_nobody_tracks_is_run_and_the_vrrp_worker_hears_nothing_of_it() -> None:
    async def scene(host: Host) -> None:
        await host.load(checked(tcp("web"), tcp("other")), GOOD_CHECK)
        host.checker.say(replace(GOOD_CHECK, name="other"))
        host.checker.say(replace(GOOD_CHECK, name="other", good=False))
        assert host.posted == [GOOD_CHECK]

    play(scene)


def test_the_script_of_a_check_gets_the_user_of_the_daemon() -> None:
    async def scene(host: Host) -> None:
        one = Check("web", script=probes.Script(("/usr/bin/true",)))
        await host.load(checked(one, script_user="nobody", script_group="nogroup"), GOOD_CHECK)
        (put,) = [one for one in host.checker.told if isinstance(one, PutCheck)]
        assert put.check.script == probes.Script(("/usr/bin/true",), "nobody", "nogroup")

    play(scene)
