"""The configurations of the director in `kinds`: every kind of service there is."""

from __future__ import annotations

from typing import Final

PROBE: Final = "{http: {path: /health}, interval: 300ms, timeout: 5s, rise: 1, fall: 1}"
INSIDE: Final = "w1: {address: 10.88.0.11, port: %s}, w2: {address: 10.88.0.12, port: %s}"
INSIDE6: Final = 'w1: {address: "fd88::11", port: 80}, w2: {address: "fd88::12", port: 80}'
PAGES: Final = INSIDE % (80, 80)
ECHOES: Final = INSIDE % (7, 7)
BOUND: Final = "upper_threshold: 2, lower_threshold: 1"

HEAD: Final = """
load_balancer: {timeouts: {udp: 2s}, reconcile: 1s%s}
service_defaults: {scheduler: rr, forwarding: nat}
virtual_services:
"""


def mixed(name: str, host: int, within6: str, within4: str) -> str:
    """Return two services whose servers are of the other family: reached within IPv6 and within IPv4."""
    return f"""
  {name}-4: {{address: 10.77.0.{host}, port: 80, forwarding: {within6},
    servers: {{w1: {{address: "fd77::11"}}, w2: {{address: "fd77::12"}}}}}}
  {name}-6: {{address: "fd77::{host}", port: 80, forwarding: {within4},
    servers: {{w1: {{address: 10.77.0.11}}, w2: {{address: 10.77.0.12}}}}}}
"""


GUE: Final = "{method: tunnel, encapsulation: gue, port: 6080, checksum: %s}"
GRE: Final = "{method: tunnel, encapsulation: gre, checksum: full}"
MIXED: Final = (
    mixed("ipip", 203, "tunnel", "tunnel")
    + mixed("gue", 204, GUE % "full", GUE % "remote")
    + mixed("gre", 205, GRE, GRE)
)

FIRST: Final = f"""
virtual_routers:
  lan: {{interface: own, vrid: 9, interval: 100ms, addresses: [10.66.0.9/24]}}
service_groups:
  marked: {{addresses: [10.77.0.210-211, 10.77.0.212, 10.77.0.216/31, {{address: 10.77.0.219, port: 81}}]}}
  listed: {{addresses: [10.77.0.220-221, 10.77.0.222/31], fwmarks: [10]}}
{HEAD % ""}
  once: {{address: 10.77.0.202, port: 7, transport: udp, one_packet: true, forwarding: direct,
    servers: {{w1: {{address: 10.77.0.11}}, w2: {{address: 10.77.0.12}}}}}}
  faithful: {{address: 10.77.0.201, port: 7000, transport: udp, persistence: 3s, servers: {{{ECHOES}}}}}
  network: {{address: 10.77.0.201, port: 7001, transport: udp, servers: {{{ECHOES}}},
    persistence: {{timeout: 300s, prefix_length: 24}}}}
  plain: {{address: 10.77.0.201, port: 7002, transport: udp, servers: {{{ECHOES}}}}}
  bound: {{address: 10.77.0.201, port: 7003, transport: udp, servers: {{
    w1: {{address: 10.88.0.11, port: 7, {BOUND}}}, w2: {{address: 10.88.0.12, port: 7, {BOUND}}}}}}}
  masqueraded-once: {{address: 10.77.0.201, port: 7005, transport: udp, one_packet: true,
    servers: {{{ECHOES}}}}}
  sctp: {{address: 10.77.0.201, port: 7, transport: sctp, servers: {{{ECHOES}}}}}
  sctp-direct: {{address: 10.77.0.202, port: 7, transport: sctp, forwarding: direct,
    servers: {{w1: {{address: 10.77.0.11}}, w2: {{address: 10.77.0.12}}}}}}
  by-hand: {{fwmark: 9, servers: {{{PAGES}}}}}
  by-hand6: {{fwmark: 9, servers: {{{INSIDE6}}}}}
  marked: {{group: marked, port: 80, nftables_mark: 77, servers: {{{PAGES}}}}}
  listed: {{group: listed, port: 80, servers: {{{PAGES}}}}}
  gradual: {{address: 10.77.0.201, port: 8084, slow_start: 1500ms, probes: {{page: {PROBE}}}, servers: {{
    w1: {{address: 10.88.0.11, port: 80, weight: 100}}, w2: {{address: 10.88.0.12, port: 80, weight: 100}}}}}}
  suspended: {{address: 10.77.0.201, port: 8085, probe_as_master_of: lan, probes: {{page: {PROBE}}},
    servers: {{{PAGES}}}}}
  sorry:
    address: 10.77.0.202
    port: 80
    when_failed: inhibit
    quorum: 3
    hysteresis: 1
    start_failed: true
    probes: {{page: {PROBE}}}
    notify: {{up: "/bin/sh -c 'echo up >> FOLDER/told'", down: "/bin/sh -c 'echo down >> FOLDER/told'"}}
    sorry_server: {{address: 10.77.0.12, forwarding: direct, inhibit: true}}
    servers: {{w1: {{address: 10.88.0.11, weight: 3}}, w2: {{address: 10.88.0.12, weight: 2}}}}
{MIXED}"""

#: name, flags as configured, and as ipvsadm writes them
SCHEDULERS: Final = (
    *((name, "", "") for name in ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "fo", "ovf", "sed", "nq")),
    ("sh", "", ""),
    ("sh", "sh-port", " -b sh-port"),
    ("sh", "sh-fallback, sh-port", " -b sh-fallback,sh-port"),
    ("mh", "", ""),
    ("mh", "mh-port", " -b mh-port"),
    ("mh", "mh-fallback", " -b mh-fallback"),
)


def schedulers() -> str:
    """Return a service of every scheduler, and one whose scheduler the kernel lacks."""
    lines = [
        f"  s{number}: {{address: 10.77.0.201, port: {9000 + number}, scheduler: {name}, "
        f"scheduler_flags: [{flags}], servers: {{{PAGES}}}}}\n"
        for number, (name, flags, _) in enumerate(SCHEDULERS)
    ]
    lacking = f"  twos: {{address: 10.77.0.201, port: 8999, scheduler: twos, servers: {{{PAGES}}}}}\n"
    return HEAD % "" + "".join(lines).replace("scheduler_flags: [], ", "") + lacking


STREAM: Final = f"""
  stream: {{address: 10.77.0.201, port: 8080, servers: {{{ECHOES}}}, announce_stop: true,
    notify: {{down: "/bin/sh -c 'echo down >> FOLDER/told'"}}}}
"""
SECOND: Final = HEAD % "" + STREAM
SYNC: Final = (
    HEAD
    % ', sync_daemon: {interface: eth1, sync_id: 9, group: "ff02::82", port: 8850, ttl: 3, max_length: 1200}'
    + STREAM
)
