"""The run on a terminal: one line per event as it happens, a live line at the bottom, a table at the end.

Owns what is printed and how it is coloured.  Must never decide anything.  Without a terminal there are
plain lines only.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from types import TracebackType
from typing import Final, TextIO

from lab.answers import Gap
from lab.plan import FAMILIES, PROBED, ROUTERS, SECOND, spell
from lab.stage import Event, Stage
from lab.story import Step

LIVE_EVERY: Final = 0.1  # s
SGR: Final = {
    "r1": "34",
    "r2": "35",
    "d1": "34",
    "d2": "35",
    "client": "36",
    "lab": "2",
    "MASTER": "1;32",
    "BACKUP": "33",
    "FAULT": "1;31",
    "stopped": "2",
    "lost": "31",
    "good": "32",
    "step": "1",
    "bad": "1;31",
}


class Timeline:
    """Prints.  Safe to call from every thread."""

    def __init__(self, out: TextIO = sys.stdout, *, colours: bool | None = None) -> None:
        self._out = out
        self._tty = out.isatty() and os.environ.get("TERM", "") != "dumb"
        self._colours = self._tty and "NO_COLOR" not in os.environ if colours is None else colours
        self._lock = threading.Lock()
        self._live = ""

    def event(self, event: Event) -> None:
        """Print a line of the timeline."""
        who = self.paint(f"{event.who:<6}", event.who)
        self.line(f"{event.at / SECOND:8.3f}  {who}  {self.paint(event.text, event.kind)}")

    def step(self, step: Step, began: int) -> None:
        """Print a step's heading when it begins, and its verdict when it is over."""
        if not step.ended:
            at = f"{(step.begun - began) / SECOND:8.3f}"
            self.line()
            self.line(f"{at}  {self.paint(f'{step.number}. {step.title}', 'step')}")
            return
        gaps = ", ".join(f"IPv{family} {gap_in_words(step.gaps[family])}" for family in step.gaps)
        verdict = self.paint("held", "good") if step.held else self.paint("DID NOT HOLD", "bad")
        expected = f" (expected: {step.expected})" if step.expected else ""
        self.line(f"{(step.ended - began) / SECOND:8.3f}  {verdict}: {gaps or 'done'}{expected}")
        for remark in step.remarks:
            self.line(f"{'':8}    {remark}")
        for failure in step.failures:
            self.line(f"{'':8}    {self.paint(failure, 'bad')}")

    def line(self, text: str = "") -> None:
        """Print a line above the live one."""
        with self._lock:
            self._out.write(f"\r\x1b[K{text}\n{self._live}" if self._tty else f"{text}\n")
            self._out.flush()

    def live(self, stage: Stage) -> Live:
        """Return a context manager inside of which the bottom line of a terminal shows the state of all."""
        return Live(self, stage if self._tty else None)

    def show_live(self, text: str) -> None:
        """Replace the bottom line."""
        with self._lock:
            self._live = text
            self._out.write(f"\r\x1b[K{text}")
            self._out.flush()

    def table(self, steps: list[Step]) -> None:
        """Print the summary."""
        rows = [["step", "expected", "gap IPv4", "gap IPv6", "verdict"]]
        for step in steps:
            gaps = [gap_in_words(step.gaps[family]) if step.gaps else "" for family in FAMILIES]
            name = f"{step.number:2}. {step.title}"
            rows.append([name, step.expected, *gaps, "held" if step.held else "DID NOT HOLD"])
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        self.line()
        for number, row in enumerate(rows):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            kind = "step" if number == 0 else ("good" if row[-1] == "held" else "bad")
            cells[-1] = self.paint(cells[-1], kind)
            self.line("  ".join(cells).rstrip())
            if number == 0:
                self.line("  ".join("-" * width for width in widths))
        for step in steps:
            for failure in step.failures:
                self.line(self.paint(f"{step.number:2}. {failure}", "bad"))

    def status_line(self, stage: Stage) -> str:
        """Return who is what now, for the live line."""
        parts = [f"{(time.monotonic_ns() - stage.began) / SECOND:8.1f} "]
        for router in ROUTERS:
            states = [self.paint(state, state) for f in FAMILIES for state in [stage.state(router.name, f)]]
            parts.append(f"{self.paint(router.name, router.name)} {'/'.join(states)}")
        for family in FAMILIES:
            answers = stage.answers[family]
            silent = answers.silent_for(time.monotonic_ns())
            if silent:
                text = self.paint(f"no answer for {spell(silent)}", "lost")
            else:
                text = self.paint(f"{answers.answering(1)} {answers.round_trip() / 1e6:.2f} ms", "good")
            parts.append(f"{PROBED[family]} {text}")
        return " | ".join(parts)

    def paint(self, text: str, kind: str) -> str:
        """Return text in the colour of its kind, where there are colours."""
        code = SGR.get(kind)
        return f"\x1b[{code}m{text}\x1b[0m" if code and self._colours else text


class Live:
    """Renews the bottom line until the block ends."""

    def __init__(self, timeline: Timeline, stage: Stage | None) -> None:
        self._timeline = timeline
        self._stage = stage
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="live line", daemon=True)

    def __enter__(self) -> None:
        if self._stage is not None:
            self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stage is not None:
            self._over.set()
            self._thread.join()
            self._timeline.show_live("")

    def _renew(self) -> None:
        assert self._stage is not None
        while not self._over.wait(LIVE_EVERY):
            self._timeline.show_live(self._timeline.status_line(self._stage))


def gap_in_words(gap: Gap | None) -> str:
    """Return a gap as a table shows it."""
    return "none" if gap is None else f"{spell(gap.length)} ({gap.lost} lost)"
