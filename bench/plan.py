"""How long and how often a run measures, and in which order the daemons take turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.daemons import KINDS, REALTIME, Daemon

OUTPUT: Final = Path(__file__).resolve().parent / "out"


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of one run."""

    quick: bool = False
    hours: float = 0.0  # length of the watch for false takeovers; 0: half a minute
    realtime: int = REALTIME  # SCHED_RR priority of both daemons; 0: ordinary scheduling
    kinds: tuple[type[Daemon], ...] = KINDS
    output: Path = OUTPUT

    @property
    def scratch(self) -> Path:
        """Return where configurations, logs and sockets go."""
        return self.output / "scratch"

    def turns(self, blocks: int) -> Iterator[type[Daemon]]:
        """Yield the daemons in turn, A B B A A B..., so that a drift of the machine meets both alike."""
        for block in range(blocks):
            yield from self.kinds if block % 2 == 0 else reversed(self.kinds)
