"""What one run of a check does: a value type for each kind of probe.  Pure.

Where a probe goes, how often and what its runs add up to is the check's: `havip.config.health`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Tcp:
    """A connection over TCP; what is sent and expected in answer comes with the conversation."""


#: the keys of a check that say what it does: of these it has exactly one
KINDS: Final = ("tcp",)
#: the kinds that go to a host, and the port of each unless the check names one; None: it must
PORTS: Final[dict[str, int | None]] = {"tcp": None}
