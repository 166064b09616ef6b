"""The table of every key that a configuration may hold, put together from one file a concern.  Pure.

One entry is all a new key needs: the reader, `havip schema`, the reload plan and the test of the book's
key list work from this table.  Defaults are those of the dataclasses in `havip.config.model`; a field of
the dataclass without one is a key that must be given.
"""

from __future__ import annotations

from havip.config.fields import Field, Group, Named
from havip.config.keys.announce import ANNOUNCE
from havip.config.keys.balancing import SECTIONS as BALANCED
from havip.config.keys.daemon import DAEMON
from havip.config.keys.groups import SYNC_GROUPS
from havip.config.keys.health import SECTION as CHECKS
from havip.config.keys.metrics import METRICS
from havip.config.keys.names import NAME
from havip.config.keys.notify import SECTIONS as NOTIFIED
from havip.config.keys.router import DEFAULTS, ROUTER
from havip.config.keys.routing import STATIC
from havip.config.keys.snmp import SECTIONS as MANAGED
from havip.config.keys.tracking import SECTIONS as TRACKED

__all__ = ["ANNOUNCE", "CONFIGURATION", "DAEMON", "DEFAULTS", "NAME", "ROUTER"]

CONFIGURATION = Group(
    dict,
    (
        Field("daemon", DAEMON, "what concerns the processes and not one router", {"realtime_priority": 50}),
        Field(
            "defaults",
            DEFAULTS,
            "keys that every virtual router has unless it says otherwise",
            {"interval": "100ms"},
        ),
        Field(
            "static",
            STATIC,
            "addresses, routes and rules that are held while the daemon runs, whoever is master",
            {"routes": [{"to": "203.0.113.0/24", "via": "192.0.2.254"}]},
            elsewhere=("static_ipaddress", "static_routes", "static_rules"),
        ),
        Field(
            "virtual_routers",
            Named(ROUTER, NAME, "virtual router"),
            "the virtual routers, by name",
            {"gateway": {"interface": "eth0", "vrid": 51, "addresses": ["192.0.2.1/24"]}},
            elsewhere=("vrrp_instance", "vrrp_instances", "routers", "instances"),
        ),
        SYNC_GROUPS,
        *TRACKED,
        CHECKS,
        *NOTIFIED,
        *MANAGED,
        METRICS,
        *BALANCED,
    ),
    expected='a configuration with the key "virtual_routers" or "virtual_services"',
    any_of=("virtual_routers", "virtual_services"),
)
