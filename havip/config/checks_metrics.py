"""What must hold between the places where metrics are served.  Pure."""

from __future__ import annotations

from havip.config.draft import good, group_of, list_of
from havip.config.model import Daemon
from havip.config.problems import Problems, quote
from havip.config.reader import Reading


def check(root: Reading, problems: Problems) -> None:
    """Refuse a place that another one has: one of these, or the control socket."""
    listed = list_of(group_of(root, "metrics"), "listen")
    socket = good(group_of(root, "daemon"), "control_socket")
    control = Daemon().control_socket if socket is None else socket.value
    for number, read in enumerate(listed):
        for other in listed[:number]:
            if other.value.covers(read.value) or read.value.covers(other.value):
                why = f"{other.value} in {problems.line(other.place)} has it"
                problems.add(read.place, quote(str(read.value)), "a place of its own", why=why)
                break
        if read.value.path == control:
            problems.add(read.place, quote(control), "a place of its own", why="it is the control socket")
