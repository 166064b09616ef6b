"""What one run of a check does: a value type for each kind of probe.  Pure.

Where a probe goes, how often and what its runs add up to is the check's: `havip.config.health`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Tcp:
    """A connection over TCP; what is sent and expected in answer comes with the conversation."""


@dataclass(frozen=True, slots=True)
class Script:
    """A program of the operator's: exit code 0 is good."""

    command: tuple[str, ...]
    user: str = ""  # empty: daemon.script_user
    group: str = ""  # empty: that of the user
    dynamic: bool = False  # exit codes 2 to 255 are good as well, and ask for a weight of 0 to 253


@dataclass(frozen=True, slots=True)
class File:
    """A file that holds a whole number."""

    path: str
    factor: int = 0  # 0: it has failed while the number is not 0; else times the number, the weight
    reverse: bool = False


#: the keys of a check that say what it does: of these it has exactly one
KINDS: Final = ("tcp", "script", "file", "all", "any")
#: the kinds that go to a host, and the port of each unless the check names one; None: it must
PORTS: Final[dict[str, int | None]] = {"tcp": None}
#: the kinds that make one check of several, and probe nothing
TOGETHER: Final = ("all", "any")
