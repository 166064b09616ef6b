"""Who stepped down is known in the worker's next life, and who waits is woken by a report."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from havip.config.model import Configuration
from havip.control.server import ASKING, Peer
from havip.messages import HandOver, Message, RouterGone, RouterReport
from havip.services.failover import Failover
from tests.vrrp.model import router

HERE = Configuration((router(),))
KEY = router().key
REPORT = RouterReport(KEY, "gw", 3, "MASTER", 0.0, "", 100, 100, 1, 1, 3, 1, "10.0.0.1", "10.0.0.1", ())
DOWN = replace(REPORT, state="BACKUP", defers=True, master="")


class Worker:
    """The host of the service, and a worker that answers a hand-over with reports."""

    def __init__(self, *answers: RouterReport) -> None:
        self.configuration = HERE
        self.reports = {KEY: REPORT}
        self.answers = answers
        self.posted: list[Message] = []
        self.service = Failover(cast(Any, self))

    async def refresh(self) -> None:
        pass

    def post(self, message: Message) -> None:
        self.posted.append(message)
        loop = asyncio.get_running_loop()
        for number, report in enumerate(self.answers):
            loop.call_later(0.01 * number, self.report, report)

    def report(self, report: RouterReport) -> None:
        self.reports[KEY] = report
        self.service.hear(report)

    def ask(self, **request: object) -> dict[str, Any]:
        verb = self.service.verbs()["failover"]
        ASKING.set(Peer(1, 0, frozenset()))
        return asyncio.run(cast(Any, verb)({"router": "gw"} | request))


def briefed(*heard: Message) -> list[Message]:
    service = Failover(cast(Any, None))
    for message in heard:
        service.hear(message)
    return list(service.briefing(HERE))


def test_who_stepped_down_is_told_to_the_next_life() -> None:
    assert briefed(REPORT) == []
    assert briefed(DOWN) == [HandOver(KEY, again=True)]
    assert briefed(DOWN, replace(DOWN, state="INIT", defers=False)) == [HandOver(KEY, again=True)]


@pytest.mark.parametrize(
    "end",
    [REPORT, replace(DOWN, defers=False), replace(DOWN, state="FAULT", defers=False), RouterGone(KEY)],
)
def test_what_ends_the_deference_ends_it_for_the_next_life(end: Message) -> None:
    assert briefed(DOWN, end) == []


def test_a_router_that_is_not_in_the_file_any_more_is_told_of_no_more() -> None:
    service = Failover(cast(Any, None))
    service.hear(DOWN)
    assert list(service.briefing(Configuration())) == []


def test_the_answer_comes_with_the_report_of_the_successor() -> None:
    worker = Worker(DOWN, replace(DOWN, master="10.0.0.2"))
    assert worker.ask(wait=60.0) == {"state": "BACKUP", "master": "10.0.0.2"}
    assert worker.posted == [HandOver(KEY)]


def test_without_a_wait_the_answer_comes_with_the_first_report() -> None:
    assert Worker(DOWN).ask() == {"state": "BACKUP", "master": None}


def test_a_successor_that_is_not_heard_in_time_is_said() -> None:
    answer = Worker(DOWN).ask(wait=0.05)
    assert (answer["ok"], answer["reason"]) == (False, "nobody-took-over")
