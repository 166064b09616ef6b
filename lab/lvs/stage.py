"""The stage of the demonstration: the farm, its servers, both directors, and a client that never rests.

Owns what is started and ended.  What is true is asked of ipvsadm, of the kernel and of the client; a daemon's
word is taken for nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final

from lab.lvs import tables
from lab.lvs.directors import Director, configuration
from lab.lvs.farm import Farm
from lab.lvs.plan import DIRECT, GUE6, HTTP, NAT, Way, place
from lab.lvs.servers import Server
from lab.lvs.visitor import Answer, Stream, Visitor
from lab.netns import Network
from lab.stage import Event, NotInTime

PREFIX: Final = "havip_lvs"
PLAYED: Final = (NAT, DIRECT, GUE6)  #: the ways that the client uses
PAUSE: Final = 0.03  # seconds between two requests on one way
LOOK: Final = 0.05  # seconds between two looks: IPVS tells nobody of its changes


class Stage:
    """A context manager: all is set up inside, and nothing is left outside."""

    def __init__(
        self, interval: str, out: Path, tell: Callable[[Event], None], launcher: list[str] | None = None
    ) -> None:
        self.interval = interval
        self.out = out
        self.began = time.monotonic_ns()
        self._launcher = launcher
        self._tell = tell
        self._cleaning = ExitStack()
        self._lost: dict[str, int] = {}  # way -> ns since when requests have not been answered

    def __enter__(self) -> Stage:
        try:
            self._set_up()
        except BaseException:
            self._cleaning.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleaning.close()

    def _set_up(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        run = Path(self._cleaning.enter_context(TemporaryDirectory(prefix="havip-", dir="/run")))
        self.network = self._cleaning.enter_context(Network(PREFIX))
        self.farm = Farm(self.network)
        self.visitor = Visitor(self.farm.client)
        self.servers = {name: Server(host) for name, host in self.farm.servers.items()}
        for server in self.servers.values():
            self._cleaning.callback(server.close)
        self.directors = {
            name: Director(host, self.out, run, self._launcher) for name, host in self.farm.directors.items()
        }
        for name in self.directors:
            self.configure(name)
        self.streams: dict[str, Stream] = {}

    def open(self) -> None:
        """Have the client begin."""
        for way in PLAYED:
            stream = Stream(self.visitor, way, PAUSE, lambda answer, way=way: self._on_answer(way, answer))  # type: ignore[misc]
            self.streams[way.name] = stream
            self._cleaning.callback(stream.close)

    def configure(self, director: str, weights: dict[str, int] | None = None) -> None:
        """Write a director's file."""
        text = configuration(director, PLAYED, weights, interval=self.interval)
        self.directors[director].configure(text)

    def note(self, who: str, text: str, kind: str = "note") -> None:
        """Put a line into the timeline."""
        self._tell(Event(time.monotonic_ns() - self.began, who, text, kind))

    def until(self, holds: Callable[[], bool], what: str, timeout: float = 60.0) -> int:
        """Return when something was first seen to hold, ns.  Raises `NotInTime`, also if a daemon ended."""
        deadline = time.monotonic() + timeout
        while not holds():
            for director in self.directors.values():
                if director.process is not None and not director.running and not director.asked_to_stop:
                    raise NotInTime(f"{director.name}: the daemon ended, before this: {what}")
            if time.monotonic() > deadline:
                raise NotInTime(f"not within {timeout:.0f} s: {what}")
            time.sleep(LOOK)
        return time.monotonic_ns()

    def holds(self, director: str) -> bool:
        """Say whether a director holds every virtual address that the client uses."""
        held = self.farm.directors[director].addresses()
        return all(way.address in held for way in PLAYED)

    def everywhere(self, director: str, wanted: dict[str, int]) -> bool:
        """Say whether the table has these weights on every way."""
        shown = tables.services(self.farm.directors[director])
        for way in PLAYED:
            service = shown.get(f"TCP {place(way.address, HTTP)}")
            expected = {place(way.server(name), HTTP): weight for name, weight in wanted.items()}
            if service is None or service.weights != expected:
                return False
        return True

    def answered(self, way: Way, since: int) -> tuple[Counter[str], list[Answer]]:
        """Return who answered how many requests sent from ``since`` (ns) on, and those that were lost."""
        answers = self.streams[way.name].since(since)
        return Counter(one.server for one in answers if one.server), [
            one for one in answers if not one.server
        ]

    def _on_answer(self, way: Way, answer: Answer) -> None:
        """Tell when a way is lost, and when it is back."""
        since = self._lost.get(way.name)
        if not answer.server and since is None:
            self._lost[way.name] = answer.sent
            self.note("client", f"{way.name}: no answer ({answer.reason})", "lost")
        elif answer.server and since is not None:
            del self._lost[way.name]
            lasted = (answer.came - since) / 1e9
            self.note("client", f"{way.name}: answered by {answer.server}, {lasted:.3f} s later", "good")
