"""What is told of services and servers: every change when the kernel has what it says, and how each is now.

A service that the kernel does not have as wanted is in FAULT, whatever its servers are like; what it is
besides is told when that is over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from havip.balancing import FAULT, ServiceReport
from havip.clock import monotonic, wall
from havip.ipvs.held import Held
from havip.ipvs.model import Reading
from havip.ipvs.pool import Tell
from havip.ipvs.programmer import Programmer
from havip.messages import Message, Transition

log = logging.getLogger("havip.checker")


class Herald:
    """Tells the supervisor, in order, and nothing twice."""

    def __init__(self, post: Callable[[Message], None]) -> None:
        self._post = post
        self._news: list[tuple[Held, Tell]] = []
        self._turned: dict[Held, None] = {}  # into FAULT, or out of it

    def note(self, held: Held, told: Iterable[Tell]) -> None:
        """Have something to tell of a service, with the next `tell`."""
        self._news += ((held, one) for one in told)

    def blame(self, held: Held, why: str) -> bool:
        """Note why the kernel does not have a service as wanted, empty: it does.  Say whether it is news."""
        if why == held.fault:
            return False
        if not why:
            log.info("virtual service %s: the kernel has it as wanted", held.name)
        held.fault = why
        self._turned[held] = None
        return True

    def tell(self) -> None:
        """Tell what there is to tell."""
        news, self._news = self._news, []
        for held, one in news:
            if one.server is not None:
                self._tell("server", f"{held.name}/{one.server}", one.state, one.why)
            elif not held.fault:
                self._tell_of(held, one.state, one.why)
        turned, self._turned = self._turned, {}
        for held in turned:
            if held.fault:
                self._tell_of(held, FAULT, held.fault)
            elif held.state.told:
                self._tell_of(held, held.state.told, held.state.why)

    def _tell_of(self, held: Held, state: str, why: str) -> None:
        if held.shown != state:
            held.shown = state
            self._tell("service", held.name, state, why)

    def _tell(self, kind: str, name: str, state: str, why: str) -> None:
        self._post(Transition(kind, name, state, 0, why, wall()))

    def report(self, held: Held, reading: Reading) -> None:
        """Tell how a service is, whole."""
        self._post(held.report(reading, monotonic(), wall()))


def reports(services: Iterable[Held], programmer: Programmer | None) -> Iterator[ServiceReport]:
    """Yield how services are, with the kernel's counters as they are when the turn of each comes."""
    try:
        if programmer is not None:
            programmer.look_at_counters()
        for held in services:
            reading = Reading() if programmer is None else programmer.look_at(held.layout.services)
            yield held.report(reading, monotonic(), wall())
    except OSError as error:
        log.warning("the counters of IPVS cannot be read: %s", error.strerror or error)
