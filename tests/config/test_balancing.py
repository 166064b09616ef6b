"""What a file says about the load balancer, as values; and the checks that are made of probes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest

from havip.clock import milliseconds, seconds
from havip.config.balancing import (
    Block,
    Encapsulation,
    Foreign,
    Forwarding,
    Mark,
    Method,
    OnStop,
    Persistence,
    Programs,
    RealServer,
    ServiceGroup,
    SorryServer,
    SyncDaemon,
    Transport,
    TunnelChecksum,
    VirtualService,
    WhenFailed,
)
from havip.config.health import Check
from havip.config.model import Configuration
from havip.config.probes import Ping, Script, Tcp
from tests.config.reading import complaints, read

EVERY_KEY = """\
virtual_services:
  web:
    address: 192.0.2.1
    port: 80
    transport: udp
    scheduler: sh
    scheduler_flags: [sh-port, flag-3]
    one_packet: true
    persistence: {timeout: 5min, prefix_length: 24, engine: sip}
    forwarding: {method: tunnel, encapsulation: gue, port: 6080, checksum: remote}
    probes:
      ping: {ping: {}, interval: 1s}
    quorum: 3
    hysteresis: 1
    sorry_server: {address: 192.168.1.99, port: 8080, forwarding: nat, inhibit: true}
    when_failed: inhibit
    drain_timeout: 1min
    drain: true
    slow_start: 30s
    start_failed: true
    announce_stop: true
    probe_as_master_of: gateway
    host: www.example.com
    notify: {up: /bin/true up, down: [/bin/true, down], timeout: 5s, mail: false, webhooks: false}
    servers:
      web1:
        address: 192.168.1.11
        port: 80
        weight: 4
        forwarding: {method: direct}
        when_failed: remove
        upper_threshold: 1000
        lower_threshold: 500
        slow_start: 0s
        probes: {tcp: {tcp: {}, port: 81}}
        checks: [uplink]
        notify: {down: /bin/true}
checks:
  uplink: {ping: {}, host: 192.0.2.254}
virtual_routers:
  gateway: {interface: eth0, vrid: 51, addresses: [192.0.2.1/24]}
"""


def service(*lines: str, rest: str = "", way: str = "address: 192.0.2.1\n    port: 80") -> str:
    """Return a file with one virtual service of one server; ``lines`` begin in line 6."""
    head = f"virtual_services:\n  web:\n    {way}\n    servers: {{web1: {{address: 192.168.1.11}}}}\n"
    return head + "".join(f"    {line}\n" for line in lines) + rest


def only(text: str) -> VirtualService:
    """Return the one virtual service of a good text."""
    (found,) = read(text).virtual_services
    return found


def checks(text: str) -> dict[str, Check]:
    """Return every check of a good text by its name."""
    return {check.name: check for check in read(text).checks}


def test_every_key_of_a_service_has_its_value() -> None:
    assert only(EVERY_KEY) == VirtualService(
        name="web",
        address=IPv4Address("192.0.2.1"),
        port=80,
        transport=Transport.UDP,
        scheduler="sh",
        scheduler_flags=("sh-port", "flag-3"),
        one_packet=True,
        persistence=Persistence(seconds(300), 24, "sip"),
        forwarding=Forwarding(Method.TUNNEL, Encapsulation.GUE, 6080, TunnelChecksum.REMOTE),
        probes=(Check("ping", ping=Ping(), interval=seconds(1)),),
        quorum=3,
        hysteresis=1,
        sorry_server=SorryServer(IPv4Address("192.168.1.99"), 8080, Forwarding(Method.NAT), inhibit=True),
        when_failed=WhenFailed.INHIBIT,
        drain_timeout=seconds(60),
        drain=True,
        slow_start=seconds(30),
        start_failed=True,
        announce_stop=True,
        probe_as_master_of="gateway",
        host="www.example.com",
        notify=Programs(("/bin/true", "up"), ("/bin/true", "down"), seconds(5), mail=False, webhooks=False),
        servers=(
            RealServer(
                "web1",
                IPv4Address("192.168.1.11"),
                80,
                4,
                Forwarding(Method.DIRECT),
                WhenFailed.REMOVE,
                1000,
                500,
                seconds(0),
                (Check("tcp", tcp=Tcp(), port=81),),
                ("uplink",),
                Programs(down=("/bin/true",)),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("persistence: 5min", "persistence", Persistence(seconds(300))),
        ("persistence:", "persistence", Persistence(seconds(360))),
        ("forwarding: direct", "forwarding", Forwarding(Method.DIRECT)),
        ("sorry_server: 192.168.1.99", "sorry_server", SorryServer(IPv4Address("192.168.1.99"))),
    ],
)
def test_the_short_form_stands_for_the_mapping(line: str, key: str, value: Any) -> None:
    assert getattr(only(service(line)), key) == value


def test_a_service_of_a_firewall_mark_has_no_port_and_may_have_a_family() -> None:
    found = only(service(way="fwmark: 7\n    family: 4"))
    assert (found.fwmark, found.family, found.port, found.address) == (7, 4, None, None)


def test_a_group_is_addresses_ranges_prefixes_and_marks() -> None:
    text = service(
        way="group: front\n    port: 443\n    nftables_mark: 900",
        rest="""\
service_groups:
  front:
    addresses:
      [192.0.2.10, 192.0.2.20-192.0.2.29, 192.0.2.40-41, 198.51.100.0/28, {address: 192.0.2.1, port: 80}]
    fwmarks: [7, {fwmark: 8, family: 4}]
""",
    )
    pair = [("192.0.2.10", "192.0.2.10"), ("192.0.2.20", "192.0.2.29"), ("192.0.2.40", "192.0.2.41")]
    spans = [*pair, ("198.51.100.0", "198.51.100.15")]
    assert read(text).service_groups == (
        ServiceGroup(
            "front",
            (
                *(Block(IPv4Address(first), IPv4Address(last)) for first, last in spans),
                Block(IPv4Address("192.0.2.1"), IPv4Address("192.0.2.1"), 80),
            ),
            (Mark(7), Mark(8, 4)),
        ),
    )
    assert (only(text).group, only(text).nftables_mark) == ("front", 900)


def test_a_range_of_ipv6_may_end_with_its_last_piece() -> None:
    text = service(
        way="group: front\n    port: 443",
        rest='service_groups: {front: {addresses: ["2001:db8::10-1f"]}}\n',
    ).replace("192.168.1.11", '"2001:db8:1::11"')
    (group,) = read(text).service_groups
    assert group.addresses == (Block(IPv6Address("2001:db8::10"), IPv6Address("2001:db8::1f")),)


def test_ipvs_as_a_whole_has_its_values() -> None:
    balancer = read(
        """\
load_balancer:
  timeouts: {tcp: 15min, tcp_fin: 2min, udp: 5min}
  sync_daemon:
    {interface: eth1, router: gateway, sync_id: 51, group: "ff02::81", port: 8849, ttl: 3, max_length: 1400}
  on_stop: drain
  drain_timeout: 5s
  foreign: remove
  reconcile: 1min
  network_namespace: blue
  nftables_priority: -160
  notify_initial: true
"""
        + EVERY_KEY
    ).load_balancer
    assert balancer.timeouts.tcp == seconds(900)
    assert balancer.timeouts.tcp_fin == seconds(120)
    assert balancer.timeouts.udp == seconds(300)
    assert balancer.sync_daemon == SyncDaemon("eth1", "gateway", 51, IPv6Address("ff02::81"), 8849, 3, 1400)
    assert (balancer.on_stop, balancer.drain_timeout) == (OnStop.DRAIN, seconds(5))
    assert (balancer.foreign, balancer.reconcile) == (Foreign.REMOVE, seconds(60))
    assert (balancer.network_namespace, balancer.nftables_priority) == ("blue", -160)
    assert balancer.notify_initial


def test_the_sync_daemon_may_be_an_interface_alone() -> None:
    assert read(service(rest="load_balancer: {sync_daemon: eth1}\n")).load_balancer.sync_daemon == SyncDaemon(
        "eth1"
    )


def test_a_file_may_have_virtual_services_alone() -> None:
    configuration = read(service())
    assert configuration.virtual_routers == ()
    assert [one.name for one in configuration.virtual_services] == ["web"]


def test_a_service_has_what_it_does_not_say_itself() -> None:
    text = "service_defaults: {scheduler: rr, quorum: 2}\n" + service("scheduler: sed")
    assert (only(text).scheduler, only(text).quorum) == ("sed", 2)


def test_mappings_are_merged_key_by_key() -> None:
    text = "service_defaults: {probes: {tcp: {tcp: {}, interval: 1s, fall: 5}, ping: {ping: {}}}}\n"
    found = only(text + service("probes: {tcp: {interval: 250ms}}"))
    assert {probe.name: (probe.kind, probe.interval, probe.fall) for probe in found.probes} == {
        "tcp": ("tcp", milliseconds(250), 5),
        "ping": ("ping", seconds(2), 3),
    }


@pytest.mark.parametrize(
    ("default", "own", "key", "value"),
    [
        (
            "forwarding: {method: tunnel, encapsulation: gue, port: 6080}",
            "forwarding: nat",
            "forwarding",
            Forwarding(Method.NAT),
        ),
        (
            "persistence: {timeout: 1h, prefix_length: 24}",
            "persistence: 5min",
            "persistence",
            Persistence(seconds(300)),
        ),
        (
            "sorry_server: {address: 192.168.1.99, inhibit: true}",
            "sorry_server: 192.168.1.98",
            "sorry_server",
            SorryServer(IPv4Address("192.168.1.98")),
        ),
    ],
)
def test_what_is_one_value_is_replaced_whole(default: str, own: str, key: str, value: Any) -> None:
    assert getattr(only(f"service_defaults: {{{default}}}\n" + service(own)), key) == value


def test_every_server_has_each_probe_by_a_name_of_three_parts() -> None:
    text = service(
        "probes: {tcp: {tcp: {}}, page: {http: {}}}", rest="checks: {up: {ping: {}, host: 192.0.2.9}}\n"
    )
    text = text.replace("192.168.1.11}", "192.168.1.11}, web2: {address: 192.168.1.12, port: 8080}")
    assert {name: (check.host, check.port) for name, check in checks(text).items()} == {
        "up": ("192.0.2.9", None),
        "web/web1/tcp": ("192.168.1.11", 80),
        "web/web1/page": ("192.168.1.11", 80),
        "web/web2/tcp": ("192.168.1.12", 8080),
        "web/web2/page": ("192.168.1.12", 8080),
    }


def test_a_server_names_all_that_must_be_good() -> None:
    configuration = read(EVERY_KEY)
    (web,) = configuration.virtual_services
    assert web.checks_of(web.servers[0]) == ("web/web1/ping", "web/web1/tcp", "uplink")
    assert {check.name for check in configuration.checks} == {"web/web1/ping", "web/web1/tcp", "uplink"}


def test_a_probe_may_go_elsewhere() -> None:
    found = checks(service("probes: {tcp: {tcp: {}, host: 192.0.2.77, port: 9}}"))["web/web1/tcp"]
    assert (found.host, found.port) == ("192.0.2.77", 9)


def test_icmp_has_no_port_and_a_file_no_host() -> None:
    found = checks(service("probes: {ping: {ping: {}}, file: {file: {path: /run/x}}}"))
    assert found["web/web1/ping"].port is None
    assert (found["web/web1/file"].host, found["web/web1/file"].port) == ("", None)


def test_a_script_learns_the_server_from_the_words_that_ask_for_it() -> None:
    command = "/bin/true {address} {port} {service} {server} x{port} {other}"
    found = checks(service(f"probes: {{own: {{script: {{command: '{command}'}}}}}}"))["web/web1/own"]
    words = ("/bin/true", "192.168.1.11", "80", "web", "web1", "x{port}", "{other}")
    assert (found.script, found.host) == (Script(words), "")


def test_http_asks_for_the_host_of_the_service_unless_a_request_names_one() -> None:
    urls = "[/x, {path: /y, host: c.example}]"
    probes = f"{{a: {{http: {{}}}}, b: {{http: {{host: b.example}}}}, c: {{http: {{urls: {urls}}}}}}}"
    found = checks(service("host: www.example.com", f"probes: {probes}"))
    asked = {
        name: [request.host for request in check.http.requests] for name, check in found.items() if check.http
    }
    assert asked == {
        "web/web1/a": ["www.example.com"],
        "web/web1/b": ["b.example"],
        "web/web1/c": ["www.example.com", "c.example"],
    }


def test_a_probe_of_a_server_has_what_it_does_not_say_from_that_of_the_service() -> None:
    text = service("probes: {page: {http: {path: /health}, interval: 1s}}").replace(
        "192.168.1.11", "192.168.1.11, probes: {page: {interval: 10s}}"
    )
    found = checks(text)
    assert list(found) == ["web/web1/page"]
    assert found["web/web1/page"].http is not None
    assert (found["web/web1/page"].http.path, found["web/web1/page"].interval) == ("/health", seconds(10))


def test_a_probe_of_a_server_that_says_what_it_does_has_nothing_from_another() -> None:
    text = service("probes: {page: {http: {}, interval: 1s}}").replace(
        "192.168.1.11", "192.168.1.11, probes: {page: {tcp: {}}}"
    )
    found = checks(text)
    assert {name: (check.kind, check.interval) for name, check in found.items()} == {
        "web/web1/page": ("tcp", seconds(2))
    }


def test_a_machine_in_two_services_is_asked_once() -> None:
    text = service("probes: {tcp: {tcp: {}, port: 80}}") + (
        "  tls: {address: 192.0.2.1, port: 443, servers: {other: {address: 192.168.1.11}}, "
        "probes: {tcp: {tcp: {}, port: 80}}}\n"
    )
    first, second = read(text).checks
    assert first.name != second.name
    assert first.probed == second.probed


def test_ten_thousand_servers_load_like_ten_thousand_checks() -> None:
    """What is made of a server is made once: the load does not grow with the square of the servers."""
    lines = ["virtual_services:"]
    for number in range(20):
        lines += [f"  s{number}:", f"    address: 10.1.0.{number + 1}", "    port: 80"]
        lines += ["    probes: {page: {http: {path: /health}}}", "    servers:"]
        lines += [
            f"      w{server}: {{address: 10.2.{server // 250}.{server % 250 + 1}}}" for server in range(500)
        ]
    configuration: Configuration = read("\n".join(lines) + "\n")
    assert len(configuration.checks) == 10_000
    assert len({check.probed for check in configuration.checks}) == 500


def test_a_secret_of_a_probe_that_all_services_have_is_read_once_for_each_place(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hunter2")
    path.chmod(0o600)
    common = f"service_defaults: {{probes: {{db: {{redis: {{password: {{file: {path}}}}}}}}}}}\n"
    found = checks(common + service("probes: {db: {interval: 5s}}"))["web/web1/db"]
    assert found.redis is not None
    assert found.redis.password is not None
    assert found.redis.password.value is not None
    assert (found.redis.password.value.value, found.interval) == (b"hunter2", seconds(5))
    path.unlink()
    assert len(complaints(common + service())) == 1
