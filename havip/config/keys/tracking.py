"""The keys of what a router tracks, and of the scripts, files and processes that can be tracked.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from havip.clock import ZERO, milliseconds, seconds
from havip.config.commands import ACCOUNT, COMMAND, WORD
from havip.config.fields import Field, Group, ListOf, Named
from havip.config.files import ANY_FILE
from havip.config.keys.names import INTERFACE, NAME
from havip.config.kinds import Flag, Length, Whole, Word, Wrong
from havip.config.tracking import (
    HEAVIEST,
    HEAVIEST_OF_A_FILE,
    CheckTracker,
    FileTracker,
    InterfaceDelays,
    InterfaceTracker,
    Match,
    ProcessTracker,
    RouterState,
    RouterTracker,
    Script,
    ScriptTracker,
    Start,
    TrackedFile,
    TrackedProcess,
    Tracking,
)

MOST_TRACKED = 64  # of one kind by one router
MOST_PROCESSES = 1_000_000
LONGEST_DELAY = seconds(255)


@dataclass(frozen=True, slots=True)
class Weight(Whole):
    """What a tracker adds or takes away."""

    def read(self, text: str) -> int:
        if text in ("254", "-254") and self.most < 254:
            why = "254 means FAULT; for that the weight is 0"
            raise Wrong(nearest=text.replace("254", "253"), why=why)
        return Whole.read(self, text)


WEIGHT = Weight(-HEAVIEST, HEAVIEST)
FILE_WEIGHT = Weight(-HEAVIEST_OF_A_FILE, HEAVIEST_OF_A_FILE)

REVERSE_DOC = "turn the weight round: what it would add it takes away; with weight 0, FAULT while it is good"


def weighted(weight: Weight, default: str) -> tuple[Field, Field]:
    """Return the two keys that every tracker has."""
    return (
        Field(
            "weight",
            weight,
            f"0: FAULT while it is bad; above 0: added while good; below 0: subtracted while bad{default}",
            -20,
        ),
        Field("reverse", Flag(), REVERSE_DOC, True, elsewhere=("noreverse",)),
    )


OF_DEFINITION = "; unless given, that of its definition"


def named(
    noun: str,
    tracker: type,
    key: str,
    section: str,
    *,
    example: str,
    elsewhere: tuple[str, ...],
    weight: Weight = WEIGHT,
    many: str = "",
) -> Field:
    """Return the key of a list of things that a section of the file defines by name."""
    item = Group(
        tracker,
        (Field(noun, NAME, f"a name below `{section}`", example), *weighted(weight, OF_DEFINITION)),
        short=noun,
    )
    doc = f"{many or key}, by their names below `{section}`"
    return Field(key, ListOf(item, MOST_TRACKED), doc, [example], elsewhere=(*elsewhere, noun))


TRACK = Group(
    Tracking,
    (
        Field(
            "interfaces",
            ListOf(
                Group(
                    InterfaceTracker,
                    (
                        Field(
                            "interface",
                            INTERFACE,
                            "an interface beside the router's own: good while it is up and running",
                            "eth1",
                        ),
                        *weighted(WEIGHT, ""),
                    ),
                    short="interface",
                ),
                MOST_TRACKED,
            ),
            "other interfaces",
            ["eth1"],
            elsewhere=("track_interface", "interface"),
        ),
        named("script", ScriptTracker, "scripts", "scripts", example="web", elsewhere=("track_script",)),
        named(
            "file",
            FileTracker,
            "files",
            "tracked_files",
            weight=FILE_WEIGHT,
            example="load",
            elsewhere=("track_file",),
        ),
        named(
            "process",
            ProcessTracker,
            "processes",
            "tracked_processes",
            example="proxy",
            elsewhere=("track_process",),
        ),
        named(
            "check",
            CheckTracker,
            "checks",
            "checks",
            example="web",
            elsewhere=("health_checks",),
            many="health checks",
        ),
        Field(
            "routers",
            ListOf(
                Group(
                    RouterTracker,
                    (
                        Field("router", NAME, "the name of another virtual router of this file", "inside"),
                        Field(
                            "states",
                            ListOf(Word(RouterState), len(RouterState)),
                            "the states in which it is good",
                            ["MASTER"],
                        ),
                        *weighted(WEIGHT, ""),
                    ),
                    short="router",
                ),
                MOST_TRACKED,
            ),
            "other virtual routers of this file",
            ["inside"],
        ),
        Field(
            "own_interface",
            Flag(),
            "FAULT while the router's own interface is down or has no carrier",
            True,
            elsewhere=("dont_track_primary",),
        ),
    ),
)

SCRIPT = Group(
    Script,
    (
        Field(
            "command",
            COMMAND,
            "the program and its arguments; exit code 0 is good, everything else is bad",
            "/usr/bin/test -e /run/web.pid",
            elsewhere=("script",),
        ),
        Field("interval", Length(milliseconds(10), seconds(86400)), "between two runs", "2s"),
        Field(
            "timeout",
            Length(milliseconds(10), seconds(86400)),
            "how long a run may take; unless given, as long as the interval",
            "1s",
        ),
        Field("rise", Whole(1, 1000), "good runs in a row that mend it", 2),
        Field("fall", Whole(1, 1000), "bad runs in a row that fail it", 3),
        *weighted(WEIGHT, ""),
        Field(
            "user",
            ACCOUNT,
            "whose rights it runs with; unless given, those of `daemon.script_user`",
            "nobody",
        ),
        Field("group", ACCOUNT, "the group; unless given, that of the user", "nogroup"),
        Field(
            "start",
            Word(Start),
            "`failed`: it counts as bad until `rise` runs were good; `unknown`: the first run decides",
            "failed",
            elsewhere=("init_fail",),
        ),
    ),
)

TRACKED_FILE = Group(
    TrackedFile,
    (
        Field("path", ANY_FILE, "the file; it holds a whole number", "/run/havip/load", elsewhere=("file",)),
        Field(
            "weight",
            FILE_WEIGHT,
            "what its value is multiplied by before it is added; 0: FAULT while it is not 0",
            1,
        ),
        Field("reverse", Flag(), REVERSE_DOC, True),
        Field(
            "initial",
            Whole(-1_000_000, 1_000_000),
            "written when the daemon starts, if there is no file",
            0,
            elsewhere=("init_file",),
        ),
        Field("overwrite", Flag(), "write it even if there is a file", True),
    ),
)

TRACKED_PROCESS = Group(
    TrackedProcess,
    (
        Field(
            "process", WORD, "the name of the program, as the kernel knows it (`/proc/PID/comm`)", "haproxy"
        ),
        Field(
            "arguments",
            ListOf(WORD, 64),
            "the arguments that it must have; unless given, any",
            ["-f", "/etc/proxy.cfg"],
        ),
        Field(
            "match",
            Word(Match),
            "`exact`: these; `initial`: the last may go on; `partial`: more may follow; `none`: it has none",
            "partial",
            elsewhere=("param_match",),
        ),
        *weighted(WEIGHT, ""),
        Field("quorum", Whole(0, MOST_PROCESSES), "how many must run", 1),
        Field("quorum_max", Whole(0, MOST_PROCESSES), "how many may run", 1),
        Field(
            "fork_delay",
            Length(ZERO, seconds(3600)),
            "how long enough of them must run before that counts",
            "1s",
        ),
        Field(
            "terminate_delay",
            Length(ZERO, seconds(3600)),
            "how long there must be too few or too many before that counts",
            "1s",
            elsewhere=("delay",),
        ),
        Field(
            "full_command",
            Flag(),
            "`process` is the first word of its command line, not the kernel's name",
            True,
        ),
    ),
)

INTERFACE_DELAYS = Group(
    InterfaceDelays,
    (
        Field(
            "down_delay", Length(ZERO, LONGEST_DELAY), "how long it must be down before that counts", "500ms"
        ),
        Field("up_delay", Length(ZERO, LONGEST_DELAY), "how long it must be up before that counts", "5s"),
    ),
)

SECTIONS = (
    Field(
        "scripts",
        Named(SCRIPT, NAME, "script"),
        "programs that say whether all is well, by name",
        {"web": {"command": "/usr/bin/true"}},
        elsewhere=("vrrp_script", "track_scripts"),
    ),
    Field(
        "tracked_files",
        Named(TRACKED_FILE, NAME, "tracked file"),
        "files whose value counts, by name",
        {"load": {"path": "/run/havip/load"}},
        elsewhere=("track_file", "vrrp_track_file"),
    ),
    Field(
        "tracked_processes",
        Named(TRACKED_PROCESS, NAME, "set of processes"),
        "processes that must run, by name",
        {"proxy": {"process": "haproxy"}},
        elsewhere=("track_process", "vrrp_track_process"),
    ),
    Field(
        "interfaces",
        Named(INTERFACE_DELAYS, INTERFACE, "interface"),
        "interfaces, by name: how long a change must last before it counts",
        {"eth0": {"down_delay": "500ms"}},
        elsewhere=("interface_up_down_delays",),
    ),
)
