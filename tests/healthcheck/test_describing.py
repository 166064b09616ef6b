"""A description of very many checks leaves the probes their turns."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

from havip.clock import Instant
from havip.healthcheck.describing import SLICE, Describing
from havip.healthcheck.record import Record
from havip.healthreport import CheckReport
from havip.messages import Described, Message


def reports(count: int) -> Iterator[CheckReport]:
    record = Record()
    for number in range(count):
        yield record.report((f"web{number}",), Instant(0))


def totals() -> dict[str, int]:
    return {"runs": 3}


def test_other_work_has_its_turn_after_every_slice() -> None:
    told: list[Message] = []
    seen: list[int] = []

    async def scene() -> None:
        describing = Describing(told.append, lambda: False)
        describing.begin(7, reports(10 * SLICE), totals)
        while not told or not isinstance(told[-1], Described):
            seen.append(len(told))
            await asyncio.sleep(0)

    asyncio.run(scene())
    assert max(after - before for before, after in itertools.pairwise(seen)) == SLICE
    assert [one.names for one in told[:-1] if isinstance(one, CheckReport)] == [
        (f"web{number}",) for number in range(10 * SLICE)
    ]
    assert told[-1] == Described(7, {"runs": 3})


def test_nothing_queues_up_behind_a_supervisor_that_does_not_read() -> None:
    told: list[Message] = []
    looks: list[int] = []

    async def scene() -> None:
        enough = asyncio.Event()

        def backlog() -> bool:
            looks.append(len(told))
            if len(looks) == 5:
                enough.set()
            return bool(told)

        describing = Describing(told.append, backlog)
        describing.begin(7, reports(10 * SLICE), totals)
        await enough.wait()
        describing.stop()

    asyncio.run(scene())
    assert looks == [SLICE] * 5


def test_who_asks_anew_has_given_the_earlier_answer_up() -> None:
    told: list[Message] = []

    async def scene() -> None:
        describing = Describing(told.append, lambda: False)
        describing.begin(1, reports(5 * SLICE), totals)
        await asyncio.sleep(0)
        describing.begin(2, reports(1), totals)
        while not told or not isinstance(told[-1], Described):
            await asyncio.sleep(0)

    asyncio.run(scene())
    assert [one.token for one in told if isinstance(one, Described)] == [2]
