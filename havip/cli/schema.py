"""`havip schema`: print the JSON Schema of the configuration, for editors."""

from __future__ import annotations

import argparse
import json

HELP = "print the JSON Schema of the configuration file, for editors"
EPILOG = """\
Save it and name it in the first line of a configuration, and an editor with a YAML language server
completes and checks keys while you type:

    havip schema > havip.schema.json
    # yaml-language-server: $schema=havip.schema.json

exit status: 0."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb: it takes no arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG


def run(arguments: argparse.Namespace) -> int:
    """Print the schema.  Returns the exit status."""
    from havip.config.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0
