"""A configuration file of either form, YAML or keepalived.conf: which it is, and what is to be said about it.

Only the reader of that form is imported.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from havip.config.opening import open_at_once

if TYPE_CHECKING:
    from havip.config.keepalived.report import Decision
    from havip.config.model import Configuration
    from havip.config.nodes import Mapping
    from havip.config.understood import Findings

ENOUGH: Final = 65536  # bytes of a file that say which form it has
#: what a file begins with that is a keepalived.conf and no mapping of YAML: a comment, a condition, a
#: definition, a sequence, or a directive with an argument or a block
_KEEPALIVED: Final = re.compile(
    r"""!|@\^?\S+\s|\$\w+=|~(?:SEQ|LST)|[A-Za-z_]\w*(?:[ \t]+[^\s:=#-]|\s*\{|[ \t]*[#!\n][^{:]*\{)""",
)
_NOTHING_YET: Final = re.compile(r"(?:[ \t\r]*(?:#[^\n]*)?\n)*[ \t]*")


class Form(StrEnum):
    """The forms of a configuration file."""

    YAML = "yaml"
    KEEPALIVED = "keepalived"


@dataclass(frozen=True, slots=True)
class How:
    """How a file is to be read."""

    form: Form | None = None  # None: as its content says
    config_id: str | None = None  # what conditional lines of a keepalived.conf are for; None: the host's name
    compat: bool = False  # pass over what keepalived passes over, and tell


USUAL: Final = How()


@dataclass(frozen=True, slots=True)
class Examined:
    """All that can be said about one file."""

    form: Form
    findings: Findings
    decisions: tuple[Decision, ...] = field(default=())  # of a keepalived.conf
    node: Mapping | None = None  # what a keepalived.conf would be in YAML


def form_of(path: str) -> Form:
    """Return the form that the content of a file has; YAML where that cannot be told.

    A pipe is left alone: what looks into it takes something out of it, and ends who writes to it.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return Form.YAML
        with open_at_once(path) as file:
            data = file.read(ENOUGH) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except (OSError, ValueError):  # ValueError: a zero byte in the path
        return Form.YAML
    return form_of_text(data.removeprefix(b"\xef\xbb\xbf").decode(errors="replace"))


def form_of_text(text: str) -> Form:
    """Return the form that a text has, by what it begins with."""
    begin = _NOTHING_YET.match(text)
    at = 0 if begin is None else begin.end()
    return Form.KEEPALIVED if _KEEPALIVED.match(text, at) else Form.YAML


def examine(path: str, how: How = USUAL, *, elsewhere: bool = False, away: bool = False) -> Examined:
    """Return everything there is to say about the file ``path``.

    With ``elsewhere`` another process will run by it: what only that one can read is noted, not missed.  With
    ``away`` another machine will run by a keepalived.conf: what this one lacks is noted.
    """
    form = how.form or form_of(path)
    if form is Form.YAML:
        from havip.config import yamlfile

        return Examined(form, yamlfile.examine(path, elsewhere=elsewhere))
    from havip.config.keepalived import reading

    found = reading.examine(path, instance=how.config_id, compat=how.compat, elsewhere=elsewhere, away=away)
    return Examined(form, found.findings, found.decisions, found.node)


def load(path: str, how: How = USUAL) -> Configuration:
    """Return the configuration in the file ``path``.  Raises `ConfigurationError`."""
    from havip.config.understood import settle

    return settle(examine(path, how).findings)
