"""`havip check`: read a configuration as the daemon would, and say everything that is wrong with it.

Touches nothing but the file and the terminal.  PyYAML is imported when the verb runs, not before.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from havip.cli import add_form_arguments, how_of

if TYPE_CHECKING:
    from havip.config.anyfile import Examined
    from havip.config.model import Configuration
    from havip.config.problems import Problem
    from havip.config.understood import Findings

HELP = "check a configuration file, and show every error with its line and column"
EPILOG = """\
exit status: 0 the daemon would accept the file; 1 it would not, and the errors are on standard error.

Only the file is judged: whether its interfaces exist, and hold an address, shows when the daemon runs.
Secrets in files are read; those that systemd hands over can be read by the daemon alone."""
WINDOW = 100  # columns of the file that an excerpt shows
DEFAULT_PATH = "/etc/havip/havip.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        default=DEFAULT_PATH,
        help="the file to check (default: %(default)s)",
    )
    add_form_arguments(parser)
    parser.add_argument(
        "--all", action="store_true", help="of a keepalived.conf: show also what means the same in havip"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the result as one JSON object on standard output"
    )


def run(arguments: argparse.Namespace) -> int:
    """Check the file.  Returns the exit status."""
    from havip.config.anyfile import examine

    examined = examine(arguments.config, how_of(arguments), elsewhere=True)
    findings = examined.findings
    if arguments.json:
        print(json.dumps(as_dict(arguments.config, examined), indent=2))
    else:
        show(arguments.config, findings)
        if findings.configuration is not None or arguments.all:
            show_decisions(examined, everything=arguments.all)
    return 1 if findings.configuration is None else 0


def as_dict(path: str, examined: Examined) -> dict[str, object]:
    """Return the result for JSON."""
    findings = examined.findings
    result: dict[str, object] = {
        "ok": findings.configuration is not None,
        "file": path,
        "format": str(examined.form),
        "problems": [problem.as_dict() for problem in findings.problems],
        "notes": [note.as_dict() for note in findings.notes],
    }
    if examined.form == "keepalived":
        result["decisions"] = [one.as_dict() for one in examined.decisions]
    return result


def show(path: str, findings: Findings) -> None:
    """Print the result for people: what is wrong to standard error, what is right to standard output."""
    for problem in findings.problems:
        print(f"{problem}{excerpt(problem, findings.lines_of(problem.file))}", file=sys.stderr)
    for note in findings.notes:
        print(f"{note.as_note()}{excerpt(note, findings.lines_of(note.file))}", file=sys.stderr)
    if findings.configuration is None:
        print(f"{path}: {counted(len(findings.problems), 'problem')}", file=sys.stderr)
    else:
        print(f"{path}: good, {contents(findings.configuration)}")


def contents(configuration: Configuration) -> str:
    """Return what a configuration has most of all."""
    routers, services = configuration.virtual_routers, configuration.virtual_services
    servers = sum(len(service.servers) for service in services)
    parts = [counted(len(routers), "virtual router")] if routers or not services else []
    if services:
        parts.append(f"{counted(len(services), 'virtual service')} with {counted(servers, 'server')}")
    return ", ".join(parts)


def show_decisions(examined: Examined, *, everything: bool) -> None:
    """Print what became of the directives of a keepalived.conf, grouped, to standard output."""
    if not examined.decisions:
        return
    from havip.config.keepalived.report import TITLES, Outcome

    for outcome, title in TITLES.items():
        chosen = [one for one in examined.decisions if one.outcome is outcome]
        if not chosen:
            continue
        if not everything and outcome in (Outcome.MAPPED, Outcome.ALWAYS):
            print(f"{title}: {counted(len(chosen), 'directive')}")
            continue
        print(f"\n{title}:")
        for one in chosen:
            key = f" -> {one.key}" if one.key else ""
            print(f"  {one.where}: {one.directive}{key}" + (f": {one.why}" if one.why else ""))


def excerpt(problem: Problem, lines: tuple[str, ...]) -> str:
    """Return the line of the file with a caret under the column, indented, or nothing for no line."""
    if not 1 <= problem.line <= len(lines):
        return ""
    line = lines[problem.line - 1]
    if not line.strip() or not line.replace("\t", " ").isprintable():
        return ""
    start = max(0, problem.column - 1 - WINDOW // 2) if len(line) > WINDOW else 0
    before = "".join("\t" if c == "\t" else " " for c in line[start : problem.column - 1])
    return f"\n    {line[start : start + WINDOW]}\n    {before}^"


def counted(count: int, noun: str) -> str:
    """Return ``1 problem`` or ``2 problems``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
