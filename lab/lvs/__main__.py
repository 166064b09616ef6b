"""``python -m lab.lvs``: two directors, two web servers and a client, and what can happen to them.

Owns the command line, the exit status and what is printed.  Without ``--here`` it boots a User-Mode Linux
guest and plays in there, for few kernels of containers and build machines have IPVS.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import TextIO

from lab import uml
from lab.lvs.plan import DIRECTORS, MODULES, SERVERS
from lab.lvs.stage import PLAYED, Stage
from lab.lvs.story import Step, Story
from lab.plan import SECOND, parse_interval
from lab.timeline import Timeline

OUT = Path(__file__).resolve().parents[1] / "out" / "lvs"
LOOK = 0.05  # seconds between two looks at what the guest has said: hostfs tells nobody


def options(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.lvs",
        description="Run two directors, two web servers and a client, break what can break, and count.",
        epilog="exit status: 0 every step held, 1 one did not, 2 cannot run here, 130 interrupted.",
    )
    parser.add_argument(
        "--interval",
        default=os.environ.get("INTERVAL") or "500ms",
        help="advertisement interval: 1s, 300ms (%(default)s)",
    )
    parser.add_argument("--havip", metavar="COMMAND", help="how to start havip, instead of this checkout's")
    parser.add_argument("--here", action="store_true", help="on this kernel, which has IPVS, in no guest")
    parser.add_argument("--colours", action="store_true", help="also where the output is no terminal")
    parser.add_argument("--out", type=Path, default=OUT, help="where to write (%(default)s)")
    chosen = parser.parse_args(argv)
    try:
        parse_interval(chosen.interval)
    except ValueError as error:
        parser.error(str(error))
    chosen.out = chosen.out.resolve()
    return chosen


def play(chosen: argparse.Namespace, timeline: Timeline) -> bool:
    """Play the story on this kernel; return whether it held."""
    launcher = shlex.split(chosen.havip) if chosen.havip else None
    with Stage(chosen.interval, chosen.out, timeline.event, launcher) as stage:
        introduce(chosen, timeline)
        story = Story(stage, lambda step: show(timeline, step, stage.began))
        held = story.play()
        table(timeline, story.steps)
        timeline.line()
        timeline.line(f"Written: the daemons' configurations and logs in {chosen.out}.")
        if not held:
            for director in stage.directors.values():
                timeline.line(f"\nThe end of {director.log}:\n{director.last_words()}")
    return held


def introduce(chosen: argparse.Namespace, timeline: Timeline) -> None:
    """Say what stands on the stage."""
    timeline.line(f"Two directors with havip, advertisement interval {chosen.interval}.")
    timeline.line(f"  {', '.join(DIRECTORS)}   VRRP, IPVS, checks, connections told to each other")
    timeline.line(f"  {', '.join(list(SERVERS)[:2])}   web servers on both LANs, probed twice a second")
    kinds = {"-m": "masqueraded", "-g": "routed directly", "-i": "through a tunnel"}
    for way in PLAYED:
        tunnel = f" ({way.tunnel})" if way.tunnel else ""
        timeline.line(f"  client   requests to {way.address}: {way.name}, {kinds[way.forwarding]}{tunnel}")


def show(timeline: Timeline, step: Step, began: int) -> None:
    """Print a step's heading when it begins, and its verdict when it is over."""
    if not step.ended:
        at = f"{(step.begun - began) / SECOND:8.3f}"
        timeline.line()
        timeline.line(f"{at}  {timeline.paint(f'{step.number}. {step.title}', 'step')}")
        return
    verdict = timeline.paint("held", "good") if step.held else timeline.paint("DID NOT HOLD", "bad")
    lost = f"{step.seen} requests lost" if step.seen else "no end"
    timeline.line(f"{'':8}  {verdict}: {lost} (expected: {step.expected})")
    for remark in step.remarks:
        timeline.line(f"{'':8}    {remark}")
    for failure in step.failures:
        timeline.line(f"{'':8}    {timeline.paint(failure, 'bad')}")


def table(timeline: Timeline, steps: list[Step]) -> None:
    """Print the summary."""
    rows = [("step", "expected", "requests lost", "verdict")]
    for step in steps:
        verdict = "held" if step.held else "DID NOT HOLD"
        rows.append((f"{step.number:2}. {step.title}", step.expected, step.seen, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    timeline.line()
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[-1] = timeline.paint(
            cells[-1], "step" if not number else "good" if row[-1] == "held" else "bad"
        )
        timeline.line("  ".join(cells).rstrip())
    held = sum(step.held for step in steps)
    timeline.line()
    timeline.line(f"{held} of {len(steps)} steps held.")


def in_guest(argv: list[str], chosen: argparse.Namespace, out: TextIO) -> int:
    """Boot a guest, have it play, and pass on what it says; return the exit status."""
    chosen.out.mkdir(parents=True, exist_ok=True)
    colours = ["--colours"] if out.isatty() and "NO_COLOR" not in os.environ else []
    folder = Path(tempfile.mkdtemp(prefix="havip-lvs-"))
    words = folder / "words"
    words.touch()
    try:
        command = [sys.executable, "-m", "lab.lvs", *argv, "--here", "--out", chosen.out, *colours]
        guest = uml.Guest(command, folder, MODULES, words=words, environment={"PYTHONUNBUFFERED": "1"})
        over = threading.Event()
        follower = threading.Thread(target=follow, args=(words, out, over))
        follower.start()
        try:
            console = guest.run(patience=None)
        finally:
            over.set()
            follower.join()
        if guest.status is None:
            print(f"the guest did not come to its end:\n{console}", file=sys.stderr)
            return 2
        return guest.status
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def follow(words: Path, out: TextIO, over: threading.Event) -> None:
    """Print what is added to a file, until all is."""
    with words.open(errors="replace") as file:
        while True:
            last = over.wait(LOOK)
            out.write(file.read())
            out.flush()
            if last:
                return


def main(argv: list[str]) -> int:
    """Run the lab; return the exit status."""
    chosen = options(argv)
    if os.geteuid() != 0:
        print("the lab needs root: it makes network namespaces", file=sys.stderr)
        return 2
    try:
        if not chosen.here:
            print("Booting User-Mode Linux, whose kernel has IPVS.", flush=True)
            return in_guest(argv, chosen, sys.stdout)
        return 0 if play(chosen, Timeline(colours=chosen.colours or None)) else 1
    except KeyboardInterrupt:
        print("interrupted: everything is cleaned up")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
