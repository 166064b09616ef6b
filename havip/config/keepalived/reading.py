"""keepalived.conf files to `Configuration`, with every decision and every problem of a file at once.

Nothing here raises anything but `ConfigurationError`, whatever the bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from havip.config.keepalived import grammar
from havip.config.keepalived.includes import Refused, TooMuch
from havip.config.keepalived.outside import Machine
from havip.config.keepalived.report import Decision, Report
from havip.config.keepalived.root import FINISH, ROOT
from havip.config.keepalived.sources import SourceFile, Sources
from havip.config.keepalived.table import Scope
from havip.config.keepalived.tree import Tree
from havip.config.keepalived.whole import FIRST, Whole
from havip.config.model import Configuration
from havip.config.nodes import Mapping
from havip.config.problems import Place, Problems
from havip.config.understood import Findings, settle, understood

#: lines that may hold a secret, whatever else is wrong with them
_SECRET: Final = re.compile(r"(?:^|[\s{;])(?:auth_pass|key|password)(?:\s|$)|pass\S*=", re.IGNORECASE)


class Imported(NamedTuple):
    """All that can be said about one keepalived.conf."""

    findings: Findings
    decisions: tuple[Decision, ...]  # in the order in which they were taken
    node: Mapping | None  # the same configuration as a YAML file would have it; None: there is none


def load(path: str, *, instance: str | None = None, compat: bool = False) -> Configuration:
    """Return the configuration in the file ``path``.  Raises `ConfigurationError`."""
    return settle(examine(path, instance=instance, compat=compat).findings)


def usual_instance() -> str:
    """Return what conditional lines are held against unless told: the first part of the host's name."""
    return os.uname().nodename.partition(".")[0]


def examine(
    path: str,
    *,
    instance: str | None = None,
    compat: bool = False,
    elsewhere: bool = False,
    away: bool = False,
) -> Imported:
    """Return everything there is to say about the file ``path``.

    ``instance`` is what conditional lines are held against.  With ``compat`` what keepalived passes over is
    passed over, and told; without, it is a problem.  With ``elsewhere`` another process will run by it, with
    ``away`` another machine.
    """
    sources, machine = Sources(), Machine()
    problems = Problems(path, sources)
    report = Report(problems, sources, compat=compat)
    try:
        lines = machine.read(path)
    except Refused as refused:
        sources.add(path, ("",))
        place = Place(1, 1, "") if isinstance(refused, TooMuch) else Place(0, 0, "")
        problems.add(place, refused.found, refused.expected, why=refused.why)
        return Imported(Findings(None, problems.errors, (), ("",)), (), None)
    tree = grammar.read(path, lines, machine, instance or usual_instance(), sources, report)
    node = None if tree is None else meant(tree, report, machine, away=away)
    configuration = None if node is None else understood(node, problems, elsewhere=elsewhere, away=away)
    if problems:
        configuration = None
        problems.hide("", secret_lines(sources.files))
    included = {file.name: problems.shown(file.lines, file.name) for file in sources.files}
    findings = Findings(configuration, problems.errors, problems.notes, included[path], included)
    return Imported(findings, tuple(report.decisions), node)


def meant(tree: Tree, report: Report, machine: Machine, *, away: bool = False) -> Mapping:
    """Return what statements are as the nodes of a YAML file."""
    whole = Whole(report, machine)
    whole.away = away
    ROOT.read(Scope(whole, whole.made, FIRST), tree)
    for finish in FINISH:
        finish(whole)
    return whole.made.node()


def secret_lines(files: list[SourceFile]) -> Iterator[int]:
    """Yield the numbers of the lines on which a secret may stand."""
    for file in files:
        for number, line in enumerate(file.lines, file.first):
            if _SECRET.search(line):
                yield number
