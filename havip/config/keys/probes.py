"""The keys that say what a health check does, one a kind of probe.  Pure."""

from __future__ import annotations

from havip.config.commands import ACCOUNT, COMMAND
from havip.config.fields import Field, Group, ListOf
from havip.config.files import ANY_FILE
from havip.config.keys import probes_databases, probes_wire
from havip.config.keys.names import NAME
from havip.config.keys.probes_http import FIELD as HTTP
from havip.config.keys.probes_rpc import FIELDS as MAIL_AND_GRPC
from havip.config.kinds import Flag, Whole
from havip.config.probes import File, Script

MOST_TOGETHER = 1024  # checks that make one

CONVERSATIONS = (
    *probes_wire.CONVERSATIONS,
    HTTP,
    *MAIL_AND_GRPC,
    *probes_databases.CONVERSATIONS,
    Field(
        "script",
        Group(
            Script,
            (
                Field(
                    "command",
                    COMMAND,
                    "the program and its arguments; exit code 0 is good, everything else is bad",
                    "/usr/local/bin/ask-web 192.0.2.10",
                    elsewhere=("misc_path",),
                ),
                Field(
                    "user",
                    ACCOUNT,
                    "whose rights it runs with; unless given, those of `daemon.script_user`",
                    "nobody",
                ),
                Field("group", ACCOUNT, "the group; unless given, that of the user", "nogroup"),
                Field(
                    "dynamic",
                    Flag(),
                    "exit codes 2 to 255 are good as well, and ask for a weight of two less",
                    True,
                    elsewhere=("misc_dynamic",),
                ),
            ),
        ),
        "a program of yours: good if it ends with exit code 0",
        {"command": "/usr/local/bin/ask-web 192.0.2.10"},
        elsewhere=("MISC_CHECK", "misc_check", "command"),
    ),
    Field(
        "file",
        Group(
            File,
            (
                Field(
                    "path",
                    ANY_FILE,
                    "the file; it holds a whole number, and is worth 0 while it is not there",
                    "/run/havip/drain",
                    elsewhere=("track_file",),
                ),
                Field(
                    "factor",
                    Whole(-253, 253),
                    "times the number: the weight that is asked for, failed below -253; "
                    "0: failed while the number is not 0",
                    1,
                    elsewhere=("weight",),
                ),
                Field(
                    "reverse",
                    Flag(),
                    "turn that round: the weight is taken away; with factor 0, failed while the number is 0",
                    True,
                ),
            ),
        ),
        "a file that holds a whole number",
        {"path": "/run/havip/drain"},
        elsewhere=("FILE_CHECK", "file_check"),
    ),
    Field(
        "all",
        ListOf(NAME, MOST_TOGETHER),
        "names of checks that make one check: good if all of them are",
        ["web", "database"],
    ),
    Field(
        "any",
        ListOf(NAME, MOST_TOGETHER),
        "names of checks that make one check: good if one of them is",
        ["resolver1", "resolver2"],
    ),
)
