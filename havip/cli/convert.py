"""`havip convert`: a keepalived.conf as YAML that means the same, with comments that tell what differs.

Writes to standard output alone, unless told where, and never over a file that is there.
"""

from __future__ import annotations

import argparse
import os
import sys

from havip.cli import BAD, GOOD, VERBS, add_form_arguments, how_of

HELP = VERBS["convert"]
MODE = 0o600  # a password may be in it

EPILOG = """\
The YAML says what the keepalived.conf says, with keepalived's defaults where havip's own are other ones.
Comments tell what differs, and what has no counterpart.  `havip check` shows the same as a report.

A program or a file that this machine lacks is a note: havip may run elsewhere.

Definitions, conditional lines (for --config-id), sequences and includes are carried out, so one file comes of
them.

examples:
  havip convert /etc/keepalived/keepalived.conf > havip.yaml
  havip convert --compat keepalived.conf -o /etc/havip/havip.yaml

exit codes:
  0  converted
  1  the file has errors, which are on standard error, or cannot be written
  2  wrong usage
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("file", metavar="FILE", help="the keepalived.conf")
    parser.add_argument("-o", "--output", metavar="FILE", help="a new file for the YAML, for its owner alone")
    add_form_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Convert the file.  Returns the exit code."""
    from havip.cli.check import show
    from havip.config.anyfile import Form, examine
    from havip.config.keepalived.yamltext import write

    examined = examine(options.file, how_of(options), elsewhere=True, away=True)
    if examined.form is Form.YAML:
        print(f"havip: {options.file} is no keepalived.conf (or say --format keepalived)", file=sys.stderr)
        return BAD
    if examined.findings.configuration is None or examined.node is None:
        show(options.file, examined.findings)
        return BAD
    for note in examined.findings.notes:
        print(note.as_note(), file=sys.stderr)
    text = write(examined.node, examined.decisions, options.file)
    if options.output is None:
        print(text, end="")
        return GOOD
    try:
        descriptor = os.open(options.output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        with open(descriptor, "w") as file:
            file.write(text)
    except OSError as error:
        print(f"havip: {options.output}: {error.strerror}", file=sys.stderr)
        return BAD
    return GOOD
