"""``python -m lab``: two routers, one address, one client, and everything that can happen to them.

Owns the command line, the exit status and what is left in the output directory.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import NoReturn

from lab.daemons import Havip
from lab.picture import Picture
from lab.plan import PROBED, R1, R2, ROUTERS, VIRTUAL, parse_interval, spell
from lab.stage import Stage
from lab.story import Step, Story
from lab.timeline import Timeline

OUT = Path(__file__).parent / "out"
EXIT_CODES = """\
exit status: 0 every step held, 1 one did not, 2 cannot run here, 130 interrupted.

environment: HOLD=1, INTERVAL, DAEMON stand for the options of the same names.
"""


def options(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lab",
        description="Run two routers and a client in network namespaces, break what can break, measure.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    given = os.environ.get
    parser.add_argument(
        "--interval",
        default=given("INTERVAL") or "1s",
        help="advertisement interval: 1s, 100ms (%(default)s)",
    )
    parser.add_argument(
        "--daemon",
        default=given("DAEMON") or "havip",
        choices=("havip", "keepalived"),
        help="whose behaviour to see; keepalived for comparison (%(default)s)",
    )
    parser.add_argument(
        "--havip", metavar="COMMAND", help="how to start havip, instead of this checkout's: /usr/bin/havip"
    )
    hold = given("HOLD", "").lower() not in ("", "0", "no", "false")
    parser.add_argument(
        "--hold", action="store_true", default=hold, help="leave both routers running until Ctrl-C"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="where to write (%(default)s)")
    chosen = parser.parse_args(argv)
    try:
        chosen.interval = parse_interval(chosen.interval)
    except ValueError as error:
        parser.error(str(error))
    return chosen


def run(chosen: argparse.Namespace, timeline: Timeline) -> bool:
    """Play the story; return whether it held."""
    launcher = shlex.split(chosen.havip) if chosen.havip else None
    with Stage(chosen.interval, chosen.out.resolve(), timeline.event, chosen.daemon, launcher) as stage:
        introduce(stage, timeline)
        story = Story(stage, lambda step: timeline.step(step, stage.began))
        with timeline.live(stage):
            held = story.play()
            if chosen.hold:
                hold(stage, timeline)
        conclude(stage, story.steps, timeline)
    return held


def introduce(stage: Stage, timeline: Timeline) -> None:
    """Say what stands on the stage."""
    timeline.line(f"Two routers with {stage.kind}, advertisement interval {spell(stage.interval)}.")
    for router in ROUTERS:
        own = ", ".join(router.addresses)
        timeline.line(f"  {router.name:<7} priority {router.priority}, {own}")
    virtual = ", ".join(address for family in VIRTUAL for address in VIRTUAL[family])
    timeline.line(f"  virtual {virtual}")
    timeline.line(f"  client  one echo a millisecond to {' and to '.join(PROBED.values())}")


def conclude(stage: Stage, steps: list[Step], timeline: Timeline) -> None:
    """Print the table, draw the picture, and on failure show what the daemons said last."""
    timeline.table(steps)
    title = f"{stage.kind}: who is master, and what the client notices (interval {spell(stage.interval)})"
    picture = stage.out / "timeline.svg"
    picture.write_text(Picture(stage, steps, title).svg(), encoding="utf-8")
    timeline.line()
    timeline.line(f"Written: {picture}, and the daemons' configurations and logs beside it.")
    if not all(step.held for step in steps):
        for daemon in stage.daemons.values():
            timeline.line(f"\nThe end of {daemon.log}:\n{daemon.last_words()}")


def hold(stage: Stage, timeline: Timeline) -> None:
    """Start both routers again, if they are stopped, and leave them to the reader until Ctrl-C."""
    for router in ROUTERS:
        if not stage.daemons[router.name].running:
            stage.daemons[router.name].configure()
            stage.start(router)
    switch = f"ip netns exec {stage.switch.namespace}"
    r1 = stage.hosts[R1.name]
    lines = ["", "Both routers run until Ctrl-C.  To look around, in another terminal, as root:"]
    lines += [f"  ip netns exec {r1.namespace} ip addr", f"  ip netns exec {stage.client.namespace} ip neigh"]
    lines += [f"  {switch} tcpdump -ni br0 'vrrp or arp or (icmp6 and ip6[40] >= 133)'"]
    for daemon in stage.daemons.values():
        if isinstance(daemon, Havip):
            lines.append(f"  {shlex.join(daemon.status_command)}")
    lines += [
        f"  tail -f {stage.out}/*.log",
        "To break something:",
        f"  bridge -n {stage.switch.namespace} link set dev {R1.name}-eth0 state 0    # 3 mends",
        f"  ip -n {stage.switch.namespace} link set {R2.name}-eth0 down               # up",
    ]
    for line in lines:
        timeline.line(line)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            signal.pause()


def interrupt(*_: object) -> NoReturn:
    """End the run the way Ctrl-C does."""
    raise KeyboardInterrupt


def main(argv: list[str]) -> int:
    """Run the lab; return the exit status."""
    chosen = options(argv)
    if os.geteuid() != 0:
        print("the lab needs root: it makes network namespaces", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    timeline = Timeline()
    try:
        return 0 if run(chosen, timeline) else 1
    except KeyboardInterrupt:
        timeline.line("interrupted: everything is cleaned up")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
