"""The signals by which keepalived's users ask for its state.  The supervisor answers them.

Whoever signals all processes of the service reaches the workers as well, which must not end by it.
"""

from __future__ import annotations

import signal
from typing import Final

STATE: Final[int] = signal.SIGUSR1
STATS: Final[int] = signal.SIGUSR2
JSON: Final[int] = signal.SIGRTMIN + 2
STATS_AND_CLEAR: Final[int] = signal.SIGRTMAX - 1
DUMPS: Final = (STATE, STATS, JSON, STATS_AND_CLEAR)
