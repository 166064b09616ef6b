"""The story: what is done to the two routers, one step after the other, and what must come of it.

Owns the expectations.  A step holds if all of them are met; a step that does not reach its end stops the
story, as nothing after it would mean anything.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from havip.errors import HavipError
from lab.answers import Gap
from lab.netns import members
from lab.plan import (
    FAMILIES,
    MILLISECOND,
    OTHER_VIRTUAL,
    R1,
    R2,
    RAISED_PRIORITY,
    ROUTERS,
    SECOND,
    VIRTUAL,
    Router,
    bare,
    master_down,
    skew,
    slack,
    spell,
)
from lab.stage import NotInTime, Stage

#: A step is over when this many echoes in a row were answered by the router that should.
GOOD_IN_A_ROW: Final = 50
#: s, for two Python daemons to start on a busy machine
START_UP: Final = 20.0
#: s, for a client that nobody told of a new master to find out by itself (neighbour unreachability detection)
MISLED: Final = 60.0
#: ns; stamps of two interfaces are compared: earlier by more than this is too early
TOO_EARLY: Final = 1 * MILLISECOND
#: ns; a Python process needs this long to start where the machine is busy
RESPAWN: Final = 1 * SECOND


@dataclass(slots=True)
class Step:
    """One step and what came of it."""

    number: int
    title: str
    begun: int  # ns
    struck: int = 0  # ns, when the step's deed was done
    ended: int = 0  # ns
    expected: str = ""  # in words, for the table
    bound: int | None = None  # ns: the longest gap allowed; 0: not one echo may be lost
    gaps: dict[int, Gap | None] = field(default_factory=dict)  # family -> longest gap
    lost: dict[int, int] = field(default_factory=dict)  # family -> echoes
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
        self._measured_to = dict.fromkeys(FAMILIES, stage.began)
        self._down = master_down(R2.priority, stage.interval)
        self._slack = slack(stage.interval)

    def play(self) -> bool:
        """Play all steps; return whether every one of them held."""
        acts: list[tuple[str, Callable[[Step], None]]] = [
            ("start both: r1 has priority 150, r2 has 100", self.start),
            ("cut r1 off, silently: its carrier stays up", self.cut),
            ("mend: two masters meet, the better one stays", self.mend),
            ("pull r1's cable: FAULT", self.pull_the_cable),
            ("plug it in again: r1 preempts", self.plug_it_in),
            ("stop r1 gracefully: it resigns", self.resign),
            ("start r1 again: it preempts", self.return_home),
            ("reload r1: one virtual router more", self.reload_with_another),
            (f"reload r1: priority {RAISED_PRIORITY}", self.reload_with_priority),
            ("kill -9 r1's VRRP worker: it resumes", self.kill_worker),
            ("stop both: nothing is left", self.stop_everything),
        ]
        for number, (title, act) in enumerate(acts, 1):
            step = Step(number, title, begun=time.monotonic_ns())
            step.struck = step.begun
            self.steps.append(step)
            self._tell(step)
            reached = self._reached(act, step)
            step.ended = time.monotonic_ns()
            self._tell(step)
            if not reached:
                return False
        return all(step.held for step in self.steps)

    def _reached(self, act: Callable[[Step], None], step: Step) -> bool:
        """Play one step; return whether it came to its end, held or not."""
        try:
            act(step)
        except (NotInTime, LookupError, HavipError) as error:
            step.failures.append(str(error))
            self._measure(step, time.monotonic_ns())
            return False
        return True

    # ------------------------------------------------------------ the steps

    def start(self, step: Step) -> None:
        """Without a master, the better of two backups gets there first: its skew is shorter."""
        first = master_down(R1.priority, self.stage.interval)
        step.expected = f"start-up + Master_Down {spell(first)}"
        for router in ROUTERS:
            self.stage.start(router)
        self._settle(R1, START_UP + 2 * self._down / SECOND)
        self._end(step, gap=False)
        waited = max(self.stage.answers[family].first_good_at() for family in FAMILIES) - step.begun
        step.remarks.append(f"first answers after {spell(waited)}")

    def cut(self, step: Step) -> None:
        """The backup hears nothing and may take over when Master_Down_Interval is over, not before."""
        step.expected = f"Master_Down {spell(self._down)}"
        step.bound = self._down + self._slack
        self._wait_for_advert(R1)  # cut just after an advert: the client waits for the whole timer
        step.struck = time.monotonic_ns()
        self.stage.cut(R1)
        self._settle(R2, 3 * self._down / SECOND + 5, elsewhere="MASTER")
        self._end(step)
        self._compare_with_timer(step)

    def mend(self, step: Step) -> None:
        """Both are masters when they meet.  The old one may speak first, and then it alone knows both."""
        step.expected = "they meet within an interval"
        step.bound = self._slack
        self._wait_for_advert(R2)  # mend just after it: the next to speak is r1, the harder case
        step.struck = time.monotonic_ns()
        self.stage.mend(R1)
        self._settle(R1, 4 * self._down / SECOND + MISLED)
        self._end(step)

    def pull_the_cable(self, step: Step) -> None:
        """A router that sees its link die lets go of the addresses; it cannot tell anybody."""
        step.expected = f"Master_Down {spell(self._down)}"
        step.bound = self._down + self._slack
        self._wait_for_advert(R1)
        step.struck = time.monotonic_ns()
        self.stage.network.carrier(self.stage.hosts[R1.name], up=False)
        self._settle(R2, 3 * self._down / SECOND + 5, elsewhere="FAULT")
        self._end(step)
        self._compare_with_timer(step)

    def plug_it_in(self, step: Step) -> None:
        """It listens first and then preempts; neighbours must hear of it before the other one leaves."""
        step.expected = "no gap but the hand-over"
        step.bound = self._slack
        self.stage.network.carrier(self.stage.hosts[R1.name], up=True)
        self._settle(R1, 4 * self._down / SECOND + MISLED)
        self._end(step)

    def resign(self, step: Step) -> None:
        """Priority 0 leaves only the skew to wait for."""
        wait = skew(R2.priority, self.stage.interval)
        step.expected = f"Skew {spell(wait)}"
        step.bound = wait + self._slack
        self._stop(step, R1)
        self._settle(R2, 3 * self._down / SECOND + 5, elsewhere="stopped")
        self._end(step)
        for family in FAMILIES:
            resigned = [seen for seen in self.stage.heard(R1, family, step.struck) if seen.priority == 0]
            if not resigned:
                step.failures.append(f"IPv{family}: r1 sent no priority 0")

    def return_home(self, step: Step) -> None:
        """The same as a cable plugged in, with the start of a daemon before it."""
        step.expected = "no gap but the hand-over"
        step.bound = self._slack
        self.stage.start(R1)
        self._settle(R1, START_UP + 2 * self._down / SECOND + MISLED)
        self._end(step)

    def reload_with_another(self, step: Step) -> None:
        """What did not change is not touched."""
        step.expected = "not one echo lost"
        step.bound = 0
        daemon = self.stage.daemons[R1.name]
        daemon.configure(with_other=True)
        daemon.reload()
        other = bare(OTHER_VIRTUAL)
        self.stage.wait(
            lambda: self.stage.holds(R1.name, other), f"r1 holds {other}", 3 * self._down / SECOND + 5
        )
        self._settle(R1, 5)
        self._watch_on()
        self._end(step)
        self._expect_no_flap(step)

    def reload_with_priority(self, step: Step) -> None:
        """What can change in place does."""
        step.expected = "not one echo lost"
        step.bound = 0
        daemon = self.stage.daemons[R1.name]
        daemon.configure(RAISED_PRIORITY, with_other=True)
        daemon.reload()

        def shown() -> bool:
            heard = [self.stage.heard(R1, family, step.begun) for family in FAMILIES]
            return all(adverts and adverts[-1].priority == RAISED_PRIORITY for adverts in heard)

        self.stage.wait(shown, f"r1 advertises {RAISED_PRIORITY}", 3 * self._down / SECOND + 5)
        self._settle(R1, 5)
        self._watch_on()
        self._end(step)
        self._expect_no_flap(step)

    def kill_worker(self, step: Step) -> None:
        """Back before the others stop believing in it, it goes on as master and nobody notices."""
        step.expected = "back within Master_Down, none lost"
        daemon = self.stage.daemons[R1.name]
        victim = daemon.worker()
        step.struck = time.monotonic_ns()
        os.kill(victim, signal.SIGKILL)

        def speaks() -> bool:
            return all(self.stage.heard(R1, family, step.struck) for family in FAMILIES)

        self.stage.wait(speaks, "r1 advertises again", 4 * self._down / SECOND + START_UP)
        silence = max(self._longest_silence(R1, family, step.struck) for family in FAMILIES)
        in_time = silence < self._down
        # A short interval leaves less time than any new process needs: then it must start as a backup.
        step.bound = 0 if in_time or self._down > RESPAWN else self._down + self._slack
        self._settle(R1, 4 * self._down / SECOND + 5)
        self._watch_on()
        self._end(step)
        step.remarks.append(f"silent for {spell(silence)}")
        if daemon.worker() == victim:
            step.failures.append("r1 still names the killed worker")
        if step.bound == 0:
            self._expect_no_flap(step)

    def stop_everything(self, step: Step) -> None:
        """No process and no address stays."""
        step.expected = "no address, no process"
        for router in ROUTERS:
            self.stage.daemons[router.name].ask_to_stop()
        for router in ROUTERS:
            self._stop(step, router, ask=False)
        for router in ROUTERS:
            host = self.stage.hosts[router.name]
            virtual = {bare(address) for family in FAMILIES for address in VIRTUAL[family]}
            for address in sorted(set(host.addresses("eth0")) & (virtual | {bare(OTHER_VIRTUAL)})):
                step.failures.append(f"{router.name} still holds {address}")
            step.failures += [f"{router.name}: process {pid} still runs" for pid in members(host.namespace)]

    # ------------------------------------------------------------ what steps are made of

    def _wait_for_advert(self, router: Router) -> None:
        """Return just after the router advertised in both families."""
        since = time.monotonic_ns()
        self.stage.wait(
            lambda: all(self.stage.heard(router, family, since) for family in FAMILIES),
            f"an advert of {router.name}",
            2 * self.stage.interval / SECOND + 5,
        )

    def _settle(self, master: Router, timeout: float, elsewhere: str = "BACKUP") -> None:
        """Wait until one router is MASTER and answers the client, and the other is what it should be."""
        other = R2 if master is R1 else R1

        def settled() -> bool:
            return all(
                self.stage.state(master.name, family) == "MASTER"
                and self.stage.state(other.name, family) == elsewhere
                and self.stage.answers[family].answering(GOOD_IN_A_ROW) == master.name
                and not self.stage.answers[family].silent_for(time.monotonic_ns())
                for family in FAMILIES
            )

        self.stage.wait(settled, f"{master.name} serves the client, {other.name} is {elsewhere}", timeout)

    def _watch_on(self) -> None:
        """Watch for an interval and a half more: what seems to be over may have a sequel."""
        until = time.monotonic_ns() + self.stage.interval * 3 // 2
        self.stage.wait(
            lambda: all(self.stage.answers[family].last_good_at() >= until for family in FAMILIES),
            "the client is still answered",
            self.stage.interval / SECOND * 3 / 2 + 5,
        )

    def _end(self, step: Step, gap: bool = True) -> None:
        """Take the measure of a settled step, and compare the daemons' word with what was seen."""
        self._measure(step, 0)
        for family in FAMILIES:
            worst = step.gaps[family]
            if gap and step.bound is not None and worst and worst.length > step.bound:
                limit = spell(step.bound) if step.bound else "no loss"
                step.failures.append(f"IPv{family}: a gap of {spell(worst.length)}, allowed is {limit}")
        for router in ROUTERS:
            daemon = self.stage.daemons[router.name]
            said = daemon.states() if daemon.running else None
            seen = {family: self.stage.state(router.name, family) for family in FAMILIES}
            if said is not None and said != seen:
                step.failures.append(f"{router.name} says {said}, seen was {seen}")

    def _measure(self, step: Step, until: int) -> None:
        """Note the gaps since the step before, up to the newest good echo or, if later, ``until``."""
        for family in FAMILIES:
            answers = self.stage.answers[family]
            end = max(answers.last_good_at(), until)
            gaps = answers.gaps(self._measured_to[family], end)
            self._measured_to[family] = end
            step.gaps[family] = max(gaps, key=lambda gap: gap.length, default=None)
            step.lost[family] = sum(gap.lost for gap in gaps)

    def _compare_with_timer(self, step: Step) -> None:
        """Put the successor's first advert beside the timer, which runs from the last advert it heard."""
        for family in FAMILIES:
            successor = self.stage.heard(R2, family, step.struck)[0]
            last = [seen for seen in self.stage.heard(R1, family) if seen.at < successor.at][-1]
            late = successor.at - (last.at + self._down)
            step.remarks.append(f"IPv{family} advert {spell(late)} past the timer")
            if late < -TOO_EARLY:
                step.failures.append(f"IPv{family}: r2 took over {spell(-late)} before its timer was over")

    def _expect_no_flap(self, step: Step) -> None:
        if self.stage.was_master(R2.name, step.begun):
            step.failures.append("r2 became MASTER meanwhile")
        for family in FAMILIES:
            silence = self._longest_silence(R1, family, step.begun)
            if silence > self._down:
                step.failures.append(f"IPv{family}: no advert of r1 for {spell(silence)}")

    def _longest_silence(self, router: Router, family: int, since: int) -> int:
        """Return the longest time between two adverts, ns, one of them after ``since``."""
        heard = [seen.at for seen in self.stage.heard(router, family)]
        return max((b - a for a, b in itertools.pairwise(heard) if b >= since), default=0)

    def _stop(self, step: Step, router: Router, *, ask: bool = True) -> None:
        if ask:
            self.stage.daemons[router.name].ask_to_stop()
        status = self.stage.wait_for_exit(router)
        if status != 0:
            step.failures.append(f"{router.name}: the daemon's exit status is {status}")
