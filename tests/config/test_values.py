"""What single values mean, and what is refused, to the letter and the column."""

from __future__ import annotations

import pytest

from havip.config.model import Announcing, Configuration, Daemon, VirtualAddress, VirtualRouter
from tests.config.reading import complaints, read, router

LENGTH = 'expected a length of time such as "1s" or "100ms"'
ADDRESS = 'expected an IPv4 or IPv6 address such as "192.0.2.1/24" or "2001:db8::1/64"'
HOST = "expected an address that a host can hold"


def test_a_short_file_means_the_documented_defaults() -> None:
    (gateway,) = read(router()).virtual_routers
    assert gateway.name == "gateway"
    assert gateway.interface == "eth0"
    assert gateway.vrid == 51
    assert [str(address) for address in gateway.addresses] == ["192.0.2.1/24"]
    assert (gateway.version, gateway.priority, gateway.interval) == (3, 100, 1_000_000_000)
    assert (gateway.preempt, gateway.preempt_delay, gateway.down_adverts) == (True, 0, 3)
    assert (gateway.rfc9568, gateway.answer_lower_priority) == (False, True)
    assert gateway.announce == Announcing(5, 5_000_000_000, 0, 1, 5, 5_000_000_000, 0)  # type: ignore[arg-type]
    assert read(router()).daemon == Daemon("/run/havip/havip.sock", 50, True)


def test_every_key_reaches_the_model() -> None:
    text = """\
daemon:
  control_socket: /run/blue.sock
  realtime_priority: 0
  lock_memory: false
virtual_routers:
  gateway:
    interface: lan.10
    vrid: 255
    version: 2
    priority: 254
    interval: 255s
    preempt: true
    preempt_delay: 1000s
    down_adverts: 100
    rfc9568: true
    answer_lower_priority: false
    addresses: [192.0.2.1, 198.51.100.7/31]
    announce:
      repeat: 255
      delay: 1ms
      refresh: 24h
      refresh_repeat: 2
      lower_priority_repeat: 0
      lower_priority_delay: 1.5s
      interval: 250us
"""
    configuration = read(text)
    assert configuration.daemon == Daemon("/run/blue.sock", 0, False)
    (gateway,) = configuration.virtual_routers
    assert gateway.interface == "lan.10"
    assert [str(address) for address in gateway.addresses] == ["192.0.2.1/32", "198.51.100.7/31"]
    assert (gateway.vrid, gateway.version, gateway.priority) == (255, 2, 254)
    assert (gateway.interval, gateway.preempt_delay) == (255_000_000_000, 1_000_000_000_000)
    assert (gateway.down_adverts, gateway.rfc9568, gateway.answer_lower_priority) == (100, True, False)
    announce = gateway.announce
    assert (announce.repeat, announce.refresh_repeat, announce.lower_priority_repeat) == (255, 2, 0)
    assert (announce.delay, announce.refresh) == (1_000_000, 86_400_000_000_000)
    assert (announce.lower_priority_delay, announce.interval) == (1_500_000_000, 250_000)


def test_routers_keep_the_order_of_the_file() -> None:
    text = "virtual_routers:\n" + "".join(
        f"  {name}: {{interface: eth0, vrid: {vrid}, addresses: [192.0.2.{vrid}]}}\n"
        for name, vrid in (("zulu", 3), ("alpha", 1), ("mike", 2))
    )
    assert [one.name for one in read(text).virtual_routers] == ["zulu", "alpha", "mike"]


@pytest.mark.parametrize(
    ("written", "nanoseconds"),
    [
        ("0s", 0),
        ("250us", 250_000),
        ("100ms", 100_000_000),
        ("1s", 1_000_000_000),
        ("1.5s", 1_500_000_000),
        ("0.000000001s", 1),
        ("5min", 300_000_000_000),
        ("0.25h", 900_000_000_000),
        ('"30s"', 30_000_000_000),
        ("'30s'", 30_000_000_000),
        (">-\n     30s", 30_000_000_000),
    ],
)
def test_a_length_of_time_is_exact_in_any_unit(written: str, nanoseconds: int) -> None:
    (gateway,) = read(router(f"preempt_delay: {written}")).virtual_routers
    assert gateway.preempt_delay == nanoseconds


@pytest.mark.parametrize(
    ("written", "meant"),
    [("true", True), ("True", True), ("TRUE", True), ("false", False), ('"FALSE"', False)],
)
def test_true_and_false_may_be_capitalised_and_quoted(written: str, meant: bool) -> None:
    (gateway,) = read(router(f"rfc9568: {written}")).virtual_routers
    assert gateway.rfc9568 is meant


def test_what_yaml_would_type_stays_text_where_text_is_wanted() -> None:
    text = """\
virtual_routers:
  yes: {interface: 0100, vrid: "51", addresses: [192.0.2.1]}
  1:30: {interface: 12_3, vrid: 52, addresses: [192.0.2.2]}
  null: {interface: no, vrid: 53, addresses: [192.0.2.3]}
  1e3: {interface: 10.5, vrid: 54, addresses: [192.0.2.4]}
"""
    routers = read(text).virtual_routers
    assert [one.name for one in routers] == ["yes", "1:30", "null", "1e3"]
    assert [one.interface for one in routers] == ["0100", "12_3", "no", "10.5"]
    assert [one.vrid for one in routers] == [51, 52, 53, 54]


BAD_VALUES = {
    "priority: 0": '6:15: {}.priority: expected a whole number from 1 to 255, found "0"',
    "priority: 256": '6:15: {}.priority: expected a whole number from 1 to 255, found "256"',
    "priority: -1": '6:15: {}.priority: expected a whole number from 1 to 255, found "-1"',
    "priority: 0100": '6:15: {}.priority: expected a whole number from 1 to 255, found "0100"',
    "priority: 1_0": '6:15: {}.priority: expected a whole number from 1 to 255, found "1_0"',
    "priority: 1e2": '6:15: {}.priority: expected a whole number from 1 to 255, found "1e2"',
    "priority: 1:30": '6:15: {}.priority: expected a whole number from 1 to 255, found "1:30"',
    "priority: 0x64": '6:15: {}.priority: expected a whole number from 1 to 255, found "0x64"',
    "priority: 100.0": '6:15: {}.priority: expected a whole number from 1 to 255, found "100.0"',
    "priority: ١": '6:15: {}.priority: expected a whole number from 1 to 255, found "١"',
    "priority: high": '6:15: {}.priority: expected a whole number from 1 to 255, found "high"',
    "priority:": "6:5: {}.priority: expected a whole number from 1 to 255, found nothing",
    "priority: ~": "6:5: {}.priority: expected a whole number from 1 to 255, found nothing",
    "priority: [1]": "6:15: {}.priority: expected a whole number from 1 to 255, found a list",
    "priority: {a: 1}": "6:15: {}.priority: expected a whole number from 1 to 255, found a mapping",
    "down_adverts: 101": '6:19: {}.down_adverts: expected a whole number from 1 to 100, found "101"',
    "version: 4": '6:14: {}.version: expected 2 or 3, found "4"',
    "version: 03": '6:14: {}.version: expected 2 or 3, found "03"',
    "preempt: yes": '6:14: {}.preempt: expected true or false, found "yes"; did you mean "true"?',
    "preempt: On": '6:14: {}.preempt: expected true or false, found "On"; did you mean "true"?',
    "preempt: 'no'": '6:14: {}.preempt: expected true or false, found "no"; did you mean "false"?',
    "preempt: off": '6:14: {}.preempt: expected true or false, found "off"; did you mean "false"?',
    "preempt: 1": '6:14: {}.preempt: expected true or false, found "1"; did you mean "true"?',
    "preempt: never": '6:14: {}.preempt: expected true or false, found "never"',
    "interval: 1": f'6:15: {{}}.interval: {LENGTH}, found "1"; did you mean "1s"?',
    "interval: 0.5": f'6:15: {{}}.interval: {LENGTH}, found "0.5"; did you mean "0.5s"?',
    "interval: 1 s": f'6:15: {{}}.interval: {LENGTH}, found "1 s"; did you mean "1s"?',
    "interval: 100MS": f'6:15: {{}}.interval: {LENGTH}, found "100MS"; did you mean "100ms"?',
    "interval: 1:30": f'6:15: {{}}.interval: {LENGTH}, found "1:30"',
    "interval: soon": f'6:15: {{}}.interval: {LENGTH}, found "soon"',
    "interval: -1s": f'6:15: {{}}.interval: {LENGTH}, found "-1s"',
    "interval: 9ms": '6:15: {}.interval: expected a length of time from 10ms to 255s, found "9ms"',
    "interval: 5min": '6:15: {}.interval: expected a length of time from 10ms to 255s, found "5min"',
    "preempt_delay: 1001s": (
        '6:20: {}.preempt_delay: expected a length of time from 0s to 1000s, found "1001s"'
    ),
    "preempt_delay: 0.1234us": (
        "6:20: {}.preempt_delay: expected a length of time from 0s to 1000s, "
        'found "0.1234us": no more than whole nanoseconds can be kept'
    ),
    "announce: 5": '6:15: {}.announce: expected a mapping of keys to values, found "5"',
    "announce: [5]": "6:15: {}.announce: expected a mapping of keys to values, found a list",
    "announce: {repeat: 0}": ('6:24: {}.announce.repeat: expected a whole number from 1 to 255, found "0"'),
    "announce: {interval: 2s}": (
        '6:26: {}.announce.interval: expected a length of time from 0s to 1s, found "2s"'
    ),
}


@pytest.mark.parametrize(("line", "complaint"), BAD_VALUES.items())
def test_a_bad_value_is_shown_where_it_stands(line: str, complaint: str) -> None:
    assert complaints(router(line)) == [complaint.format("virtual_routers.gateway")]


BAD_ADDRESSES = {
    "192.0.2.1/0": 'expected a prefix length from 1 to 32 behind the slash, found "192.0.2.1/0"',
    "192.0.2.1/33": 'expected a prefix length from 1 to 32 behind the slash, found "192.0.2.1/33"',
    "192.0.2.1/": 'expected a prefix length from 1 to 32 behind the slash, found "192.0.2.1/"',
    "192.0.2.1/024": 'expected a prefix length from 1 to 32 behind the slash, found "192.0.2.1/024"',
    "2001:db8::1/129": 'expected a prefix length from 1 to 128 behind the slash, found "2001:db8::1/129"',
    "192.0.2.256": f'{ADDRESS}, found "192.0.2.256"',
    "192.0.2": f'{ADDRESS}, found "192.0.2"',
    "192.0.2.01": f'{ADDRESS}, found "192.0.2.01"',
    "router.example": f'{ADDRESS}, found "router.example"',
    "3221225985": f'{ADDRESS}, found "3221225985"',
    "fe80::1%eth0/64": (
        f'{ADDRESS}, found "fe80::1%eth0/64": the interface stands under its own key, not in the address'
    ),
    "[192.0.2.1]": f"{ADDRESS}, found a list",
    '""': f'{ADDRESS}, found ""',
    "null": f"{ADDRESS}, found nothing",
    "255.255.255.255": f'{HOST}, found "255.255.255.255": it is the limited broadcast address',
    "224.0.0.18": f'{HOST}, found "224.0.0.18": it is a multicast address',
    "ff02::12": f'{HOST}, found "ff02::12": it is a multicast address',
    "127.0.0.1": f'{HOST}, found "127.0.0.1": it is a loopback address',
    '"::1"': f'{HOST}, found "::1": it is a loopback address',
    "0.0.0.0": f'{HOST}, found "0.0.0.0": it is the unspecified address',
    '"::"': f'{HOST}, found "::": it is the unspecified address',
    "0.1.2.3": f'{HOST}, found "0.1.2.3": it belongs to "this network", 0.0.0.0/8',
    '"::ffff:192.0.2.1"': (
        f'{HOST}, found "::ffff:192.0.2.1": it is an IPv4-mapped address, which never appears on a wire'
    ),
    "192.0.2.0/24": f'{HOST}, found "192.0.2.0/24": it is the network 192.0.2.0/24 itself',
    "192.0.2.255/24": f'{HOST}, found "192.0.2.255/24": it is the broadcast address of its /24',
    "192.0.2.4/30": f'{HOST}, found "192.0.2.4/30": it is the network 192.0.2.4/30 itself',
    "192.0.2.7/30": f'{HOST}, found "192.0.2.7/30": it is the broadcast address of its /30',
    "2001:db8::/126": f'{HOST}, found "2001:db8::/126": it is the network 2001:db8::/126 itself',
    "2001:db8::/64": f'{HOST}, found "2001:db8::/64": it is the network 2001:db8::/64 itself',
}


@pytest.mark.parametrize(("written", "complaint"), BAD_ADDRESSES.items())
def test_an_address_that_no_host_can_hold_is_refused(written: str, complaint: str) -> None:
    text = router().replace("[192.0.2.1/24]", f"\n      - {written}")
    assert complaints(text) == [f"6:9: virtual_routers.gateway.addresses[0]: {complaint}"]


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("192.0.2.0/31", "192.0.2.0/31"),  # RFC 3021
        ("192.0.2.1/31", "192.0.2.1/31"),
        ("192.0.2.255", "192.0.2.255/32"),
        ("192.0.2.5/30", "192.0.2.5/30"),
        ("2001:db8::ffff:ffff:ffff:ffff/64", "2001:db8::ffff:ffff:ffff:ffff/64"),
        ("10.0.0.255/16", "10.0.0.255/16"),
        ("2001:db8::/127", "2001:db8::/127"),  # RFC 6164
        ("2001:DB8:0::ffff/64", "2001:db8::ffff/64"),
        ("240.0.0.1/8", "240.0.0.1/8"),
    ],
)
def test_an_address_that_a_host_can_hold_is_taken(written: str, address: str) -> None:
    (gateway,) = read(router().replace("192.0.2.1/24", written)).virtual_routers
    assert [str(one) for one in gateway.addresses] == [address]
    assert isinstance(gateway.addresses[0], VirtualAddress)


INTERFACE = 'expected an interface name of 1 to 15 bytes without spaces, "/" and ":"'


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("eth0/1", f'{INTERFACE}, found "eth0/1"'),
        ('"eth 0"', f'{INTERFACE}, found "eth 0"'),
        ('"eth0:1"', f'{INTERFACE}, found "eth0:1"'),
        ('"eth\\0"', f'{INTERFACE}, found "eth\\x00"'),
        ('".."', f'{INTERFACE}, found ".."'),
        ("abcdefghijklmnop", f'{INTERFACE}, found "abcdefghijklmnop"'),
        ("ééééééééé", f'{INTERFACE}, found "ééééééééé": 18 bytes'),
        ('""', f'{INTERFACE}, found ""'),
    ],
)
def test_a_name_that_no_interface_can_have_is_refused(written: str, complaint: str) -> None:
    text = router().replace("eth0", written)
    assert complaints(text) == [f"3:16: virtual_routers.gateway.interface: {complaint}"]


def test_an_interface_name_may_fill_all_of_ifnamsiz() -> None:
    (gateway,) = read(router().replace("eth0", "abcdefghijklmno")).virtual_routers
    assert gateway.interface == "abcdefghijklmno"


SOCKET = "expected an absolute path of a file"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("control_socket: havip.sock", f'2:19: daemon.control_socket: {SOCKET}, found "havip.sock"'),
        ("control_socket: /run/havip/", f'2:19: daemon.control_socket: {SOCKET}, found "/run/havip/"'),
        (
            f"control_socket: /{'x' * 107}",
            f'2:19: daemon.control_socket: {SOCKET}, found "/{"x" * 58}…": 108 bytes',
        ),
        (
            "realtime_priority: 100",
            '2:22: daemon.realtime_priority: expected a whole number from 0 to 99, found "100"',
        ),
        (
            "lock_memory: yes",
            '2:16: daemon.lock_memory: expected true or false, found "yes"; did you mean "true"?',
        ),
    ],
)
def test_a_bad_setting_of_the_daemon_is_refused(line: str, complaint: str) -> None:
    assert complaints(f"daemon:\n  {line}\n" + router()) == [complaint]


def test_a_socket_path_may_fill_all_of_sun_path() -> None:
    longest = "/" + "x" * 106
    assert read(f"daemon: {{control_socket: {longest}}}\n" + router()).daemon.control_socket == longest


NAME = "expected a name of 1 to 64 printable characters without spaces"


@pytest.mark.parametrize(
    ("written", "shown"),
    [('""', '2:3: virtual_routers.: {}, found ""'), ("a b", '2:3: virtual_routers.a b: {}, found "a b"')],
)
def test_a_router_name_that_a_log_cannot_show_is_refused(written: str, shown: str) -> None:
    assert complaints(router().replace("gateway", written)) == [shown.format(NAME)]


def test_a_router_name_may_have_64_characters_and_no_more() -> None:
    assert complaints(router().replace("gateway", "x" * 64)) == []
    assert complaints(router().replace("gateway", "x" * 65)) == [
        f'2:3: virtual_routers.{"x" * 59}…: {NAME}, found "{"x" * 59}…"'
    ]


def test_values_are_equal_however_they_are_written() -> None:
    quoted = (
        'virtual_routers: {"gateway": {"interface": "eth0", "vrid": "51", "addresses": ["192.0.2.1/24"]}}'
    )
    assert (
        read(quoted) == read(router()) == Configuration((VirtualRouter("gateway", "eth0", 51, addresses()),))
    )


def addresses() -> tuple[VirtualAddress, ...]:
    from ipaddress import IPv4Address

    return (VirtualAddress(IPv4Address("192.0.2.1"), 24),)
