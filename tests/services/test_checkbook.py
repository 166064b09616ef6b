"""What the supervisor knows of health checks, and that it waits for no checker that hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from havip.clock import Instant, milliseconds
from havip.config.health import Check
from havip.config.probes import Tcp
from havip.config.tracking import TrackerKind
from havip.healthcheck.outcome import Failure, Outcome
from havip.healthcheck.record import Record
from havip.messages import Describe, Described, Message, TrackResult
from havip.services import asking
from havip.services import checkbook as module
from havip.services.checkbook import Checkbook

NOW = 1_700_000_000.0


SHOWN = {
    "good": 0,
    "failed": 1,
    "unknown": 1,
    "warned": 0,
    "stale": None,
    "counters": {"late": 2},
    "shown": [
        {
            "name": "web",
            "kind": "tcp",
            "where": "192.0.2.10:80",
            "state": "failed",
            "since": NOW + 5,
            "why": "connection refused, from 192.0.2.10:80 in 1 ms",
            "changes": 1,
            "last": {
                "words": "refused",
                "failure": "refused",
                "warning": None,
                "took": 0.002,
                "at": NOW + 8.5,
            },
            "against": 0,
            "held_back": None,
            "runs": {"passed": 1, "refused": 1},
            "response_times": {
                "sum": 0.004,
                "buckets": [
                    [0.001, 0], [0.003, 0], [0.01, 1], [0.03, 0], [0.1, 0],
                    [0.3, 0], [1.0, 0], [3.0, 0], [10.0, 0], [None, 0],
                ],
            },
            "weight": None,
        },
        {
            "name": "web6",
            "kind": "tcp",
            "where": "[2001:db8::1]:80",
            "state": "unknown",
            "since": NOW,
            "why": "waits for its first result",
            "changes": 0,
            "last": None,
            "against": 0,
            "held_back": None,
            "runs": {},
            "response_times": None,
            "weight": None,
        },
    ],
}  # fmt: skip


def check(name: str, host: str = "192.0.2.10") -> Check:
    return Check(name, tcp=Tcp(), host=host, port=80)


def verdict(name: str, good: bool, why: str = "is good") -> TrackResult:
    return TrackResult(TrackerKind.CHECK, name, good, why=why)


class Checker:
    """A worker that answers what it is asked, unless it hangs."""

    def __init__(self) -> None:
        self.pid: int | None = 7
        self.asked: list[Message] = []
        self.hangs = False
        self.record = Record()
        self.book: Checkbook

    def post(self, message: Message) -> None:
        self.asked.append(message)
        if isinstance(message, Describe) and not self.hangs:
            asyncio.get_running_loop().call_soon(self.answer, message.token)

    def answer(self, token: int) -> None:
        self.book.hear(self.record.report(("web",), Instant(1_500_000_000)))
        self.book.hear(Described(token, {"late": 2}))


def play(scene: Callable[[Checkbook, Checker], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        book = Checkbook(asyncio.get_running_loop().create_task)
        checker = Checker()
        checker.book, book.worker = book, cast(Any, checker)
        book.put((check("web"), check("web6", "2001:db8::1")))
        await scene(book, checker)

    asyncio.run(run())


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """It is NOW; a test may move on."""
    times = [NOW]
    monkeypatch.setattr(module, "wall", lambda: times[-1])
    return times


def test_a_check_is_shown_with_its_verdict_and_what_its_runs_came_to(clock: list[float]) -> None:
    async def scene(book: Checkbook, checker: Checker) -> None:
        book.file(verdict("web", True))
        clock.append(NOW + 5)
        book.file(verdict("web", False, "connection refused, from 192.0.2.10:80 in 1 ms"))
        clock.append(NOW + 9)
        checker.record.ran(Outcome(words="took the connection"), milliseconds(4), "fine", Instant(0))
        checker.record.ran(Outcome(Failure.REFUSED), milliseconds(2), "refused", Instant(1_000_000_000))
        await book.refresh()
        assert book.briefly() == SHOWN

    play(scene)


def test_everybody_who_asks_meanwhile_shares_one_description() -> None:
    async def scene(book: Checkbook, checker: Checker) -> None:
        await asyncio.gather(*(book.refresh() for _ in range(50)))
        assert len(checker.asked) == 1

    play(scene)


def test_a_checker_that_hangs_is_not_waited_for_and_is_said_to_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ANSWER_WITHIN", 0.05)

    async def scene(book: Checkbook, checker: Checker) -> None:
        await book.refresh()
        checker.hangs = True
        await book.refresh()
        assert book.stale == "the checker worker has not answered within 2 s"
        assert book.briefly()["counters"] == {"late": 2}  # what it said before
        checker.hangs = False
        await book.refresh()
        assert book.stale is None

    play(scene)


def test_nobody_waits_for_a_checker_that_has_died() -> None:
    async def scene(book: Checkbook, checker: Checker) -> None:
        checker.hangs = True
        asking_now = asyncio.ensure_future(book.refresh())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert checker.asked
        checker.pid = None
        book.ended()
        await asking_now
        assert book.stale == "the checker worker is not running"

    play(scene)


def test_of_very_many_checks_the_status_shows_those_that_failed() -> None:
    async def scene(book: Checkbook, checker: Checker) -> None:
        book.put(check(f"web{number}") for number in range(1000))
        for number in range(1000):
            book.file(verdict(f"web{number}", number % 300 != 5))
        shown = book.briefly()
        assert (shown["good"], shown["failed"], shown["unknown"]) == (996, 4, 0)
        assert [one["name"] for one in shown["shown"]] == ["web5", "web305", "web605", "web905"]
        answer = await book.answer({"verb": "checks"})
        assert len(answer["checks"]["shown"]) == 1000
        answer = await book.answer({"verb": "checks", "names": ["web5", "web6"], "failed": True})
        assert [one["name"] for one in answer["checks"]["shown"]] == ["web5"]

    play(scene)


@pytest.mark.parametrize(
    ("request_", "reason", "message"),
    [
        ({"names": ["wep"]}, "no-such-check", "no check named 'wep'; do you mean web?"),
        ({"names": ["\x1b[2J" * 99]}, "no-such-check", "no check named " + repr("\x1b[2J" * 20)),
        ({"names": "web"}, "bad-request", '"names" must be a list of texts'),
        ({"names": [1]}, "bad-request", '"names" must be a list of texts'),
        ({"failed": 1}, "bad-request", '"failed" must be true or false'),
    ],
)
def test_a_request_that_asks_for_nothing_there_is_is_refused(
    request_: dict[str, Any], reason: str, message: str
) -> None:
    async def scene(book: Checkbook, checker: Checker) -> None:
        answer = await book.answer({"verb": "checks"} | request_)
        assert answer == {"ok": False, "reason": reason, "message": message}

    play(scene)


def test_a_check_that_is_gone_is_forgotten_and_one_that_stays_is_not() -> None:
    async def scene(book: Checkbook, checker: Checker) -> None:
        book.file(verdict("web", False, "refused"))
        book.put((check("web"),))
        book.file(verdict("web6", False))  # on its way when it was dropped
        assert book.summary() | {"counters": {}} == {
            "good": 0, "failed": 1, "unknown": 0, "warned": 0, "stale": None, "counters": {}
        }  # fmt: skip

    play(scene)
