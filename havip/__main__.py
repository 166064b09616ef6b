"""`havip` and `python -m havip`: find the verb, import that one alone, run it, return its exit code.

Must stay quick to start: `havip --help` imports argparse and nothing of the daemon.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from havip.cli import BAD, GOOD, NOT_PERMITTED, UNAVAILABLE, UNREACHABLE, USAGE, VERBS, module_of
from havip.errors import HavipError, NoNamespace, NotPermitted, Unreachable

EPILOG = """\
first steps:
  havip check -c havip.yaml      is this file good, and if not, what is wrong where?
  havip run -c havip.yaml        run it (as root); Ctrl-C resigns and removes the addresses
  havip status                   who is master, since when, and why
  havip reload                   apply the changed file; what has not changed is not touched
  havip failover ROUTER          let another machine take over

exit codes:
  0  good
  1  bad: the configuration has errors, what was asked for was refused
  2  wrong usage
  3  no daemon answers on the control socket
  4  not permitted

`havip VERB --help` tells more.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.  Raises SystemExit for help and wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] in (["--version"], ["-V"]):
        words[0] = "version"
    try:
        return run(words)
    except BrokenPipeError:
        # `havip status | head`: the reader has what it wanted.  Nothing more can be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except KeyboardInterrupt:
        return 130
    except HavipError as error:
        print(f"havip: {error}", file=sys.stderr)
        if isinstance(error, Unreachable):
            return UNREACHABLE
        if isinstance(error, NoNamespace):
            return UNAVAILABLE
        return NOT_PERMITTED if isinstance(error, NotPermitted) else BAD


def run(words: Sequence[str]) -> int:
    """Run the verb that ``words`` begin with."""
    verb = words[0] if words and words[0] in VERBS else None
    parser = argparse.ArgumentParser(
        prog="havip",
        description="Virtual addresses that survive the death of a router: VRRP for Linux.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="store_true", help="the same as `havip version`")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    for name, line in VERBS.items():
        own = verbs.add_parser(
            name,
            help=line,
            description=f"{line[0].upper()}{line[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name == verb:
            import_module(module_of(name)).add_arguments(own)
    try:
        options = parser.parse_args(words)
        if verb is None:
            parser.print_help(sys.stderr)
            return USAGE
        code: int = import_module(module_of(verb)).run(options)
        return code
    finally:
        sys.stdout.flush()  # a reader that has left must be noticed here, not at exit


if __name__ == "__main__":
    sys.exit(main())
