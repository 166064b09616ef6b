"""The table of what may stand in a keepalived.conf outside of any block, put together from one file an area.

Pure.  ``FINISH`` is what is settled when all of a file was read, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from havip.config.keepalived import (
    global_defs,
    groups,
    instance,
    load_balancer,
    routers,
    services,
    statics,
    tracking,
    virtual_servers,
)
from havip.config.keepalived.http_checks import SSL_BLOCK
from havip.config.keepalived.table import Table
from havip.config.keepalived.whole import Whole

ROOT: Final = Table(
    "",
    (
        *global_defs.ROWS,
        *tracking.ROWS,
        *instance.ROWS,
        *groups.ROWS,
        *statics.ROWS,
        *virtual_servers.ROWS,
        SSL_BLOCK,
    ),
)
FINISH: Final[tuple[Callable[[Whole], None], ...]] = (
    routers.settle,
    groups.settle,
    statics.settle,
    global_defs.settle,
    services.settle,
    load_balancer.settle,
)
