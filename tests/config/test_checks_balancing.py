"""What the load balancer cannot be: every refusal has its place."""

from __future__ import annotations

import pytest

from tests.config.reading import complaints
from tests.config.test_balancing import service

WEB = "virtual_services.web"


def server(words: str) -> str:
    """Return a file whose server has more keys."""
    return service().replace("192.168.1.11", f"192.168.1.11, {words}")


GROUP = "service_groups: {front: {addresses: [192.0.2.10]}}\n"
REFUSED = {
    "nothing to reach": (
        "virtual_services: {web: {servers: {web1: {address: 192.168.1.11}}}}\n",
        f'1:20: {WEB}: missing key "address" or "fwmark" or "group"',
    ),
    "a way with another name": (
        service(way="adress: 192.0.2.1\n    port: 80"),
        f'3:5: {WEB}.adress: unknown key "adress"; did you mean "address"?',
    ),
    "two ways": (
        service("fwmark: 7"),
        f'6:13: {WEB}.fwmark: expected one of them, found "fwmark" beside "address"',
    ),
    "port of a mark": (
        service(way="fwmark: 7\n    port: 80"),
        f'4:11: {WEB}.port: "port" beside "fwmark": a firewall mark is for whatever port has it',
    ),
    "family of an address": (
        service("family: 4"),
        f'6:13: {WEB}.family: "family" beside "address": only a firewall mark has no family of its own',
    ),
    "mark of one address": (
        service("nftables_mark: 4"),
        f'6:20: {WEB}.nftables_mark: "nftables_mark" beside "address": it is for the addresses of a group',
    ),
    "mark of marks": (
        service("nftables_mark: 4", way="group: front", rest="service_groups: {front: {fwmarks: [7]}}\n"),
        f'5:20: {WEB}.nftables_mark: no addresses in "front": there is nothing to mark',
    ),
    "no such group": (
        service(way="group: fornt\n    port: 80", rest=GROUP),
        f'3:12: {WEB}.group: expected the name of a service group, found "fornt": none below '
        '"service_groups"; '
        'did you mean "front"?',
    ),
    "an empty group": (
        service(way="group: front\n    port: 80", rest="service_groups: {front: {}}\n"),
        '6:18: service_groups.front: missing key "addresses" or "fwmarks"',
    ),
    "no port": (
        service(way="address: 192.0.2.1"),
        f'3:14: {WEB}.address: expected the key "port" or "persistence", found no port: '
        "a service for every port needs clients that stay with their server",
    ),
    "no port of a group": (
        service(way="group: front", rest=GROUP),
        f'3:12: {WEB}.group: expected the key "port" or "persistence", found no port: '
        "a service for every port needs clients that stay with their server",
    ),
    "an address with its port": (
        service(way='address: "192.0.2.1:80"'),
        f'3:14: {WEB}.address: expected an IPv4 or IPv6 address such as "192.0.2.1" or "2001:db8::1", '
        'found "192.0.2.1:80": the port stands under its own key, "port"',
    ),
    "a link-local server": (
        service().replace("192.168.1.11", '"fe80::1"'),
        f'5:31: {WEB}.servers.web1.address: expected an IPv4 or IPv6 address such as "192.0.2.1" '
        'or "2001:db8::1", '
        'found "fe80::1": IPVS sends nothing to a link-local address',
    ),
    "a server of another family": (
        service().replace("192.168.1.11", '"2001:db8::1"'),
        f'5:31: {WEB}.servers.web1.address: expected an IPv4 address, found "2001:db8::1": '
        "only a tunnel leads from IPv4 to a server of another family",
    ),
    "a server of another family than the mark's": (
        service(
            "forwarding: nat",
            way="group: front\n    port: 80",
            rest="service_groups: {front: {addresses: [192.0.2.10], fwmarks: [7]}}\n",
        ).replace(
            "{web1: {address: 192.168.1.11}}",
            '{a: {address: "2001:db8::1", forwarding: tunnel}, b: {address: 192.168.1.11}}',
        ),
        f'5:77: {WEB}.servers.b.address: expected an IPv6 address, found "192.168.1.11": '
        "only a tunnel leads from IPv6 to a server of another family",
    ),
    "a tunnel to another family beside a sync daemon": (
        service("forwarding: tunnel", rest="load_balancer: {sync_daemon: eth1}\n").replace(
            "192.168.1.11", '"2001:db8::1"'
        ),
        f'5:31: {WEB}.servers.web1.address: expected an IPv4 address, found "2001:db8::1": '
        "the kernel has no sync daemon beside a server of another family than its clients",
    ),
    "a scheduler": (
        service("scheduler: wrrr"),
        f"6:16: {WEB}.scheduler: expected rr or wrr or lc or wlc or lblc or lblcr or sh or mh or "
        "dh or fo or ovf or "
        'sed or nq or twos, found "wrrr"; did you mean "wrr"?',
    ),
    "a flag of another scheduler": (
        service("scheduler: mh", "scheduler_flags: [sh-port]"),
        f'7:23: {WEB}.scheduler_flags[0]: "sh-port": it is of the scheduler sh, and this is mh',
    ),
    "a flag of the usual scheduler": (
        service("scheduler_flags: [mh-port]"),
        f'6:23: {WEB}.scheduler_flags[0]: "mh-port": it is of the scheduler mh, and this is wlc',
    ),
    "single packets of TCP": (
        service("one_packet: true"),
        f'6:17: {WEB}.one_packet: expected transport: udp, found "one_packet" of tcp: TCP and '
        "SCTP have connections",
    ),
    "too many bits": (
        service("persistence: {prefix_length: 64}"),
        f"6:34: {WEB}.persistence.prefix_length: expected at most 32, found 64: the addresses are IPv4",
    ),
    "SIP over TCP": (
        service("persistence: {engine: sip}"),
        f'6:27: {WEB}.persistence.engine: expected transport: udp, found "engine" of tcp: '
        "the kernel reads SIP over UDP alone",
    ),
    "hysteresis": (
        service("quorum: 2", "hysteresis: 2"),
        f"7:17: {WEB}.hysteresis: expected less than the quorum, 2, found 2",
    ),
    "a method of keepalived": (
        service("forwarding: DR"),
        f'6:17: {WEB}.forwarding: expected nat or direct or tunnel, found "DR"; did you mean "direct"?',
    ),
    "GUE without its port": (
        service("forwarding: {method: tunnel, encapsulation: gue}"),
        f'6:49: {WEB}.forwarding.encapsulation: expected the key "port" beside it, found gue without a port',
    ),
    "a port of GRE": (
        service("forwarding: {method: tunnel, encapsulation: gre, port: 1}"),
        f'6:60: {WEB}.forwarding.port: "port" beside "encapsulation: gre": only GUE has it',
    ),
    "a checksum of ipip": (
        service("forwarding: {method: tunnel, checksum: full}"),
        f'6:44: {WEB}.forwarding.checksum: "checksum" beside "encapsulation: ipip": ipip has none',
    ),
    "remote checksums of GRE": (
        service("forwarding: {method: tunnel, encapsulation: gre, checksum: remote}"),
        f'6:64: {WEB}.forwarding.checksum: "checksum: remote" beside "encapsulation: gre": only GUE has it',
    ),
    "a tunnel that is none": (
        server("forwarding: {method: nat, encapsulation: gue}"),
        f'5:86: {WEB}.servers.web1.forwarding.encapsulation: "encapsulation" beside "method: nat": '
        "only a tunnel has it",
    ),
    "a lower bound alone": (
        server("lower_threshold: 5"),
        f'5:62: {WEB}.servers.web1.lower_threshold: expected the key "upper_threshold" beside it, found 5',
    ),
    "a lower bound above the upper one": (
        server("lower_threshold: 5, upper_threshold: 4"),
        f"5:62: {WEB}.servers.web1.lower_threshold: expected at most the upper_threshold, 4, found 5",
    ),
    "another port behind direct routing": (
        server("port: 8080, forwarding: direct"),
        f"5:51: {WEB}.servers.web1.port: expected 80, found 8080: the port stays as it is with "
        "forwarding: direct",
    ),
    "another port of a sorry server": (
        service("forwarding: direct", "sorry_server: {address: 192.168.1.99, port: 81}"),
        f"7:49: {WEB}.sorry_server.port: expected 80, found 81: the port stays as it is with "
        "forwarding: direct",
    ),
    "a server twice": (
        service().replace("192.168.1.11}", "192.168.1.11}, web2: {address: 192.168.1.11, port: 80}"),
        f'5:62: {WEB}.servers.web2.address: 192.168.1.11:80 again: "web1" has it in line 5',
    ),
    "a server twice at one port of a group": (
        service(
            way="group: front\n    port: 80",
            rest="service_groups: {front: {addresses: [192.0.2.10, {address: 192.0.2.11, port: 81}]}}\n",
        ).replace("192.168.1.11}", "192.168.1.11}, web2: {address: 192.168.1.11, port: 81}"),
        f'5:62: {WEB}.servers.web2.address: 192.168.1.11:81 again: "web1" has it in line 5',
    ),
    "a service twice": (
        service(rest="  other: {address: 192.0.2.1, port: 80, servers: {a: {address: 10.0.0.1}}}\n"),
        '6:20: virtual_services.other.address: tcp 192.0.2.1:80 again: "web" has it in line 2',
    ),
    "an address of a group twice": (
        service(
            rest="  other: {group: front, port: 80, servers: {a: {address: 10.0.0.1}}}\n"
            "service_groups: {front: {addresses: [192.0.2.0/28]}}\n"
        ),
        '6:18: virtual_services.other.group: tcp 192.0.2.1:80 again: "web" has it in line 2',
    ),
    "a mark of nftables twice": (
        service(
            "nftables_mark: 5",
            way="group: front\n    port: 80",
            rest="  other: {group: back, port: 80, nftables_mark: 5, servers: {a: {address: 10.0.0.1}}}\n"
            "service_groups: {front: {addresses: [192.0.2.0/28]}, back: {addresses: [10.0.0.9]}}\n",
        ),
        '7:49: virtual_services.other.nftables_mark: 5 again: "web" has it in line 2',
    ),
    "packets of two marks": (
        service(
            "nftables_mark: 5",
            way="group: front\n    port: 80",
            rest="  other: {group: back, port: 80, nftables_mark: 6, servers: {a: {address: 10.0.0.1}}}\n"
            "service_groups: {front: {addresses: [192.0.2.0/28]}, back: {addresses: [192.0.2.9]}}\n",
        ),
        '7:18: virtual_services.other.group: tcp 192.0.2.9 port 80 again: "web" has it in line 2',
    ),
    "too many addresses": (
        service(
            way="group: front\n    port: 80",
            rest="service_groups: {front: {addresses: [10.0.0.0/20, 10.1.0.0/24]}}\n",
        ),
        f"3:12: {WEB}.group: expected at most 4096, found 4352 addresses and marks: "
        "with nftables_mark they are one service",
    ),
    "no such check": (
        server("checks: [upp]") + "checks: {up: {ping: {}, host: 192.0.2.9}}\n",
        f'5:54: {WEB}.servers.web1.checks[0]: expected the name of a health check, found "upp": '
        'none below "checks"; '
        'did you mean "up"?',
    ),
    "no such router": (
        service("probe_as_master_of: gw"),
        f'6:25: {WEB}.probe_as_master_of: expected the name of a virtual router, found "gw": '
        'none below "virtual_routers"',
    ),
    "no such router of the sync daemon": (
        service(rest="load_balancer: {sync_daemon: {interface: eth1, router: gw}}\n"),
        '6:56: load_balancer.sync_daemon.router: expected the name of a virtual router, found "gw": '
        'none below "virtual_routers"',
    ),
    "an id of the sync daemon": (
        service(rest="load_balancer: {sync_daemon: {interface: eth1, sync_id: 256}}\n"),
        '6:57: load_balancer.sync_daemon.sync_id: expected a whole number from 0 to 255, found "256"',
    ),
    "parts of a second": (
        service("persistence: 1.5s"),
        f'6:18: {WEB}.persistence: expected whole seconds, found "1.5s": the kernel counts no parts of them',
    ),
    "a slash in a name": (
        service().replace("  web:", "  we/b:"),
        '2:3: virtual_services.we/b: expected a name of 1 to 64 printable characters without spaces and "/", '
        'found "we/b"',
    ),
    "a default": (
        "service_defaults: {scheduler: xx}\n" + service(),
        "1:31: service_defaults.scheduler: expected rr or wrr or lc or wlc or lblc or lblcr or "
        "sh or mh or dh or fo "
        'or ovf or sed or nq or twos, found "xx"',
    ),
    "a default that does not fit": (
        "service_defaults: {one_packet: true}\n" + service(),
        '1:32: service_defaults.one_packet: expected transport: udp, found "one_packet" of tcp: '
        "TCP and SCTP have connections",
    ),
    "a default of one service's own": (
        "service_defaults: {address: 192.0.2.1}\n" + service(),
        '1:20: service_defaults.address: unknown key "address"',
    ),
}
SPAN = 'an address, "192.0.2.20-192.0.2.29", "192.0.2.20-29" or "198.51.100.0/28"'
SPANS = {
    "10.0.0.9-10.0.0.1": (
        f'expected {SPAN}, found "10.0.0.9-10.0.0.1": the last address is before the first one'
    ),
    "10.0.0.1/24": f'expected {SPAN}, found "10.0.0.1/24": bits behind the prefix are set; '
    'did you mean "10.0.0.0/24"?',
    "10.0.0.0/8": 'expected at most 4096 addresses, found "10.0.0.0/8": it has 16777216',
    "10.0.0.1-x": f'expected {SPAN}, found "10.0.0.1-x"',
    "10.0.0.250-256": f'expected {SPAN}, found "10.0.0.250-256"',
    "10.0.0.1-fe80::1": f'expected {SPAN}, found "10.0.0.1-fe80::1": the two are of different families',
    "224.0.0.0/28": f'expected {SPAN}, found "224.0.0.0/28": no server can have it',
}
PROBES = {
    "{tcp: {interval: 1s}}": (
        '6:14: {}.tcp: expected one of the keys "tcp", "udp", "dns", "ping", "http", "smtp", '
        '"grpc", "redis", '
        '"postgresql", "mysql", "script", "file", found "tcp" probes nothing'
    ),
    "{tcp: {tcp: {}, udp: {}}}": (
        '6:34: {}.tcp.udp: expected one kind of probe a check, found "udp" beside "tcp"'
    ),
    "{tcp: {tcp: {}, parent: up}}": (
        '6:37: {}.tcp.parent: expected the name of a health check, found "up": none below "checks"'
    ),
    '{tcp: {tcp: {}, source: "2001:db8::9"}}': (
        '6:37: {}.tcp.source: expected an IPv4 address, found "2001:db8::9": the host is 192.168.1.11'
    ),
    "{tcp: {tcp: {}, weight: 5}}": '6:29: {}.tcp.weight: unknown key "weight"',
    "{own: {script: {command: /bin/true}, host: 192.0.2.1}}": (
        '6:56: {}.own.host: "host" beside "script": script goes to no host'
    ),
    "{own: {script: {command: /none}}}": "6:38: {}.own.script.command: /none: no such file or directory",
    "{page: {http: {urls: [/a], path: /b}}}": (
        '6:46: {}.page.http.path: expected it with each of the urls, found "path" beside "urls"'
    ),
}


@pytest.mark.parametrize(("text", "complaint"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_where_it_stands(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


@pytest.mark.parametrize(("span", "complaint"), SPANS.items())
def test_a_span_is_one_of_addresses(span: str, complaint: str) -> None:
    text = service(
        way="group: front\n    port: 80", rest=f"service_groups: {{front: {{addresses: [{span}]}}}}\n"
    )
    assert complaints(text) == [f"6:38: service_groups.front.addresses[0]: {complaint}"]


@pytest.mark.parametrize(("probes", "complaint"), PROBES.items())
def test_a_probe_is_judged_as_any_check_is(probes: str, complaint: str) -> None:
    assert complaints(service(f"probes: {probes}")) == [complaint.format(f"{WEB}.probes")]


def test_a_probe_needs_a_port_where_neither_the_service_nor_a_server_has_one() -> None:
    text = service("persistence: 5min", "probes: {tcp: {tcp: {}}}", way="address: 192.0.2.1")
    assert complaints(text) == [
        f'6:14: {WEB}.probes.tcp: expected the key "port" beside "tcp", found no "port" of "tcp"'
    ]
    assert complaints(text.replace("192.168.1.11", "192.168.1.11, port: 80")) == []
    assert complaints(text.replace("{tcp: {}}", "{tcp: {}, port: 80}")) == []


def test_a_check_may_not_have_the_name_of_one_that_is_made_for_a_server() -> None:
    rest = (
        "checks: {web/web1/tcp: {ping: {}, host: 192.0.2.9}, web/web1/other: {ping: {}, host: 192.0.2.9}}\n"
    )
    assert complaints(service("probes: {tcp: {tcp: {}}}", rest=rest)) == [
        '7:10: checks.web/web1/tcp: "web/web1/tcp" again: it is made for a server in line 2'
    ]


def test_only_a_tunnel_leads_to_another_family() -> None:
    text = service("forwarding: tunnel").replace("192.168.1.11", '"2001:db8::1"')
    assert complaints(text) == []


def test_keepalived_s_words_are_hints() -> None:
    words = {"lb_algo": "scheduler", "lb_kind": "forwarding", "delay_loop": "probes", "protocol": "transport"}
    assert complaints(service(*(f"{word}: x" for word in words))) == [
        f'{line}:5: {WEB}.{word}: unknown key "{word}"; did you mean "{key}"?'
        for line, (word, key) in enumerate(words.items(), 6)
    ]
