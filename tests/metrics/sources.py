"""A daemon's status and checks with something of everything, as metrics are made from them."""

from __future__ import annotations

from typing import Any

from havip.control.serviceviews import balancer_as_dict, service_as_dict
from havip.metrics.family import Source
from tests.control.balanced import BALANCER, DNS
from tests.control.balanced import WEB as WEB_SERVICE
from tests.control.test_views import SHOWN
from tests.control.test_views import STATUS as BARE

TALLY = {"queued": 2, "running": 1, "done": 5, "failed": 1, "dropped": 3, "last": None}
ROUTER = SHOWN | {
    "maintenance": None,
    "counters": {
        "adverts-sent": 3,
        "adverts-received": 0,
        "resignations-sent": 0,
        "resignations-received": 0,
        "became-master": 1,
        "released-master": 1,
        "announcements-sent": 5,
        "addresses-put-back": 0,
        "send-errors": 0,
        "unsigned-believed": 0,
        "equal-priorities": 0,
        "refused-ttl": 4,
        "refused-checksum": 0,
    },
}
STATUS: dict[str, Any] = BARE | {
    "instance": None,
    "network_namespace": "blue",
    "virtual_routers": [ROUTER],
    "totals": {"refused-unknown-vrid": 7, "receive-overflows": 1, "log-lines-dropped": 0},
    "sync_groups": [{"name": "fw", "state": "MASTER", "since": 1_700_000_000.0, "why": "", "members": []}],
    "trackers": [
        {"kind": "script", "name": "web", "good": True, "value": None, "why": ""},
        {"kind": "file", "name": "load", "good": None, "value": 17, "why": ""},
    ],
    "notifications": {
        "scripts": TALLY,
        "mail": None,
        "fifos": [{"path": "/run/fifo", "written": 9, "dropped": 0, "failed": 0}],
        "webhooks": [{"url": "https://x/"} | TALLY],
    },
}
WEB: dict[str, Any] = {
    "name": 'web "1"\\\n',
    "kind": "tcp",
    "where": "192.0.2.10:80",
    "state": "good",
    "since": 1_700_000_000.25,
    "why": "is good",
    "changes": 2,
    "last": {"words": "", "failure": None, "warning": "soon", "took": 0.002, "at": 1_700_000_009.0},
    "runs": {"passed": 10, "timed-out": 2},
    "response_times": {"sum": 0.5, "buckets": [[0.001, 4], [0.1, 5], [1.0, 0], [None, 1]]},
    "weight": 7,
    "against": 1,
    "held_back": False,
}
NEW: dict[str, Any] = WEB | {
    "name": "new",
    "state": "unknown",
    "last": None,
    "runs": {},
    "response_times": None,
    "weight": None,
    "held_back": None,
}
COUNTERS = {
    "runs": 12,
    "late": 1,
    "lateness": 2_500_000_000,
    "worst-lateness": 60_000_000,
    "under-way": 3,
    "waiting": 0,
}
CHECKS: dict[str, Any] = {
    "good": 1,
    "failed": 0,
    "unknown": 1,
    "warned": 1,
    "stale": None,
    "counters": COUNTERS,
    "shown": [WEB, NEW],
}
SERVICES: dict[str, Any] = {
    "total": 2,
    "up": 1,
    "down": 1,
    "fault": 0,
    "stale": None,
    "ipvs": balancer_as_dict(BALANCER),
    "orders": [{}],
    "shown": [service_as_dict(WEB_SERVICE), service_as_dict(DNS)],
}
SOURCE = Source(
    STATUS,
    CHECKS,
    {
        ("router", "gateway", "MASTER"): 3,
        ("group", "fw", "FAULT"): 1,
        ("service", "web", "UP"): 2,
        ("server", "web/web2", "DOWN"): 5,
    },
    {"served": 4, "refused": 0, "cut-off": 1},
    SERVICES,
)
