"""`havip check-now`: one run of a health check in the foreground, step by step."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

from havip.cli import BAD, DEFAULT_CONFIGURATION, GOOD, USAGE, VERBS, add_form_arguments, how_of
from havip.cli.table import age, at_time
from havip.clock import wall
from havip.control.client import Client
from havip.errors import HavipError, Unreachable

if TYPE_CHECKING:
    from havip.cli.rehearsal import Rehearsal
    from havip.config.health import Check
    from havip.config.model import Configuration

HELP = VERBS["check-now"]

EPILOG = """\
The probe is sent by this process, from the network namespace and by the programs' users that the daemon would
take; the daemon need not run, and does not notice.  A check of several others runs those; one with a parent
runs that first.

examples:
  havip check-now web
  havip check-now web -c new.yaml       before a reload
  havip check-now web --json | jq .words

exit codes:
  0  it passed
  1  it failed
  2  it could not be run: no check has the NAME, the file has errors, wrong usage
  4  not permitted: entering the daemon's network namespace takes root
  69 that network namespace is not there
"""
COULD_NOT: Final = USAGE


def add_arguments(parser: ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.epilog = EPILOG
    parser.add_argument("name", metavar="NAME", help="the name of the check")
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        default=DEFAULT_CONFIGURATION,
        help="the file that has the check (default: %(default)s)",
    )
    add_form_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON (docs/cli.md lists its keys)")
    parser.add_argument(
        "--here",
        action="store_true",
        help="stay in this network namespace, whatever daemon.network_namespace says",
    )
    parser.add_argument(
        "--socket",
        metavar="PATH",
        help="the control socket of the daemon whose verdict is shown (default: the file's)",
    )


def run(options: Namespace) -> int:
    """Run the check once.  Returns 0 if it passed."""
    from havip.cli.rehearsal import Rehearsal, definitions
    from havip.config.anyfile import examine
    from havip.config.placing import placed
    from havip.services.checkbook import no_check

    findings = examine(options.config, how_of(options), elsewhere=True).findings
    if findings.configuration is None:
        for problem in findings.problems:
            print(problem, file=sys.stderr)
        return COULD_NOT
    configuration = placed(findings.configuration, None)
    checks = definitions(configuration)
    if options.name not in checks:
        print(f"havip: {no_check(options.name, checks)}", file=sys.stderr)
        return COULD_NOT
    for name, credential in credentials_of(options.name, checks):
        what = f'the credential "{credential}", which systemd hands to the daemon alone'
        print(f"havip: check {name} needs {what}", file=sys.stderr)
        return COULD_NOT
    verdict = verdict_of(options, configuration)  # before we leave this namespace: a relative path stays
    enter(options, configuration)
    rehearsal = Rehearsal(checks, quiet if options.json else print_step)
    word = asyncio.run(rehearsal.run(options.name))
    if options.json:
        print(json.dumps(as_dict(options.name, rehearsal, verdict), indent=2))
    else:
        print(f"{options.name} {'PASSED' if word.good else 'FAILED'}: {word.why}")
        print(in_words(verdict))
    return GOOD if word.good else BAD


def credentials_of(name: str, checks: Mapping[str, Check]) -> Iterator[tuple[str, str]]:
    """Yield the credentials that a check, or one that it goes by, needs; nothing if they can be read here."""
    from havip.config.keyfiles import CREDENTIALS

    if os.environ.get(CREDENTIALS):
        return
    waiting, seen = [name], set()
    while waiting:
        check = checks.get(waiting.pop())
        if check is not None and check.name not in seen:
            seen.add(check.name)
            waiting += check.needs
            yield from ((check.name, credential) for credential in credentials_within(check))


def credentials_within(value: Any) -> Iterator[str]:
    """Yield the names of the credentials in a value of the configuration."""
    from havip.config.authentication import SecretSource

    if isinstance(value, SecretSource):
        if value.credential is not None:
            yield value.credential
    elif is_dataclass(value):
        for field in fields(value):
            yield from credentials_within(getattr(value, field.name))


def enter(options: Namespace, configuration: Configuration) -> None:
    """Go where the daemon would run.  Raises `NoNamespace`, `NotPermitted`."""
    from havip import process

    namespace = configuration.daemon.network_namespace
    if namespace is None or options.here or process.in_network_namespace(namespace):
        return
    process.enter_network_namespace(namespace)
    if not options.json:
        print(f"in the network namespace {namespace}")


def print_step(text: str) -> None:
    """Show a step as it happens."""
    print(text, flush=True)


def quiet(text: str) -> None:
    """Show nothing yet."""


def verdict_of(options: Namespace, configuration: Configuration) -> dict[str, Any] | str:
    """Return what the daemon says of the check, or why that is not known."""
    client = Client(options.socket or configuration.daemon.control_socket, timeout=5.0)
    try:
        (found,) = client.checks_as_dict(options.name)["shown"]
    except Unreachable:
        return f"no daemon answers on {client.path}"
    except (HavipError, KeyError, ValueError) as error:
        return str(error)
    return {key: found[key] for key in ("state", "since", "why")}


def in_words(verdict: dict[str, Any] | str) -> str:
    """Return the daemon's verdict for people."""
    if isinstance(verdict, str):
        return f"the daemon's verdict is not known: {verdict}"
    since = f"for {age(wall() - verdict['since'])}, since {at_time(verdict['since'])}"
    return f"the daemon's verdict is {verdict['state']} {since}: {verdict['why'] or verdict['state']}"


def as_dict(name: str, rehearsal: Rehearsal, verdict: dict[str, Any] | str) -> dict[str, Any]:
    """Return the result for JSON."""
    word = rehearsal.words[name]
    known = isinstance(verdict, dict)
    return {
        "check": name,
        "passed": bool(word.good),
        "words": word.why,
        "runs": rehearsal.shown,
        "daemon": verdict if known else None,
        "daemon_error": None if known else verdict,
    }
