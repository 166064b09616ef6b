"""Where each module stands: pure or not, in the VRRP worker or not, above whom; and who may ask for the time.

`house_rules` holds every file to it.  A new module that is pure, or runs in the worker, is written down here.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: modules without I/O and without a clock; of `havip.config` all but those that open files
PURE = {
    "havip",
    "havip.backoff",
    "havip.balancing",
    "havip.clock",
    "havip.config.keys",
    *(f"havip.config.keys.{path.stem}" for path in (ROOT / "havip/config/keys").glob("[!_]*.py")),
    *(
        f"havip.config.{path.stem}"
        for path in (ROOT / "havip/config").glob("*.py")
        if path.stem
        not in ("__init__", "anyfile", "keyfiles", "onsite", "opening", "tables", "understood", "yamlfile")
    ),
    "havip.config.keepalived",
    *(
        f"havip.config.keepalived.{path.stem}"
        for path in (ROOT / "havip/config/keepalived").glob("[!_]*.py")
        if path.stem not in ("outside", "reading")
    ),
    "havip.control.checkviews",
    "havip.control.serviceviews",
    "havip.control.views",
    "havip.damping",
    "havip.errors",
    "havip.healthcheck.agent",
    "havip.healthcheck.census",
    "havip.healthcheck.content",
    "havip.healthcheck.dns_wire",
    "havip.healthcheck.http1",
    "havip.healthcheck.outcome",
    "havip.healthcheck.record",
    "havip.healthcheck.relations",
    "havip.healthcheck.schedule",
    "havip.healthcheck.resp",
    "havip.healthcheck.verdict",
    "havip.healthcheck.words",
    "havip.healthreport",
    "havip.holdoff",
    "havip.instance",
    "havip.ipvs",
    "havip.ipvs.answers",
    "havip.ipvs.codec",
    "havip.ipvs.conflicts",
    "havip.ipvs.drift",
    "havip.ipvs.layout",
    "havip.ipvs.marking",
    "havip.ipvs.events",
    "havip.ipvs.model",
    "havip.ipvs.plan",
    "havip.ipvs.reasons",
    "havip.ipvs.pool",
    "havip.ipvs.servers",
    "havip.ipvs.states",
    "havip.ipvs.succession",
    "havip.ipvs.wanted",
    "havip.messages",
    "havip.metrics",
    "havip.metrics.catalogue",
    "havip.metrics.checks",
    "havip.metrics.family",
    "havip.metrics.routers",
    "havip.metrics.services",
    "havip.netlink.codec",
    "havip.netlink.generic",
    "havip.netlink.routes",
    "havip.netlink.rules",
    "havip.plain",
    "havip.reloads",
    "havip.services.dropset",
    "havip.services.dumped",
    "havip.services.dumplvs",
    "havip.services.dumptext",
    "havip.services.orders",
    "havip.services.serverorders",
    "havip.services.tracked",
    "havip.services.notify.backlog",
    "havip.services.notify.news",
    "havip.services.notify.retry",
    "havip.services.notify.subjects",
    *(
        f"havip.snmp.{path.stem}"
        for path in (ROOT / "havip/snmp").glob("[!_]*.py")
        if path.stem not in ("interfaces", "session")
    ),
    "havip.vrrp.actions",
    "havip.vrrp.announce",
    "havip.vrrp.auth",
    "havip.vrrp.bpf",
    "havip.vrrp.election",
    "havip.vrrp.events",
    "havip.vrrp.holdings",
    "havip.vrrp.ledger",
    "havip.vrrp.machine",
    "havip.vrrp.master",
    "havip.vrrp.packet",
    "havip.vrrp.settings",
    "havip.vrrp.standing",
    "havip.vrrp.states",
    "havip.vrrp.syncgroup",
    "havip.vrrp.timing",
    "havip.vrrp.peers",
    "havip.vrrp.tracking",
    "havip.vrrp.wire",
}
#: what a pure module may take from the standard library: no file, no socket, no process, no clock
PURE_STANDARD_LIBRARY = {
    "__future__", "abc", "base64", "bisect", "collections", "contextlib", "dataclasses", "difflib", "enum",
    "errno", "fnmatch", "functools", "graphlib", "hashlib", "heapq", "hmac", "ipaddress", "itertools", "json",
    "math", "operator", "re", "shlex", "string", "struct", "types", "typing",
}  # fmt: skip

#: what runs in the VRRP worker: the standard library, havip, and nothing that may wait
WORKER_SIDE = (
    "havip.balancing",
    "havip.channel",
    "havip.clock",
    "havip.config.authentication",
    "havip.config.balancing",
    "havip.config.metrics",
    "havip.config.model",
    "havip.config.notify",
    "havip.config.cast",
    "havip.config.devices",
    "havip.config.health",
    "havip.config.http",
    "havip.config.tls",
    "havip.config.probes",
    "havip.config.routing",
    "havip.config.snmp",
    "havip.config.syncgroups",
    "havip.config.tracking",
    "havip.damping",
    "havip.errors",
    "havip.healthreport",
    "havip.instance",
    "havip.messages",
    "havip.netlink",
    "havip.plain",
    "havip.process",
    "havip.rank",
    "havip.signals",
    "havip.vrrp",
)
TOO_HEAVY_FOR_THE_WORKER = {
    "asyncio", "concurrent", "http", "multiprocessing", "sched", "smtplib", "socketserver", "sqlite3", "ssl",
    "subprocess", "urllib", "xml",
}  # fmt: skip

#: who stands above whom; a module imports its own height or below.  Unlisted: an edge, 1.
HEIGHT = {
    "havip.vrrp.announcer": 2,
    "havip.vrrp.ears": 2,
    "havip.vrrp.engine": 2,
    "havip.vrrp.executor": 2,
    "havip.vrrp.ports": 2,
    "havip.vrrp.reporter": 2,
    "havip.vrrp.roster": 2,
    "havip.vrrp.router": 2,
    "havip.vrrp.team": 2,
    "havip.vrrp.trackers": 2,
    "havip.vrrp.worker": 3,
    "havip.loadbalancing": 3,
    "havip.checker": 3,
    "havip.workers": 4,
    "havip.services": 4,
    "havip.overview": 5,
    "havip.supervisor": 5,
    "havip.cli": 6,
    "havip.__main__": 7,
}
STRANGERS = ("havip.vrrp", "havip.healthcheck", "havip.ipvs")  # none of them imports another
MAY_IMPORT_SCAPY = {"havip.cli.decode", "havip.cli.sniff"}

CLOCK_READERS = {"clock_gettime", "clock_gettime_ns", "monotonic", "monotonic_ns", "perf_counter",
                 "perf_counter_ns", "process_time", "process_time_ns", "time", "time_ns"}  # fmt: skip
CALENDAR_READERS = {"now", "today", "utcnow"}
#: who may ask `havip.clock` what time it is; everybody else is told
MAY_ASK = {
    "monotonic": (
        "havip.cli.rehearsal",
        "havip.checker",
        "havip.healthcheck",
        "havip.ipvs.balancer",
        "havip.ipvs.herald",
        "havip.services.hold",
        "havip.supervisor",
        "havip.vrrp.blackbox",
        "havip.vrrp.worker",
    ),
    "uptime": ("havip.services.hold",),
    "wall": (
        "havip.ipvs.herald",
        "havip.services.checkbook",
        "havip.services.servicebook",
        "havip.services.events",
        "havip.healthcheck.tls",
        "havip.services.hold",
        "havip.services.notifier",
        "havip.services.operator",
        "havip.services.snmp_agent",
        "havip.services.resolver",
        "havip.cli",
        "havip.supervisor",
        "havip.vrrp.reporter",
        "havip.vrrp.router",
        "havip.vrrp.team",
        "havip.workers",
    ),
    "pause": ("havip.vrrp.worker",),
    "stamp": ("havip.vrrp.signatures",),
}
