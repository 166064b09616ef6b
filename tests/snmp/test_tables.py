"""What the three MIBs show of one daemon, by the numbers that their authors gave."""

from __future__ import annotations

from havip.config.snmp import Snmp
from havip.snmp.trees import tree
from havip.snmp.values import Kind
from tests.snmp.shown import TEXT, shown, table, walk

KEEPALIVED = "1.3.6.1.4.1.9586.100.5"
VRRP_MIB = "1.3.6.1.2.1.68"
VRRPV3_MIB = "1.3.6.1.2.1.207"


def row(found: dict[str, object], index: str) -> dict[int, object]:
    """Return one row of a table by its columns."""
    cells = ((*name.partition("."), cell) for name, cell in found.items())
    return {int(column): cell for column, _, rest, cell in cells if rest == index}


def below(found: dict[str, object], prefix: str) -> dict[str, object]:
    """Return what stands below a prefix, without it."""
    return {name.removeprefix(prefix): cell for name, cell in found.items() if name.startswith(prefix)}


def test_the_daemon_says_who_it_is() -> None:
    assert table(f"{KEEPALIVED}.1") == {
        "1.0": "havip 0.1.0",
        "2.0": "r1",
        "4.0": 1,  # traps enabled
        "5.0": 1,  # netlink
        "8.0": "",
        "9.0": 2,  # no D-Bus
        "10.0": 1,
    }


def test_the_mail_server_is_shown_where_there_is_one() -> None:
    mail = "mail: {server: 192.0.2.25, sender: a@test, to: [b@test, c@test], tls: tls, states: [MASTER]}"
    text = TEXT.replace("notify: {router_id: r1}", f"notify: {{router_id: r1, {mail}}}")
    assert table(f"{KEEPALIVED}.1.3", text) == {
        "1.0": 1, "2.0": "c0000219", "3.0": 30, "4.0": "a@test", "5.1.2.1": "b@test", "5.1.2.2": "c@test",
        "6.0": 465, "7.0": 2, "8.0": 1, "9.0": 1,
    }  # fmt: skip
    by_name = table(f"{KEEPALIVED}.1.3", text.replace("192.0.2.25,", "mail.test,"))
    assert (by_name["1.0"], by_name["2.0"]) == (16, "mail.test")
    assert row(table(f"{KEEPALIVED}.2.3.1", text), "1")[20] == 1


def test_of_two_routers_with_one_index_the_first_has_the_row() -> None:
    twin = """
  twin:
    interface: eth0
    vrid: 51
    multicast: {group: 224.0.0.99}
    addresses: [192.0.2.50/24]
"""
    found = table(VRRPV3_MIB, TEXT + twin)
    assert found["1.1.1.1.7.3.51.1"] == 150
    assert "1.1.2.1.2.3.51.1.4.192.0.2.50" not in found
    assert row(table(f"{KEEPALIVED}.2.3.1", TEXT + twin), "4")[2] == "twin"


def test_a_sync_group_has_a_row_and_one_for_each_member() -> None:
    assert table(f"{KEEPALIVED}.2.1.1") == {
        "2.1": "both", "3.1": 1, "4.1": 2, "5.1": 1, "6.1": "/bin/true group", "10.1": 1,
    }  # fmt: skip
    assert table(f"{KEEPALIVED}.2.2.1") == {"2.1.1": "old", "2.1.2": "six"}


def test_a_virtual_router_of_version_2_is_shown_as_keepalived_would() -> None:
    assert row(table(f"{KEEPALIVED}.2.3.1"), "1") == {
        2: "old",
        3: 51,
        4: 2,  # MASTER
        5: 1,  # starts as BACKUP
        6: 2,
        7: 150,
        8: 149,
        9: 1,  # holds its addresses
        10: "eth0",
        11: 1,
        12: 2,  # seconds
        13: 1,
        14: 2,  # 1.5 s, rounded up
        15: 1,  # password
        16: 2,
        18: "both",
        19: 5,
        20: 2,
        21: 1,
        26: "/bin/true",
        27: 1,
        28: 2,
        29: 2,
        30: 2,
        32: "/bin/true",
        33: 1,
        34: 1,
        35: "e0000012",
    }


def test_states_intervals_and_groups_of_the_other_versions_differ() -> None:
    found = table(f"{KEEPALIVED}.2.3.1")
    six, far = row(found, "2"), row(found, "3")
    assert (six[4], six[5], six[9], six[12], six[13], six[15]) == (1, 2, 2, 10, 2, 0)
    assert (six[30], six[34], six[35]) == (3, 2, "ff020000000000000000000000000012")
    assert far[4] == 3  # FAULT
    assert 34 not in far  # adverts go to peers
    assert 18 not in far


def test_every_address_is_shown_with_its_interface_static_ones_first() -> None:
    found = table(f"{KEEPALIVED}.2.6.1")
    assert list(row(found, "0.1").items()) == [
        (2, 1), (3, "c6336409"), (4, "00000000"), (5, 32), (6, 14), (7, 4), (8, "eth1"), (10, 1), (11, 2),
    ]  # fmt: skip
    assert row(found, "1.2") == {
        2: 1, 3: "c0000202", 4: "c000027f", 5: 25, 6: 14, 7: 4, 8: "eth1", 9: "eth1:x", 10: 1, 11: 1,
    }  # fmt: skip
    assert row(found, "1.3")[11] == 2  # excluded from adverts
    six = row(found, "2.1")
    assert (six[2], six[5], six[6], six[10]) == (2, 64, 2, 2)  # IPv6, link-local, not held by a BACKUP
    assert 4 not in six


def test_routes_and_rules_are_shown_with_what_was_configured() -> None:
    assert row(table(f"{KEEPALIVED}.2.7.1"), "1.1") == {
        2: 1, 3: "cb007100", 4: 24, 5: "c00002fe", 8: 5, 9: 14, 10: 1, 13: 254, 14: 1, 18: 112,
        22: 1400, 23: 1,
    }  # fmt: skip
    assert row(table(f"{KEEPALIVED}.2.8.1"), "1.1") == {
        6: 100, 7: 1, 8: 2, 12: 1, 13: "c0000200", 14: 24, 23: 1, 24: 100, 25: 100, 32: 2, 33: 112,
    }  # fmt: skip


def test_what_is_tracked_is_shown_for_its_router_and_where_it_is_defined() -> None:
    # What one member of a sync group tracks with a weight counts for the others.
    assert table(f"{KEEPALIVED}.2.4.1") == {
        "1.1.4": "eth1", "1.2.4": "eth1", "2.1.4": -30, "2.2.4": -30, "3.1.4": 1, "3.2.4": 1,
    }  # fmt: skip
    assert row(table(f"{KEEPALIVED}.2.5.1"), "1.1") == {2: "web", 3: 5, 4: 2}
    assert row(table(f"{KEEPALIVED}.2.12.1"), "1.1") == {2: "load", 3: 2, 4: 2}
    assert row(table(f"{KEEPALIVED}.2.20.1"), "1.1") == {2: "named", 3: 7, 4: 2}
    assert table(f"{KEEPALIVED}.2.9.1") == {
        "2.1": "web", "3.1": "/bin/true 'a b'", "4.1": 2, "5.1": 5, "6.1": 3, "7.1": 2, "8.1": 3, "9.1": 2,
    }  # fmt: skip
    assert table(f"{KEEPALIVED}.2.13.1") == {"2.1": "load", "3.1": "/run/load", "4.1": -3, "5.1": 2, "6.1": 2}
    assert table(f"{KEEPALIVED}.2.21.1") == {
        "2.1": "named", "3.1": "named", "5.1": 0, "6.1": 7, "7.1": 2, "8.1": 2, "10.1": 2000,
        "11.1": 0, "12.1": 2,
    }  # fmt: skip


def test_rfc_2787_shows_virtual_routers_of_version_2() -> None:
    found = table(VRRP_MIB)
    assert (found["1.1.0"], found["1.2.0"]) == (2, 1)
    assert below(found, "1.3.1.") == {
        "2.3.51": "020000000001",
        "3.3.51": 3,
        "4.3.51": 1,
        "5.3.51": 150,
        "6.3.51": 2,
        "7.3.51": "c000020b",
        "8.3.51": "c000020b",
        "9.3.51": 2,
        "10.3.51": "",
        "11.3.51": 2,
        "12.3.51": 1,
        "13.3.51": 58_000,  # 20 s before an uptime of 600 s
        "14.3.51": 1,
        "15.3.51": 1,
    }
    assert {name for name in found if name.startswith("1.4.")} == {
        "1.4.1.2.3.51.192.0.2.1",
        "1.4.1.2.3.51.192.0.2.2",
    }
    assert [found[f"2.{number}.0"] for number in (1, 2, 3)] == [13, 2, 6]
    statistics = [found[f"2.4.1.{number}.3.51"] for number in range(1, 13)]
    assert statistics == [2, 70_000, 7, 8, 6, 3, 4, 10, 0, 0, 9, 11]


def test_rfc_6527_shows_every_virtual_router_that_has_an_interface() -> None:
    found = table(VRRPV3_MIB)
    operations = below(found, "1.1.1.1.")
    assert [operations[f"{number}.3.51.1"] for number in range(3, 14)] == [
        "c000020b", "c000020b", "020000000001", 3, 150, 2, 200, 1, 1, 2000, 1,
    ]  # fmt: skip
    assert [operations[f"{number}.3.52.2"] for number in range(3, 14)] == [
        "fe800000000000000000000000000022",
        "fe800000000000000000000000000011",
        "00005e000234",
        2,
        100,
        2,
        10,
        2,
        1,
        2000,
        1,
    ]
    assert len(operations) == 22
    assert {name.removeprefix("1.1.2.1.2.") for name in found if name.startswith("1.1.2.")} == {
        "3.51.1.4.192.0.2.1",
        "3.51.1.4.192.0.2.2",
        "3.52.2.16.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1",
        "3.52.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1",
    }
    assert [found[f"1.2.{number}.0"] for number in (1, 2, 3, 4)] == [13, 2, 6, 0]
    assert [found[f"1.2.5.1.{number}.3.51.1"] for number in range(1, 14)] == [
        2, 1, 70_000, 7, 6, 3, 3, 4, 10, 0, 11, 0, 1000,
    ]  # fmt: skip
    assert found["1.2.5.1.2.3.52.2"] == 0  # never MASTER


def test_values_have_the_types_of_the_mibs() -> None:
    one = shown()
    mib = tree(Snmp(), one)
    of_2 = walk(mib, VRRP_MIB)
    assert of_2["1.3.1.7.3.51"].kind is Kind.IP_ADDRESS
    assert of_2["1.3.1.13.3.51"].kind is Kind.TIME_TICKS
    assert of_2["2.4.1.2.3.51"].kind is Kind.COUNTER32
    of_3 = walk(mib, VRRPV3_MIB)
    assert of_3["1.1.1.1.3.3.51.1"].kind is Kind.OCTET_STRING
    assert of_3["1.1.1.1.7.3.51.1"].kind is Kind.GAUGE32
    assert of_3["1.2.5.1.3.3.51.1"].kind is Kind.COUNTER64


def test_only_what_is_wanted_is_served() -> None:
    one = shown()
    only_3 = tree(Snmp(keepalived_mib=False, rfc2787=False), one)
    assert walk(only_3, VRRP_MIB) == walk(only_3, KEEPALIVED) == {}
    assert walk(only_3, VRRPV3_MIB) == walk(tree(Snmp(), one), VRRPV3_MIB)
