"""The story: what is done to servers and directors, one step after the other, and what must come of it.

Owns the expectations.  A step holds if all of them are met; a step that does not reach its end stops the
story, as nothing after it would mean anything.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from havip.errors import HavipError
from lab.lvs import tables
from lab.lvs.farm import boot, lose_power
from lab.lvs.plan import NAT
from lab.lvs.stage import PLAYED, Stage
from lab.lvs.visitor import Lost, Transfer
from lab.netns import CommandFailed
from lab.plan import SECOND, master_down, parse_interval, skew, slack, spell
from lab.stage import NotInTime

BOTH: Final = {"w1": 1, "w2": 1}
WATCHED: Final = 40  # requests on each way that a step looks at when all has settled
START_UP: Final = 120.0  # seconds: two daemons start on a machine that emulates one


@dataclass(slots=True)
class Step:
    """One step and what came of it."""

    number: int
    title: str
    begun: int  # ns
    ended: int = 0  # ns
    expected: str = ""  # in words, for the table
    seen: str = ""  # in words, for the table
    remarks: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Say whether every expectation was met."""
        return not self.failures


class Story:
    """Plays the steps on a stage.  ``tell`` hears of each when it begins and when it is over."""

    def __init__(self, stage: Stage, tell: Callable[[Step], None]) -> None:
        self.stage = stage
        self.steps: list[Step] = []
        self._tell = tell
        self._transfer: Transfer | None = None
        interval = parse_interval(stage.interval)
        self._slack = slack(interval) + 4 * SECOND  # as long as a request waits
        self._down = master_down(100, interval)
        self._skew = skew(100, interval)

    def play(self) -> bool:
        """Play all steps; return whether every one of them held."""
        acts: list[tuple[str, Callable[[Step], None]]] = [
            ("start both directors: requests are spread over both servers", self.start),
            ("the program on w1 ends", self.fail),
            ("it runs again", self.recover),
            ("w2 says that it wants no work: 503 on its health page", self.want_no_work),
            ("it wants work again", self.want_work),
            ("an operator drains w1, through which a transfer is under way", self.drain),
            ("and takes that back", self.ready),
            ("a reload gives w2 three times the weight", self.reweigh),
            ("kill -9 the process that checks and programs", self.kill),
            ("d1 loses its power: d2 takes over, and so it does the transfer", self.lose_power),
            ("d1 boots: it hears of the connections, and takes over again", self.boot),
            ("stop d1: d2 takes over at once", self.stop),
            ("start d1 again", self.return_home),
        ]
        try:
            for number, act in enumerate(acts, 1):
                if not self._play(number, *act):
                    return False
            return all(step.held for step in self.steps)
        finally:
            if self._transfer is not None:
                self._transfer.close()

    def _play(self, number: int, title: str, act: Callable[[Step], None]) -> bool:
        """Play one step; return whether it came to its end, held or not."""
        step = Step(number, title, begun=time.monotonic_ns())
        self.steps.append(step)
        self._tell(step)
        reached = True
        try:
            act(step)
        except (NotInTime, LookupError, Lost, OSError, CommandFailed, HavipError) as error:
            step.failures.append(str(error) or repr(error))
            reached = False
        step.ended = time.monotonic_ns()
        self._tell(step)
        return reached

    # ------------------------------------------------------------ the steps

    def start(self, step: Step) -> None:
        """Both directors have the services; the client reaches them by the master."""
        step.expected = "both servers answer, by turns"
        for director in self.stage.directors.values():
            director.start()
        self.stage.until(lambda: self.stage.holds("d1"), "d1 holds the addresses", START_UP)
        for name in self.stage.directors:
            self.stage.until(lambda name=name: self.stage.everywhere(name, BOTH), f"{name} has the services")  # type: ignore[misc]
        self.stage.note("d1", "MASTER, and its table has both servers on each way", "MASTER")
        self.stage.open()
        self._begin_transfer(step)
        self._settled(step, {"w1": 0.5, "w2": 0.5})
        told, listens = (tables.daemons(host) for host in self.stage.farm.directors.values())
        if "master sync daemon" not in told or "backup sync daemon" not in listens:
            step.failures.append(f"connections are not told to the other director: {told!r}, {listens!r}")

    def fail(self, step: Step) -> None:
        """Requests that meet the dead server before its check does are refused; none after that."""
        step.expected = "some lost until its check fails, none after"
        self.stage.servers["w1"].fail()
        gone = self.stage.until(lambda: self.stage.everywhere("d1", {"w2": 1}), "w1 is out of d1's table")
        self.stage.note("d1", f"w1 has left the table after {spell(gone - step.begun)}", "lost")
        self._settled(step, {"w2": 1.0})

    def recover(self, step: Step) -> None:
        """It comes back by itself."""
        step.expected = "none lost; both answer"
        self.stage.servers["w1"].recover()
        self._returns(step, "w1")

    def want_no_work(self, step: Step) -> None:
        """It still serves what it gets, so that nobody notices."""
        step.expected = "none lost but what was under way"
        self.stage.servers["w2"].healthy = False
        gone = self.stage.until(lambda: self.stage.everywhere("d1", {"w1": 1}), "w2 is out of d1's table")
        self.stage.note("d1", f"w2 has left the table after {spell(gone - step.begun)}", "lost")
        self._settled(step, {"w1": 1.0})
        self._none_lost(step, under_way=1)

    def want_work(self, step: Step) -> None:
        """The same as a server that has recovered."""
        step.expected = "none lost; both answer"
        self.stage.servers["w2"].healthy = True
        self._returns(step, "w2")

    def drain(self, step: Step) -> None:
        """Weight 0: what is under way goes on, nothing new comes."""
        step.expected = "none lost; the transfer goes on"
        assert self._transfer is not None
        self._server = self._transfer.server
        other = "w2" if self._server == "w1" else "w1"
        self.stage.directors["d1"].client.drain(f"*/{self._server}")
        wanted = {self._server: 0, other: 1}
        self.stage.until(lambda: self.stage.everywhere("d1", wanted), f"{self._server} has weight 0")
        self.stage.note("d1", f"{self._server} drains", "note")
        self._settled(step, {other: 1.0})
        self._none_lost(step)

    def ready(self, step: Step) -> None:
        """The order ends with its opposite."""
        step.expected = "none lost; both answer"
        self.stage.directors["d1"].client.ready(f"*/{self._server}")
        self._returns(step, self._server)

    def reweigh(self, step: Step) -> None:
        """The service is edited in place."""
        step.expected = "none lost; 1 : 3; the transfer goes on"
        weights = {"w1": 1, "w2": 3}
        self.stage.configure("d1", weights)
        self.stage.directors["d1"].reload()
        self.stage.until(lambda: self.stage.everywhere("d1", weights), "w2 has weight 3")
        self._settled(step, {"w1": 0.25, "w2": 0.75})
        self._none_lost(step)
        self.stage.configure("d1")
        self.stage.directors["d1"].reload()
        self.stage.until(lambda: self.stage.everywhere("d1", BOTH), "w2 has weight 1 again")

    def kill(self, step: Step) -> None:
        """The kernel forwards on, by the table that it has; the next process takes it over."""
        step.expected = "none lost; the table stays; the transfer goes on"
        director = self.stage.directors["d1"]
        pid = director.kill_checker()
        self.stage.note("d1", f"process {pid} is dead", "bad")

        def another() -> bool:
            if not self.stage.everywhere("d1", BOTH):
                step.failures.append("the table did not stay as it was")
            try:
                return director.worker("checker") != pid
            except LookupError:
                return False

        self.stage.until(another, "another one has begun")
        self.stage.note("d1", f"process {director.worker('checker')} has taken over its work", "good")
        self._settled(step, {"w1": 0.5, "w2": 0.5})
        self._none_lost(step)
        if not self.stage.everywhere("d1", BOTH):
            step.failures.append("the table did not stay as it was")

    def lose_power(self, step: Step) -> None:
        """The other director has heard of the connection, and goes on with it."""
        step.expected = f"Master_Down {spell(self._down)}; the transfer goes on"
        director = self.stage.directors["d1"]
        director.asked_to_stop = True
        lose_power(director.host)
        self._taken_over(step, "d2", self._down + self._slack)

    def boot(self, step: Step) -> None:
        """With an empty table, and without a connection: it must be told of both before it takes over."""
        step.expected = "the transfer goes on"
        boot(self.stage.directors["d1"].host)
        self.return_home(step)

    def stop(self, step: Step) -> None:
        """It resigns, and takes its services out of the kernel when they are no longer needed."""
        step.expected = f"Skew {spell(self._skew)}; the transfer goes on; d1's table is empty"
        status = self.stage.directors["d1"].stop()
        if status:
            step.failures.append(f"d1's exit status is {status}")
        self._taken_over(step, "d2", self._skew + self._slack)
        left = tables.services(self.stage.farm.directors["d1"])
        if left:
            step.failures.append(f"left in d1's table: {', '.join(left)}")

    def return_home(self, step: Step) -> None:
        """It knows what the other one told it in time."""
        step.expected = "the transfer goes on"
        self.stage.directors["d1"].start()
        self.stage.until(lambda: self.stage.holds("d1"), "d1 holds the addresses", START_UP)
        self.stage.note("d1", "MASTER", "MASTER")
        self._settled(step, {"w1": 0.5, "w2": 0.5})

    # ------------------------------------------------------------ what they have in common

    def _begin_transfer(self, step: Step) -> None:
        self._transfer = Transfer(self.stage.visitor, NAT)
        self._transfer.goes_on()
        self.stage.note("client", f"a transfer has begun, by {self._transfer.server}", "good")

    def _returns(self, step: Step, server: str) -> None:
        back = self.stage.until(lambda: self.stage.everywhere("d1", BOTH), f"{server} is back in d1's table")
        self.stage.note("d1", f"{server} is back in the table after {spell(back - step.begun)}", "good")
        self._settled(step, {"w1": 0.5, "w2": 0.5})
        self._none_lost(step)

    def _taken_over(self, step: Step, director: str, bound: int) -> None:
        self.stage.until(lambda: self.stage.holds(director), f"{director} holds the addresses")
        self.stage.note(director, "MASTER", "MASTER")
        self._settled(step, {"w1": 0.5, "w2": 0.5})
        for way in PLAYED:
            gap = longest_gap(self.stage, way.name, step.begun)
            step.remarks.append(f"{way.name}: {spell(gap)} without an answer")
            if gap > bound:
                step.failures.append(f"{way.name}: {spell(gap)} without an answer, allowed is {spell(bound)}")

    def _settled(self, step: Step, shares: dict[str, float]) -> None:
        """From now on each request is answered, by these servers in these shares; the transfer goes on."""
        assert self._transfer is not None
        took = self._transfer.goes_on(patience=120.0)
        if took > 0.5:
            step.remarks.append(f"the transfer by {self._transfer.server} went on after {took:.1f} s")
        for way in PLAYED:
            answers = self.stage.streams[way.name].next(WATCHED)
            lost = [answer for answer in answers if not answer.server]
            if len(answers) < WATCHED or lost:
                step.failures.append(
                    f"{way.name}: {len(lost)} of {len(answers)} requests lost after the change"
                )
            for server in ("w1", "w2"):
                share = sum(answer.server == server for answer in answers) / max(len(answers), 1)
                wanted = shares.get(server, 0.0)
                # By and large: a port that the client uses again may meet the entry of an earlier connection.
                if abs(share - wanted) > (0.2 if wanted not in (0.0, 1.0) else 0.0):
                    step.failures.append(f"{way.name}: {server} answered {share:.0%} of the requests")
        step.seen = self._sums(step)

    def _sums(self, step: Step) -> str:
        total = lost = 0
        for way in PLAYED:
            answered, gone = self.stage.answered(way, step.begun)
            total += sum(answered.values()) + len(gone)
            lost += len(gone)
        return f"{lost} of {total}"

    def _none_lost(self, step: Step, under_way: int = 0) -> None:
        for way in PLAYED:
            for answer in self.stage.answered(way, step.begun)[1][under_way:][:3]:
                step.failures.append(f"{way.name}: a request was lost: {answer.reason}")


def longest_gap(stage: Stage, way: str, since: int) -> int:
    """Return the longest time, ns, between two good answers, one of which came after ``since``."""
    good = [answer.came for answer in stage.streams[way].answers if answer.server]
    return max((later - earlier for earlier, later in itertools.pairwise(good) if later > since), default=0)
