"""A daemon's configuration and reports for the tests of what is shown of them."""

from __future__ import annotations

from dataclasses import replace

from havip.clock import milliseconds, seconds
from havip.config.balancing import LoadBalancer, SyncDaemon
from havip.config.model import Configuration
from havip.config.notify import Mail, Notify
from havip.config.snmp import Snmp
from havip.config.tracking import TrackerKind
from havip.control.serviceviews import Services, balancer_as_dict, service_as_dict
from havip.errors import Refusal
from havip.messages import GroupReport, RouterReport, Term
from havip.snmp.agentx import Binding, Range
from havip.snmp.history import History
from havip.snmp.mib import Mib
from havip.snmp.trees import tree
from havip.snmp.values import END_OF_MIB_VIEW, Kind, Oid, Value, oid
from havip.snmp.view import Interface, Times, View, view
from tests.config.reading import read
from tests.control.balanced import BALANCER, CONFIGURATION, DNS, WEB

TEXT = """
snmp: {}
notify: {router_id: r1}
scripts:
  web: {command: [/bin/true, a b], interval: 2s, weight: 5, rise: 2, fall: 3}
tracked_files:
  load: {path: /run/load, weight: 2}
tracked_processes:
  named: {process: named, weight: 7, quorum: 2, fork_delay: 2ms}
sync_groups:
  both: {members: [old, six], notify: {master: [/bin/true, group]}}
static:
  addresses: [{address: 198.51.100.9/32, device: eth1}]
virtual_routers:
  old:
    interface: eth0
    vrid: 51
    version: 2
    interval: 2s
    priority: 150
    preempt_delay: 1500ms
    authentication: {type: pass, password: {value: abcd}}
    addresses: [192.0.2.1/24, {address: 192.0.2.2/25, device: eth1, label: "eth1:x", broadcast: 192.0.2.127}]
    excluded_addresses: [192.0.2.9/32]
    routes: [{to: 203.0.113.0/24, via: 192.0.2.254, metric: 5, mtu: 1400, lock: [mtu]}]
    rules: [{priority: 100, source: 192.0.2.0/24, table: 100}]
    track:
      scripts: [web]
      files: [load]
      processes: [named]
      interfaces: [{interface: eth1, weight: -30, reverse: true}]
    notify: {any: /bin/true, deleted: /bin/true}
  six:
    interface: eth0
    vrid: 52
    interval: 100ms
    preempt: false
    accept: true
    start: master
    virtual_mac: true
    addresses: ["fe80::1/64", "2001:db8::1/64"]
  far:
    interface: eth7
    vrid: 53
    unicast: {peers: [192.0.2.77]}
    addresses: [192.0.2.3/24]
"""
NOW = 1_800_000_000.0
INTERFACES = {
    "eth0": Interface(3, bytes.fromhex("020000000001")),
    "eth1": Interface(4),
    "vrrp.52": Interface(9),
}


TERMS = (
    Term(TrackerKind.SCRIPT, "web", 5, 5, False, "exited with 0"),
    Term(TrackerKind.FILE, "load", 2, -6, False, "is -3"),
    Term(TrackerKind.PROCESS, "named", 7, 0, False, "waits for its first result"),
)
COUNTERS = {
    "became-master": 2,
    "adverts-received": 70_000,
    "resignations-received": 3,
    "resignations-sent": 4,
    "refused-ttl": 5,
    "refused-peer-ttl": 1,
    "refused-interval": 7,
    "refused-password": 8,
    "refused-auth-type": 9,
    "refused-type": 10,
    "refused-length": 11,
    "refused-checksum": 12,
}


def report(configuration: Configuration, name: str, state: str, **more: object) -> RouterReport:
    """Return what the worker says of a virtual router."""
    (router,) = [one for one in configuration.virtual_routers if one.name == name]
    usual: dict[str, object] = {
        "since": NOW - 10,
        "why": "",
        "priority": router.priority,
        "effective_priority": router.priority,
        "interval": router.interval,
        "master_interval": router.interval,
        "master_down": seconds(3),
        "next_deadline": milliseconds(1),
        "master": "",
        "primary_address": "",
        "addresses": (),
    }
    return RouterReport(router.key, name, router.version, state, **usual | more)  # type: ignore[arg-type]


def shown(text: str = TEXT) -> View:
    """Return the daemon of `TEXT`: ``old`` is MASTER, ``six`` BACKUP, and ``far`` has no interface."""
    configuration = read(text)
    found = {
        "old": report(
            configuration,
            "old",
            "MASTER",
            effective_priority=149,
            master="192.0.2.11",
            primary_address="192.0.2.11",
            counters=COUNTERS,
            terms=TERMS,
        ),
        "six": report(
            configuration, "six", "BACKUP", master="fe80::22", primary_address="fe80::11", terms=TERMS
        ),
        "far": report(configuration, "far", "FAULT", why="no interface"),
    }
    reports = {one.key: one for one in found.values()}
    history = History()
    for one in found.values():
        history.note(replace(one, since=NOW - 20), NOW)
    old = found["old"].key
    history.became_master(old, "the master resigned")
    history.erred(old, Refusal.CHECKSUM)
    return view(
        configuration,
        reports,
        {"both": GroupReport("both", "BACKUP", NOW, "", ("old", "six"))},
        history,
        INTERFACES,
        totals={"refused-checksum": 1, "refused-unknown-vrid": 6, "refused-version": 2},
        name="r1",
        times=Times(NOW, 60_000),
    )


def balanced() -> View:
    """Return a daemon with virtual services, a sync daemon and mail, as the checker worker reports them."""
    sync = SyncDaemon("eth0", "old", sync_id=51, max_length=1460)
    configuration = replace(
        CONFIGURATION,
        snmp=Snmp(),
        load_balancer=LoadBalancer(sync_daemon=sync),
        notify=Notify(mail=Mail("192.0.2.25", "a@test", ("b@test",))),
    )
    known = Services.of(
        {
            "total": 2,
            "up": 1,
            "down": 1,
            "fault": 0,
            "sorry": 1,
            "ipvs": balancer_as_dict(BALANCER),
            "shown": [service_as_dict(WEB), service_as_dict(DNS)],
        }
    )
    services = {service.name: service for service in known.shown}
    return View(configuration, services=services, ipvs=known.ipvs or {}, name="r1")


def walk(mib: Mib, below: str) -> dict[str, Value]:
    """Return all that is below an object identifier, by what comes after it, in the order of a walk."""
    found: dict[str, Value] = {}
    root = at = oid(below)
    while True:
        binding: Binding = mib.first_in(Range(at, False, (*root[:-1], root[-1] + 1)))
        if binding.value is END_OF_MIB_VIEW:
            return found
        found[".".join(map(str, binding.name[len(root) :]))] = binding.value
        at = binding.name


def table(below: str, text: str = TEXT) -> dict[str, object]:
    """Return the same as bare values: numbers, texts, and bytes in hexadecimal."""
    one = shown(text)
    assert one.configuration.snmp is not None
    return {name: plain(value) for name, value in walk(tree(one.configuration.snmp, one), below).items()}


def plain(value: Value) -> int | str | Oid:
    """Return a value for comparing."""
    if not isinstance(value.data, bytes):
        return value.data
    if value.kind is Kind.OCTET_STRING and value.data.isascii() and value.data.decode().isprintable():
        return value.data.decode()
    return value.data.hex()
