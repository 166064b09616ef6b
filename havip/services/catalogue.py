"""Every service of the supervisor, in the order in which they are made ready; they leave in reverse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from havip.services import Host, Service
from havip.services.check_log import CheckLog
from havip.services.devices import Devices
from havip.services.dumps import Dumps
from havip.services.events import Events
from havip.services.failover import Failover
from havip.services.firewall import Firewall
from havip.services.groups import Groups
from havip.services.hold import Hold
from havip.services.marking import PacketMarks
from havip.services.metrics import Metrics
from havip.services.notifier import Notifications
from havip.services.operator import Operator
from havip.services.resolver import Resolver
from havip.services.sequences import Sequences
from havip.services.service_log import ServiceLog
from havip.services.snmp import Snmp
from havip.services.static import StaticHoldings
from havip.services.trackers import Trackers
from havip.services.worker_log import WorkerLog

SERVICES: Final[tuple[Callable[[Host], Service], ...]] = (
    lambda host: WorkerLog(),
    CheckLog,
    ServiceLog,
    Notifications,  # its programs run before everything and after everything
    Resolver,
    Devices,
    Trackers,
    Firewall,
    PacketMarks,
    Operator,
    Failover,
    Groups,
    Hold,
    Sequences,
    Dumps,
    Snmp,
    lambda host: StaticHoldings(),
    Metrics,
    Events,
)
