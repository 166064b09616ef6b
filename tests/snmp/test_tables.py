"""What the three MIBs show of one daemon, by the numbers that their authors gave."""

from __future__ import annotations

from havip.config.snmp import Snmp
from havip.snmp.trees import served, tree
from havip.snmp.values import Kind
from tests.snmp.shown import TEXT, balanced, plain, shown, table, walk

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


def balanced_table(below: str) -> dict[str, object]:
    return {name: plain(value) for name, value in walk(tree(Snmp(), balanced()), below).items()}


def test_a_virtual_server_is_shown_as_keepalived_would() -> None:
    found = balanced_table(f"{KEEPALIVED}.3.3.1")
    web = row(found, "1")
    assert {number: web[number] for number in (2, 5, 6, 7, 8, 9, 10, 11, 13, 15, 20, 21, 22, 23, 61, 71)} == {
        2: 2, 5: 1, 6: "c0000201", 7: 80, 8: 1, 9: 4, 10: 1, 11: 1, 13: 2, 15: "ffffffff", 20: 3, 21: 1,
        22: 1, 23: 1, 61: 1, 71: "web",
    }  # fmt: skip
    assert {number: web[number] for number in (27, 28, 29, 30, 31, 32, 35, 38, 39, 40, 41, 42, 47, 48)} == {
        27: 1_234_574, 28: 2_000_008, 29: 3_000_009, 30: 4_500_000_010, 31: 98_776, 32: 12, 35: 7_800,
        38: 1_234_574, 39: 2_000_008, 40: 3_000_009, 41: 12, 42: 0, 47: 7_800, 48: 0,
    }  # fmt: skip
    dns = row(found, "2")
    assert (dns[2], dns[3], dns[5], dns[8], dns[9], dns[10], dns[11], dns[23]) == (
        3,
        "resolvers",
        2,
        2,
        8,
        2,
        2,
        2,
    )
    assert 6 not in dns
    assert 7 not in dns
    assert (15 in dns, dns[51]) == (False, 128)


def test_the_server_of_last_resort_comes_first_and_the_others_follow() -> None:
    found = balanced_table(f"{KEEPALIVED}.3.4.1")
    sorry, web1, web2, web3 = (row(found, f"1.{number}") for number in (1, 2, 3, 4))
    assert (sorry[2], sorry[4], sorry[55], 6 in sorry) == (2, "0a000063", "sorry", False)
    assert (web1[2], web1[4], web1[6], web1[7], web1[13], web1[15], web1[16]) == (
        1,
        "0a000007",
        1,
        10,
        0,
        12,
        340,
    )
    assert (web2[6], web2[7], web2[13]) == (2, 10, 1)  # DOWN: the weight that it would have
    assert (web3[6], web3[14], web3[20], web3[21]) == (2, 7, 10, 11)
    assert row(found, "2.1")[4] == "20010db8000000000000000000000053"


def test_groups_sync_and_timeouts_are_shown() -> None:
    assert balanced_table(f"{KEEPALIVED}.3.1.1") == {"2.1": "resolvers"}
    assert balanced_table(f"{KEEPALIVED}.3.2.1") == {
        "2.1.1": 1, "2.1.2": 2, "3.1.1": 7, "4.1.2": 2, "5.1.2": "20010db8000000000000000000000001",
        "8.1.2": 0,
    }  # fmt: skip
    assert balanced_table(f"{KEEPALIVED}.3.6") == {
        "1.0": 1, "2.0": "eth0", "3.0": "old", "4.0": 51, "5.0": 1460, "6.0": 8848, "7.0": 1, "8.0": 1,
        "9.0": "e0000051",
    }  # fmt: skip
    assert balanced_table(f"{KEEPALIVED}.3.7") == {"1.0": 900, "2.0": 120, "3.0": 300}
    assert table(f"{KEEPALIVED}.3") == {}  # without virtual services


def test_the_load_balancer_is_registered_only_where_there_is_one() -> None:
    (_, without, _), *_ = served(Snmp())
    (_, with_it, _), *_ = served(Snmp(), balances=True)
    assert [subtree[-1] for subtree in without] == [1, 2]
    assert [subtree[-1] for subtree in with_it] == [1, 2, 3]
