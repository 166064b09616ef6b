"""What the worker tells the supervisor: log lines, reports and answers, in slices, when there is time.

Nothing is formatted or sent while a takeover is under way.  The worker itself never writes a log: the
supervisor may block where we must not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from havip.channel import Channel
from havip.clock import Instant, after, seconds, wall
from havip.messages import ERROR, INFO, WARNING, Committed, Described, LogLine, Notice, Transition
from havip.vrrp.machine import State
from havip.vrrp.port import Remark
from havip.vrrp.router import Router, name_of
from havip.vrrp.team import Team
from havip.vrrp.tracking import Standing
from havip.vrrp.wire import Wire

LINES: Final = 8  # of the log, sent in one turn
REPORTS: Final = 8  # sent in one turn
QUIET: Final = seconds(60)  # before the same remark about the same router is logged again
REMEMBERED: Final = 1024  # remarks whose time is kept
MOST_LINES: Final = 8192  # kept while the supervisor does not read

Answer: TypeAlias = Committed | Described
CHANGE: Final = 0  # in place of a level: the text says why the router came into the state
NOTICE: Final = 1  # the text is that of a `Notice`
#: How grave, what, about which router in which state; since when it is in it, with which priority.
Line: TypeAlias = tuple[int, str, Router | None, State | None, float, int]


class Reporter:
    """Collects what happened; `send` tells a slice of it.  Also what the executor reports to."""

    def __init__(self, channel: Channel, on_refusal: Callable[[Router, str], None]) -> None:
        self._channel = channel
        self._on_refusal = on_refusal
        self._lines: deque[Line | Transition] = deque()
        self._routers: dict[Router, None] = {}
        self._teams: dict[Team, None] = {}
        self._answers: list[Callable[[], Answer]] = []
        self._quiet_until: dict[tuple[object, ...], Instant] = {}
        self.dropped = 0  # log lines lost because the supervisor did not read

    @property
    def busy(self) -> bool:
        """Say whether `send` has something left that the supervisor would take now.

        What it would not is kept here: a report is made when it can be sent, and no line is lost.
        """
        return not self._channel.wants_write and self.waiting

    @property
    def waiting(self) -> bool:
        """Say whether `send` has something left."""
        return bool(self._lines or self._routers or self._teams or self._answers)

    def send(self, now: Instant) -> None:
        """Tell a slice: what happened, then how the routers are now, then that all of it has been told."""
        for _ in range(min(LINES, len(self._lines))):
            line = self._lines.popleft()
            self._channel.post(line if isinstance(line, Transition) else message_of(*line))
        for router in list(self._routers)[:REPORTS]:
            del self._routers[router]
            self._channel.post(router.report(now))
        for team in list(self._teams)[:REPORTS]:
            del self._teams[team]
            self._channel.post(team.report())
        if self._answers and not self._lines and not self._routers and not self._teams:
            for answer in self._answers:
                self._channel.post(answer())
            self._answers.clear()

    def answer(self, make: Callable[[], Answer]) -> None:
        """Send what ``make`` returns once everything that happened until now has been told."""
        self._answers.append(make)

    def report(self, router: Router) -> None:
        """Report a router as it is when there is time."""
        self._routers[router] = None

    def report_group(self, team: Team) -> None:
        """Report a sync group as it is when there is time."""
        self._teams[team] = None

    def forget(self, router: Router) -> None:
        """Report a dropped router no more."""
        self._routers.pop(router, None)

    def log(self, level: int, text: str, router: Router | None = None) -> None:
        """Log a line, about a router in its present state or about none."""
        self._keep((level, text, router, router.state if router is not None else None, 0.0, 0))

    def _keep(self, line: Line | Transition) -> None:
        if len(self._lines) < MOST_LINES:
            self._lines.append(line)
        else:
            self.dropped += 1

    def remark(self, on: Wire, remark: Remark, now: Instant) -> None:
        """Log what was remarkable about a packet, the same thing about the same router once a minute."""
        router, kind, text = remark
        key = (on, router.config.vrid if router is not None else 0, kind)
        if now < self._quiet_until.get(key, 0):
            return
        if len(self._quiet_until) >= REMEMBERED:
            self._quiet_until.clear()
        self._quiet_until[key] = after(now, QUIET)
        self.log(WARNING, text if router is not None else f"{on.interface}: {text}", router)

    # What the executor tells (`executor.Listener`).

    def changed(self, router: Router, why: str) -> None:
        """Note and report a change of state."""
        router.since = wall()
        router.why = why
        router.became_master += router.is_master
        self._routers[router] = None
        self._keep((CHANGE, why, router, router.state, router.since, router.settings.priority))

    def heard_weaker(self, router: Router) -> None:
        """Tell that a weaker master was heard."""
        self._keep((NOTICE, "rx-lower-priority", router, router.state, wall(), router.settings.priority))

    def followed(self, router: Router) -> None:
        """Report who has taken over."""
        self._routers[router] = None

    def group_changed(self, team: Team) -> None:
        """Note and report a sync group's change of state."""
        team.since = wall()
        self._teams[team] = None
        self._keep(Transition("group", team.name, team.standing.state, 0, team.standing.why, team.since))

    def refused(self, router: Router, reason: str) -> None:
        """Log a refused address, and let the machine decide what it means."""
        self.log(ERROR, reason, router)
        self._on_refusal(router, reason)

    def missed(self, router: Router, reason: str) -> None:
        """Log what the kernel refused and the router can do without."""
        self.log(WARNING, reason, router)

    def unsent(self, router: Router, error: str) -> None:
        """Log once why adverts cannot leave."""
        if router.trouble != error:
            router.trouble = error
            self.log(WARNING, f"cannot send adverts: {error}", router)

    def stood(self, router: Router, another_priority: bool) -> None:
        """Report what trackers say now, and log a priority that changed with the terms of its sum."""
        self._routers[router] = None
        if another_priority:
            priority, standing = router.settings.priority, router.standing
            self._keep((NOTICE, "priority", router, router.state, wall(), priority))
            why = in_words(router.config.priority, standing, router.override)
            self.log(INFO, f"effective priority {priority}: {why}", router)


def in_words(configured: int, standing: Standing, override: int | None = None) -> str:
    """Return what makes an effective priority: an operator, or the sum ``100, script web -20``."""
    if override is not None:
        return f"set by an operator instead of {configured}"
    terms = [f"{term.kind} {term.name} {term.adds:+}" for term in standing.terms if term.adds]
    return ", ".join([str(configured), *terms])


def message_of(
    level: int, text: str, router: Router | None, state: State | None, since: float, priority: int
) -> LogLine | Transition | Notice:
    """Return a line as the supervisor is told it."""
    if router is None or state is None:
        return LogLine(level, text)
    name = name_of(state)
    if level == CHANGE:
        return Transition("router", router.config.name, name, priority, text, since)
    if level == NOTICE:
        return Notice("router", router.config.name, text, name, priority, since)
    fields = {"HAVIP_ROUTER": router.config.name, "HAVIP_STATE": name}
    return LogLine(level, f"{router.config.name}: {text}", fields)
