"""What is tracked: scripts, files, processes and interfaces, where they are defined and where they are named.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from havip.config.keepalived.commands import Program, user
from havip.config.keepalived.making import Listed, Made
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import (
    P0,
    P1,
    P2,
    Block,
    Entries,
    Flag,
    Key,
    Lacking,
    Row,
    Scope,
    Switch,
    Table,
    argument,
    leave_out,
    named_block,
    no_more,
)
from havip.config.keepalived.tree import Statement, Word
from havip.config.keepalived.values import TEXT, one_of, timer, whole
from havip.config.problems import quote

LONGEST = 2**31 / 1_000_000  # seconds: what keepalived can count in microseconds
WEIGHT = whole(-253, 253)
FILE_WEIGHT = whole(-254, 254)


class Weight(NamedTuple):
    """``weight N [reverse]`` of a definition."""

    most: int

    def __call__(self, scope: Scope, statement: Statement) -> None:
        no_more(scope, statement, 3)
        found = weight(scope, statement, 1, self.most)
        if found is None:
            return
        scope.put("weight", statement.words[0], statement.words[1], found)
        if len(statement.words) > 2:
            word = statement.words[2]
            if word.text == "reverse":
                scope.made.put("reverse", word, True)
            else:
                scope.report.drop(word, quote(word.text), "reverse")


def weight(scope: Scope, statement: Statement, index: int, most: int) -> str | None:
    """Return a weight; None after it was reported.  254, which keepalived takes for 253, is 253."""
    words = statement.words
    if len(words) > index and words[index].text in ("254", "-254") and most < 254:
        nearest = words[index].text.replace("254", "253")
        scope.report.drop(words[index], quote(words[index].text), WEIGHT.expected, nearest=nearest)
        return nearest
    found = argument(scope, statement, whole(-most, most), index)
    return None if found is None else found[0]


def init_file(scope: Scope, statement: Statement) -> None:
    """Take ``init_file [VALUE] [overwrite]``."""
    scope.put("initial", statement.words[0], statement.words[0], "0")
    for index, word in enumerate(statement.words[1:], 1):
        if word.text == "overwrite":
            scope.made.put("overwrite", word, True)
            continue
        found = argument(scope, statement, whole(-1_000_000, 1_000_000), index)
        if found is not None:
            scope.made.put("initial", word, found[0])


def process(scope: Scope, statement: Statement) -> None:
    """Take ``process NAME [ARGUMENT ...]``: the arguments that the process must have."""
    words = statement.spelled
    if len(words) < 2:
        scope.report.drop(statement.words[0], "process without a name", "the name of a process")
        return
    from havip.config.keepalived.commands import split

    parts = [*(split(words[1].text) or [words[1].text]), *(word.text for word in words[2:])]
    made = [Word(part, words[1].line, words[1].column) for part in parts]
    scope.put("process", statement.words[0], made[0], made[0].text)
    if len(made) > 1:
        scope.made.put("arguments", made[1], made[1:])


def param_match(scope: Scope, statement: Statement) -> None:
    """Take ``param_match {initial|partial}``."""
    words = [word for word in statement.words if word.text not in "{}"]
    words += [word for inner in statement.block or () for word in inner.words]
    bare = Statement(tuple(words), tuple(words))
    found = argument(scope, bare, one_of(exact="exact", initial="initial", partial="partial"))
    if found is not None:
        scope.put("match", words[0], found[1], found[0])


def delay(scope: Scope, statement: Statement) -> None:
    """Take ``delay N``, which is both delays of a process."""
    found = argument(scope, statement, timer(0, 3600))
    if found is not None:
        scope.put("fork_delay", statement.words[0], found[1], found[0])
        scope.made.put("terminate_delay", found[1], found[0])


def needs(key: str, section: str, noun: str) -> Callable[[Scope], None]:
    """Return what leaves a definition out that lacks what it is about."""

    def end(scope: Scope) -> None:
        if scope.made.get(key) is None:
            leave_out(scope, section)
            scope.report.drop(scope.at, f"{noun} {quote(scope.at.text)} without {key}", why="it is left out")

    return end


SCRIPT = Table(
    "vrrp_script",
    (
        Row("script", P0, Program("command")),
        Row("interval", P0, Key("interval", timer(0.001, LONGEST))),
        Row("timeout", P0, Key("timeout", timer(0.001, LONGEST))),
        Row("weight", P0, Weight(253)),
        Row("rise", P0, Key("rise", whole(1, 2**31 - 1))),
        Row("fall", P0, Key("fall", whole(1, 2**31 - 1))),
        Row("user", P0, user),
        Row("init_fail", P0, Flag("start", "failed")),
    ),
)
TRACK_FILE = Table(
    "track_file",
    (
        Row("file", P1, Key("path", TEXT)),
        Row("weight", P1, Weight(254)),
        Row("init_file", P1, init_file),
    ),
)
TRACK_PROCESS = Table(
    "vrrp_track_process",
    (
        Row("process", P1, process),
        Row("param_match", P1, param_match),
        Row("weight", P1, Weight(253)),
        Row("quorum", P1, Key("quorum", whole(1, 65535))),
        Row("quorum_max", P1, Key("quorum_max", whole(0, 65535))),
        Row("fork_delay", P1, Key("fork_delay", timer(0, 3600))),
        Row("terminate_delay", P1, Key("terminate_delay", timer(0, 3600))),
        Row("delay", P1, delay),
        Row("full_command", P1, Switch("full_command")),
    ),
)


def interface_delays(scope: Scope, statement: Statement) -> None:
    """Take one entry of ``interface_up_down_delays``: ``IF DOWN [UP]``."""
    no_more(scope, statement, 3)
    name = statement.words[0]
    made = scope.whole.made.into("interfaces", name)
    inner = Made(name)
    for key, index in (("down_delay", 1), ("up_delay", 2)):
        if len(statement.words) > index or index == 1:
            found = argument(scope, statement, timer(0, 255), index)
            if found is not None:
                inner.put(key, found[1], found[0])
    made.name(name.text, name, inner)
    scope.report.take(Outcome.MAPPED, name, f"interfaces.{name.text}")


class Names(NamedTuple):
    """A block that names what a virtual router or a sync group tracks: ``NAME [weight N] [reverse]``."""

    path: str
    key: str
    most: int = 253

    def __call__(self, scope: Scope, statement: Statement) -> None:
        Entries(self.entry)(scope, statement)
        if scope.made.get(self.path) is not None:
            scope.report.take(Outcome.MAPPED, statement.words[0], scope.key(self.path))

    def entry(self, scope: Scope, entry: Statement) -> None:
        """Take one of them."""
        name, *options = entry.words
        if name.text in names_in(scope.made, self.path, self.key):
            scope.report.drop(name, f"{quote(name.text)} again", why="the first one counts")
            return
        made = Made(name)
        made.put(self.key, name, name.text)
        index = 1
        while index <= len(options):
            word = entry.words[index]
            if word.text == "weight":
                found = weight(scope, entry, index + 1, self.most)
                if found is not None:
                    made.put("weight", entry.words[index + 1], found)
                index += 2
            elif word.text in ("reverse", "noreverse"):
                made.put("reverse", word, word.text == "reverse")
                index += 1
            else:
                scope.report.drop(word, quote(word.text), "weight, reverse or noreverse")
                index += 1
        scope.made.add(self.path, name, made)


def names_in(made: Made, path: str, key: str) -> dict[str, Made]:
    """Return the items of a list of mappings by one of their keys."""
    listed = made.get(path)
    items = [item for item in listed.items if isinstance(item, Made)] if isinstance(listed, Listed) else []
    return {item.text(key): item for item in items}


#: what a virtual router and a sync group may track; the lists, what they name, and where that is defined
REFERENCES = (
    ("track.scripts", "script", "scripts"),
    ("track.files", "file", "tracked_files"),
    ("track.processes", "process", "tracked_processes"),
)
TRACKED = (
    Row("track_interface", P0, Names("track.interfaces", "interface")),
    Row("track_script", P0, Names("track.scripts", "script")),
    Row("track_file", P1, Names("track.files", "file", 254)),
    Row("track_process", P1, Names("track.processes", "process")),
    Row("track_bfd", P2, Lacking("havip has no BFD, so nothing would be tracked")),
)


def drop_unknown(scope: Scope) -> None:
    """Leave out what is tracked and not defined, as keepalived does, or leave it to havip's own checks."""
    for path, key, section in REFERENCES:
        listed = scope.made.get(path)
        if not isinstance(listed, Listed):
            continue
        defined = scope.whole.made.get(section)
        known = defined.entries if isinstance(defined, Made) else {}
        for item in list(listed.items):
            if not isinstance(item, Made) or not scope.report.compat:
                continue
            name = item.text(key)
            if name not in known:
                listed.items.remove(item)
                why = "nothing of that name is defined; the router takes part without it"
                scope.report.take(Outcome.IGNORED, Word(name, item.at.line, item.at.column), "", why)
        if not listed.items:
            scope.made.drop(path)


def script_block(scope: Scope, statement: Statement) -> Scope | None:
    """Begin the definition of a script."""
    return named_block(scope, statement, "a script", "scripts")


def file_block(scope: Scope, statement: Statement) -> Scope | None:
    """Begin the definition of a file that is tracked."""
    return named_block(scope, statement, "a tracked file", "tracked_files")


def process_block(scope: Scope, statement: Statement) -> Scope | None:
    """Begin the definition of processes that are tracked."""
    return named_block(scope, statement, "a set of processes", "tracked_processes")


ROWS = (
    Row("vrrp_script", P0, Block(SCRIPT, script_block, needs("command", "scripts", "a script"))),
    Row(
        "track_file",
        P1,
        Block(TRACK_FILE, file_block, needs("path", "tracked_files", "a tracked file")),
        also=("vrrp_track_file",),
    ),
    Row(
        "vrrp_track_process",
        P1,
        Block(TRACK_PROCESS, process_block, needs("process", "tracked_processes", "a set of processes")),
    ),
    Row("interface_up_down_delays", P1, Entries(interface_delays)),
)
