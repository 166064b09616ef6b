"""Rows of the comparison, and the Markdown and JSON made of them.

Measures nothing, and rounds nothing before it is shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

KEEPALIVED, HAVIP = "keepalived", "havip"
Samples = Mapping[str, Sequence[float]]  #: kind of daemon -> values

HEAD: Final = ("what", "unit", "keepalived (p90)", "havip (p90)", "havip / keepalived", "aim", "verdict", "n")


@dataclass(frozen=True)
class Row:
    """One comparison; less is better.  ``aim`` is the largest ratio of the medians that is good enough."""

    what: str
    unit: str
    samples: Samples
    aim: float | None = None
    note: str = ""
    least: float | None = None  #: a value below this is a fault, however good it looks
    limit: float | None = None  #: an aim for havip's median by itself, where a ratio means nothing

    def typical(self, kind: str) -> float | None:
        """Return the median for one daemon."""
        values = self.samples.get(kind)
        return median(values) if values else None

    @property
    def ratio(self) -> float | None:
        """Return havip's median over keepalived's; None where it would mean nothing."""
        theirs, ours = self.typical(KEEPALIVED), self.typical(HAVIP)
        return ours / theirs if theirs is not None and ours is not None and theirs > 0 else None

    @property
    def verdict(self) -> str:
        """Say whether the aim is met; empty where there is none or nothing to judge."""
        ours = self.typical(HAVIP)
        if self.least is not None and any(value < self.least for value in self.samples.get(HAVIP, ())):
            return "too early"
        if self.limit is not None and ours is not None:
            return "met" if ours <= self.limit else "missed"
        if self.aim is None or self.ratio is None:
            return ""
        return "met" if self.ratio <= self.aim else "missed"


def ninth_decile(values: Sequence[float]) -> float:
    """Return the smallest value that at least 90 % of the values do not exceed."""
    return sorted(values)[-(-len(values) * 9 // 10) - 1]


def figure(value: float) -> str:
    """Return a value with three significant digits."""
    if value == 0:
        return "0"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cell(values: Sequence[float] | None) -> str:
    """Return median and ninth decile."""
    if not values:
        return "-"
    typical = figure(median(values))
    return f"{typical} ({figure(ninth_decile(values))})" if len(values) >= 5 else typical


def markdown(rows: Iterable[Row], facts: Mapping[str, str]) -> str:
    """Return the table with what is to be known about the run above it."""
    lines = [f"{name}: {value}  " for name, value in facts.items()]
    lines += ["", "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    notes: list[str] = []
    for row in rows:
        aim = f"<= {row.aim:g}" if row.aim is not None else ""
        aim = f"{row.limit:g}" if row.limit is not None else aim
        what = row.what
        if row.note:
            if row.note not in notes:
                notes.append(row.note)
            what += f" [{notes.index(row.note) + 1}]"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        counts = "/".join(str(len(row.samples.get(kind, ()))) for kind in (KEEPALIVED, HAVIP))
        cells = (what, row.unit, cell(row.samples.get(KEEPALIVED)), cell(row.samples.get(HAVIP)))
        lines.append("| " + " | ".join((*cells, ratio, aim, row.verdict, counts)) + " |")
    lines += ["", *(f"{number}. {note}" for number, note in enumerate(notes, 1))]
    return "\n".join(lines).rstrip() + "\n"


def write(directory: Path, rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    """Write ``report.md`` and ``report.json``; return the former."""
    directory.mkdir(parents=True, exist_ok=True)
    text = markdown(rows, facts)
    (directory / "report.md").write_text(text)
    full = [{**asdict(row), "ratio": row.ratio, "verdict": row.verdict} for row in rows]
    (directory / "report.json").write_text(json.dumps({"facts": dict(facts), "rows": full}, indent=1) + "\n")
    return text
