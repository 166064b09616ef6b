"""The run as a picture: an SVG with a lane for each router and each client, readable in any browser.

Owns coordinates and colours.  Must never compute a fact: it draws what the stage recorded and the steps
measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from lab.plan import FAMILIES, PROBED, ROUTERS, SECOND, Router, spell
from lab.stage import Stage
from lab.story import Step
from lab.timeline import gap_in_words

WIDTH: Final = 1400
LEFT: Final = 150  # of the lanes
RIGHT: Final = WIDTH - 30
TOP: Final = 130
LANE: Final = 26
PITCH: Final = 32  # from lane to lane
BETWEEN: Final = 14  # extra space between two groups
LETTER: Final = 6.4  # px, the width of a letter at 11 px
FILL: Final = {"MASTER": "#2e9e5b", "BACKUP": "#f3e3a9", "FAULT": "#d9480f", "stopped": "#e9ecef"}
INK: Final = {"MASTER": "#ffffff", "BACKUP": "#6b5900", "FAULT": "#ffffff", "stopped": "#868e96"}
SERVED_BY: Final = {"r1": "#74a9e0", "r2": "#b39ddb"}
LOST: Final = "#e03131"


class Picture:
    """One drawing."""

    def __init__(self, stage: Stage, steps: list[Step], title: str) -> None:
        self._stage = stage
        self._steps = steps
        self._title = title
        self._begin = stage.began
        over = max(step.ended for step in steps)
        self._end = over + (over - self._begin) // 60  # enough to see what is left at the end
        self._parts: list[str] = []
        self._lane_tops = lane_tops()
        self._bottom = max(self._lane_tops.values()) + LANE

    def svg(self) -> str:
        """Return the picture."""
        height = self._bottom + 100 + 20 * len(self._steps)
        self._heading()
        self._bands()
        self._axis()
        for router in ROUTERS:
            for family in FAMILIES:
                self._router_lane(router, family)
        for family in FAMILIES:
            self._client_lane(family)
        self._cuts()
        self._legend()
        body = "\n".join(self._parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" font-family="Helvetica, Arial, sans-serif">\n'
            f"<title>{escape(self._title)}</title>\n"
            '<defs><pattern id="cut" width="7" height="7" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><rect width="2.4" height="7" fill="#343a40" fill-opacity="0.55"/>'
            "</pattern></defs>\n"
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n{body}\n</svg>\n'
        )

    # ------------------------------------------------------------ parts

    def _heading(self) -> None:
        self._text(24, 34, self._title, size=20, weight="bold")
        x = 24.0
        for text, fill in (
            ("MASTER (holds the address)", FILL["MASTER"]),
            ("BACKUP", FILL["BACKUP"]),
            ("FAULT", FILL["FAULT"]),
            ("not running", FILL["stopped"]),
            ("cut off", "url(#cut)"),
            ("client answered by r1", SERVED_BY["r1"]),
            ("by r2", SERVED_BY["r2"]),
            ("no answer", LOST),
        ):
            self._rect(x, 50, 16, 12, fill, stroke="#adb5bd")
            self._text(x + 22, 60, text, size=12, fill="#495057")
            x += 44 + len(text) * 6.6

    def _bands(self) -> None:
        """Shade every other step and number them all."""
        for step in self._steps:
            left, right = self._x(step.begun), self._x(step.ended)
            top = TOP - 40
            if step.number % 2:
                self._rect(left, top, right - left, self._bottom - top + 8, "#f1f3f5")
            self._line(left, top, left, self._bottom + 8, "#ced4da")
            self._mark(self._x(step.struck))
            middle = (left + right) / 2
            fill = "#343a40" if step.held else LOST
            self._parts.append(f'<circle cx="{middle:.1f}" cy="{top + 14}" r="10" fill="{fill}"/>')
            self._text(middle, top + 18, str(step.number), 12, "#ffffff", "middle", "bold")

    def _mark(self, x: float) -> None:
        """Mark the moment at which a step's deed was done."""
        points = f"{x - 4:.1f},{TOP - 11} {x + 4:.1f},{TOP - 11} {x:.1f},{TOP - 3}"
        self._parts.append(f'<polygon points="{points}" fill="#343a40"/>')

    def _axis(self) -> None:
        length = (self._end - self._begin) / SECOND
        tick = nice_step(length / 14)
        for number in range(int(length / tick) + 1):
            x = self._x(self._begin + round(number * tick * SECOND))
            self._line(x, TOP - 8, x, self._bottom + 8, "#dee2e6", dash="2 3")
            self._text(x, self._bottom + 24, f"{number * tick:g} s", 11, "#868e96", "middle")

    def _router_lane(self, router: Router, family: int) -> None:
        top = self._lane_tops[router.name, family]
        self._text(24, top + 17, f"{router.name}  IPv{family}", 13, weight="bold")
        self._text(LEFT - 12, top + 17, f"prio {router.priority}", 10, "#868e96", "end")
        spans = self._stage.spans[router.name, family]
        ends = [at for at, _ in spans[1:]] + [self._end]
        for (begin, state), end in zip(spans, ends, strict=True):
            left, right = self._x(begin), self._x(end)
            self._rect(left, top, max(right - left, 1.0), LANE, FILL[state], stroke="#ffffff")
            if right - left > len(state) * LETTER + 8:
                self._text((left + right) / 2, top + 17, state, 11, INK[state], "middle", "bold")

    def _client_lane(self, family: int) -> None:
        top = self._lane_tops["client", family]
        self._text(24, top + 17, f"client  IPv{family}", 13, weight="bold")
        self._text(24, top + LANE + 5, f"1 echo/ms to {PROBED[family]}", 9, "#868e96")
        answers = self._stage.answers[family]
        for begin, end, who in answers.spells(self._begin, self._end):
            left, right = self._x(begin), self._x(end)
            self._rect(left, top, max(right - left, 0.6), LANE, SERVED_BY.get(who, "#ced4da"))
        for gap in answers.gaps(self._begin, self._end):
            left, right = self._x(gap.begin), self._x(gap.end)
            self._rect(left, top, max(right - left, 1.6), LANE, LOST)
            label = spell(gap.length)
            if right - left > len(label) * LETTER + 6:
                self._text((left + right) / 2, top + 17, label, 11, "#ffffff", "middle", "bold")

    def _cuts(self) -> None:
        for router, begin, end in self._stage.cuts:
            left, right = self._x(begin), self._x(end or self._end)
            for family in FAMILIES:
                self._rect(left, self._lane_tops[router, family] + LANE - 8, right - left, 8, "url(#cut)")

    def _legend(self) -> None:
        """List the steps with what was expected and measured, under the lanes."""
        columns = (24, 400, 690, 900, 1110)
        top = self._bottom + 60
        heads = ("step", "expected", "client's gap, IPv4", "client's gap, IPv6", "verdict")
        for x, head in zip(columns, heads, strict=True):
            self._text(x, top, head, 12, "#868e96", weight="bold")
        for step in self._steps:
            top += 20
            gaps = [gap_in_words(step.gaps[family]) if step.gaps else "" for family in FAMILIES]
            verdict = "held" if step.held else "did not hold"
            cells = (f"{step.number}. {step.title}", step.expected, *gaps, verdict)
            for x, cell in zip(columns, cells, strict=True):
                fill = LOST if cell == "did not hold" else "#212529"
                self._text(x, top, cell, 12, fill)

    # ------------------------------------------------------------ strokes

    def _x(self, at: int) -> float:
        share = (min(max(at, self._begin), self._end) - self._begin) / (self._end - self._begin)
        return LEFT + share * (RIGHT - LEFT)

    def _rect(self, x: float, y: float, width: float, height: float, fill: str, stroke: str = "none") -> None:
        place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.2f}" height="{height:.1f}"'
        self._parts.append(f'<rect {place} fill="{fill}" stroke="{stroke}"/>')

    def _line(self, x1: float, y1: float, x2: float, y2: float, stroke: str, dash: str = "none") -> None:
        place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
        self._parts.append(f'<line {place} stroke="{stroke}" stroke-dasharray="{dash}"/>')

    def _text(
        self,
        x: float,
        y: float,
        text: str,
        size: int = 12,
        fill: str = "#212529",
        anchor: str = "start",
        weight: str = "normal",
    ) -> None:
        look = f'font-size="{size}" fill="{fill}" text-anchor="{anchor}" font-weight="{weight}"'
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(text)}</text>')


def lane_tops() -> dict[tuple[str, int], int]:
    """Return where each lane begins: the routers' and the clients', families side by side."""
    return {place: TOP + number * PITCH + group * BETWEEN for number, (group, place) in enumerate(_lanes())}


def _lanes() -> Iterator[tuple[int, tuple[str, int]]]:
    for group, name in enumerate([router.name for router in ROUTERS] + ["client"]):
        for family in FAMILIES:
            yield group, (name, family)


def nice_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not below ``least``."""
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)
