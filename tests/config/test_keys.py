"""Which keys may stand where, and which must: names, duplicates, defaults, aliases."""

from __future__ import annotations

import pytest

from havip.config.problems import ConfigurationError
from havip.config.yamlfile import parse
from tests.config.reading import MISSING_ADDRESSES, MISSING_INTERFACE, MISSING_VRID, complaints, read, router

SOMETHING = 'a configuration with the key "virtual_routers" or "virtual_services"'
UNKNOWN_KEYS = {
    "priorty: 150": '6:5: {}.priorty: unknown key "priorty"; did you mean "priority"?',
    "Priority: 150": '6:5: {}.Priority: unknown key "Priority"; did you mean "priority"?',
    "prempt: true": '6:5: {}.prempt: unknown key "prempt"; did you mean "preempt"?',
    "advert_int: 1": '6:5: {}.advert_int: unknown key "advert_int"; did you mean "interval"?',
    "nopreempt:": '6:5: {}.nopreempt: unknown key "nopreempt"; did you mean "preempt"?',
    "garp_master_delay: 5": (
        '6:5: {}.garp_master_delay: unknown key "garp_master_delay"; did you mean "announce"?'
    ),
    "zebra: 1": '6:5: {}.zebra: unknown key "zebra"',
    "name: gw": '6:5: {}.name: unknown key "name"',
    '"": 1': '6:5: {}.: unknown key ""',
    "51: 1": '6:5: {}.51: unknown key "51"',
    '"a\\nb": 1': '6:5: {}.a\\nb: unknown key "a\\nb"',
    "? [a]\n    : 1": "6:7: {}: expected the name of a key, found a list",
    "<<: {version: 3}": (
        '6:5: {}.<<: unknown key "<<": merge keys are not supported; put common keys under "defaults"'
    ),
    "announce: {dealy: 1s}": '6:16: {}.announce.dealy: unknown key "dealy"; did you mean "delay"?',
    "vrid: 52": '6:5: {}.vrid: duplicate key "vrid": first given in line 4',
    '"vrid": 51': '6:5: {}.vrid: duplicate key "vrid": first given in line 4',
}


@pytest.mark.parametrize(("line", "complaint"), UNKNOWN_KEYS.items())
def test_a_wrong_key_is_shown_with_the_nearest_right_one(line: str, complaint: str) -> None:
    assert complaints(router(line)) == [complaint.format("virtual_routers.gateway")]


def test_wrong_keys_outside_routers_are_shown_too() -> None:
    text = (
        "vrrp_instance: {}\ndeamon: {}\ndaemon:\n  socket: /run/x\ndefaults:\n  vrid: 1\n  prio: 2\n"
        + router()
    )
    assert complaints(text) == [
        '1:1: vrrp_instance: unknown key "vrrp_instance"; did you mean "virtual_routers"?',
        '2:1: deamon: unknown key "deamon"; did you mean "daemon"?',
        '4:3: daemon.socket: unknown key "socket"; did you mean "control_socket"?',
        '6:3: defaults.vrid: unknown key "vrid"',
        '7:3: defaults.prio: unknown key "prio"; did you mean "priority"?',
    ]


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("    interface: eth0\n", MISSING_INTERFACE),
        ("    vrid: 51\n", MISSING_VRID),
        ("    addresses: [192.0.2.1/24]\n", MISSING_ADDRESSES),
    ],
)
def test_a_missing_key_is_shown_at_the_name_of_the_router(line: str, missing: str) -> None:
    assert complaints(router().replace(line, "")) == [f"2:3: virtual_routers.gateway: {missing}"]


def test_a_misspelt_key_is_not_reported_as_missing_as_well() -> None:
    assert complaints(router().replace("vrid", "vird")) == [
        '4:5: virtual_routers.gateway.vird: unknown key "vird"; did you mean "vrid"?'
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", f"1:1: expected {SOMETHING}, found an empty file"),
        ("# nothing\n", f"1:1: expected {SOMETHING}, found an empty file"),
        ("---\n~\n", f"1:1: expected {SOMETHING}, found an empty file"),
        ("[1]\n", f"1:1: expected {SOMETHING}, found a list"),
        ("hello\n", f'1:1: expected {SOMETHING}, found "hello"'),
        ("{}\n", '1:1: missing key "virtual_routers" or "virtual_services"'),
        ("daemon:\n", '1:1: missing key "virtual_routers" or "virtual_services"'),
        ("virtual_routers:\n", "1:1: virtual_routers: expected at least one virtual router, found none"),
        ("virtual_routers: {}\n", "1:1: virtual_routers: expected at least one virtual router, found none"),
        (
            "virtual_routers: [a]\n",
            "1:18: virtual_routers: expected a mapping from the name of each virtual router to its keys, "
            "found a list",
        ),
        (
            "virtual_routers:\n  gateway: eth0\n",
            '2:12: virtual_routers.gateway: expected a mapping of keys to values, found "eth0"',
        ),
    ],
)
def test_a_file_without_virtual_routers_is_refused(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


def test_groups_whose_lines_are_all_commented_out_are_empty() -> None:
    text = "daemon:\n  # lock_memory: false\ndefaults:\n" + router("announce:")
    assert read(text) == read(router())


def test_addresses_must_be_a_list() -> None:
    text = router().replace("[192.0.2.1/24]", "192.0.2.1/24")
    assert complaints(text) == [
        "5:16: virtual_routers.gateway.addresses: expected a list of 1 to 255 values, each an IPv4 or IPv6 "
        'address such as "192.0.2.1/24" or "2001:db8::1/64", found "192.0.2.1/24"; '
        'did you mean "[192.0.2.1/24]"?'
    ]


@pytest.mark.parametrize("count", [0, 256])
def test_a_router_has_1_to_255_addresses(count: int) -> None:
    addresses = ", ".join(f"10.0.{number // 200}.{number % 200 + 1}" for number in range(count))
    assert complaints(router().replace("192.0.2.1/24", addresses)) == [
        "5:16: virtual_routers.gateway.addresses: expected a list of 1 to 255 values, each an IPv4 or IPv6 "
        f'address such as "192.0.2.1/24" or "2001:db8::1/64", found {count} values'
    ]
    assert complaints(router().replace("192.0.2.1/24", addresses.rpartition(", ")[0] or "10.0.0.1")) == []


def test_an_overlong_list_is_read_to_its_end_but_not_compared() -> None:
    addresses = [f"10.0.0.{number}" for number in range(1, 256)]
    lines = complaints(router().replace("192.0.2.1/24", ", ".join([*addresses, "10.0.0.1", "nonsense"])))
    assert [line.split(": ")[1] for line in lines] == [
        "virtual_routers.gateway.addresses",
        "virtual_routers.gateway.addresses[256]",
    ]


def test_defaults_lie_beneath_every_router_key_by_key() -> None:
    text = """\
defaults:
  interval: 100ms
  priority: 7
  announce: {repeat: 3, delay: 1s}
virtual_routers:
  a: {interface: eth0, vrid: 1, addresses: [192.0.2.1], priority: 9}
  b: {interface: eth0, vrid: 2, addresses: [192.0.2.2], announce: {delay: 2s, refresh: 1min}}
"""
    a, b = read(text).virtual_routers
    assert (a.interval, a.priority) == (100_000_000, 9)
    assert (b.interval, b.priority) == (100_000_000, 7)
    assert (a.announce.repeat, a.announce.delay, a.announce.refresh) == (3, 1_000_000_000, 0)
    assert (b.announce.repeat, b.announce.delay, b.announce.refresh) == (3, 2_000_000_000, 60_000_000_000)


def test_an_error_in_a_default_is_reported_once_and_where_it_stands() -> None:
    text = """\
defaults:
  interval: 15ms
  priority: none
virtual_routers:
  a: {interface: eth0, vrid: 1, addresses: [192.0.2.1]}
  b: {interface: eth0, vrid: 2, addresses: [192.0.2.2]}
  c: {interface: eth0, vrid: 3, addresses: [192.0.2.3], interval: 20ms}
"""
    assert complaints(text) == [
        "2:13: defaults.interval: expected 10ms to 40.95s in steps of 10ms, found 15ms: "
        'VRRPv3 (virtual router "a")',
        '3:13: defaults.priority: expected a whole number from 1 to 255, found "none"',
    ]


def test_an_alias_repeats_a_value_a_list_or_a_mapping() -> None:
    text = """\
virtual_routers:
  a: {interface: &lan eth0, vrid: 1, addresses: [&vip 192.0.2.1], announce: &calm {repeat: 2}}
  b: {interface: *lan, vrid: 2, addresses: [192.0.2.2], announce: *calm}
"""
    a, b = read(text).virtual_routers
    assert (b.interface, b.announce.repeat) == ("eth0", 2)
    assert a.announce == b.announce


def test_what_an_alias_repeats_is_reported_once() -> None:
    text = "virtual_routers:\n  a: &a {interface: eth0, vrid: 0, addresses: [192.0.2.1]}\n  b: *a\n"
    assert complaints(text) == [
        '2:33: virtual_routers.a.vrid: expected a whole number from 1 to 255, found "0"',
    ]


def test_a_value_that_an_alias_puts_under_two_keys_is_reported_once() -> None:
    text = router("priority: *number").replace("vrid: 51", "vrid: &number 999")
    assert complaints(text) == [
        '4:11: virtual_routers.gateway.vrid: expected a whole number from 1 to 255, found "999"',
    ]


def test_every_error_of_a_file_is_reported_in_its_order() -> None:
    text = """\
daemon: {lock_memory: 7}
defaults: {preemt: true}
virtual_routers:
  a:
    interface: eth0
    vrid: 300
    interval: 1
    addresses: [192.0.2.0/24, 192.0.2.1, fe80::1]
  b:
    vrid: 5
    version: 2
    addresses: [192.0.2.1]
    interval: 100ms
"""
    assert [line.split(": ")[0] for line in complaints(text)] == [
        "1:23", "2:12", "6:11", "7:15", "8:17", "8:42", "9:3", "12:17", "13:15",
    ]  # fmt: skip


def test_a_problem_is_data_for_programs() -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse(router("priorty: 1"), "x.yaml")
    assert refused.value.reason == "configuration"
    assert [problem.as_dict() for problem in refused.value.problems] == [
        {
            "file": "x.yaml",
            "line": 6,
            "column": 5,
            "path": "virtual_routers.gateway.priorty",
            "found": 'unknown key "priorty"',
            "expected": "",
            "nearest": "priority",
            "why": "",
            "message": 'unknown key "priorty"; did you mean "priority"?',
        }
    ]
