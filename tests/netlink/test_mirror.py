"""`havip.netlink.mirror`: interfaces and addresses as events and dumps tell of them."""

from __future__ import annotations

from dataclasses import replace

from havip.netlink.codec import AF_INET, AF_INET6, Address, Link
from havip.netlink.mirror import Mirror

ETH0 = Link(2, "eth0", 0x11043, bytes(6), 1500)
ETH1 = Link(3, "eth1", 0x11043, bytes(6), 1500)


def ipv4(last: int, flags: int = 0x80, ifindex: int = 2) -> Address:
    packed = bytes((10, 0, 0, last))
    return Address(ifindex, packed, packed, 24, flags, 0, 0, 0)


def ipv6(last: int, ifindex: int = 2) -> Address:
    packed = bytes((0xFE, 0x80, *bytes(13), last))
    return Address(ifindex, packed, packed, 64, 0x80, 253, 0, 0)


def mirror(*links: Link) -> Mirror:
    made = Mirror()
    for link in links:
        made.put_link(link)
    return made


def order(made: Mirror, family: int) -> list[int]:
    return [address.address[-1] for address in made.addresses(2, family)]


def test_an_event_that_says_nothing_new_touches_nothing() -> None:
    made = mirror(ETH0)
    assert made.put_link(ETH0) == set()
    assert made.put_address(ipv4(1)) is True
    assert made.put_address(ipv4(1)) is False


def test_forwarding_is_news_for_the_interface_it_changes_on() -> None:
    made = mirror(ETH0, ETH1)
    assert made.put_forwarding(2, True) == {"eth0"}
    assert made.put_forwarding(2, True) == set()
    assert (made.forwards(2), made.forwards(3)) == (True, False)
    assert made.put_forwarding(-1, True) == set()
    assert made.replace([ETH0, ETH1], [], [3]) == {"eth0", "eth1"}
    assert (made.forwards(2), made.forwards(3)) == (False, True)
    made.drop_link(3)
    made.put_link(ETH1)
    assert made.forwards(3) is False


def test_a_rename_touches_both_names_and_remembers_the_old_one() -> None:
    made = mirror(ETH0)
    assert made.put_link(replace(ETH0, name="lan0")) == {"eth0", "lan0"}
    assert made.link("eth0") is None
    assert made.link("lan0") == replace(ETH0, name="lan0")
    assert made.renamed_to("eth0") == "lan0"


def test_two_interfaces_may_swap_their_names() -> None:
    made = mirror(ETH0, ETH1)
    made.put_link(replace(ETH0, name="tmp"))
    made.put_link(replace(ETH1, name="eth0"))
    made.put_link(replace(ETH0, name="eth1"))
    eth0, eth1 = made.link("eth0"), made.link("eth1")
    assert eth0 is not None
    assert eth1 is not None
    assert (eth0.ifindex, eth1.ifindex) == (3, 2)


def test_a_name_taken_over_survives_the_end_of_its_former_bearer() -> None:
    made = mirror(ETH0)
    made.put_link(replace(ETH1, name="eth0"))  # we missed that interface 2 gave up the name
    assert made.drop_link(2) == {"eth0"}
    link = made.link("eth0")
    assert link is not None
    assert link.ifindex == 3


def test_a_deleted_interface_takes_its_addresses_and_its_former_name_along() -> None:
    made = mirror(ETH0)
    made.put_link(replace(ETH0, name="lan0"))
    made.put_address(ipv4(1))
    assert made.drop_link(2) == {"lan0"}
    assert made.address(ipv4(1).key) is None
    assert made.renamed_to("eth0") is None
    assert made.drop_link(2) == set()


def test_a_promoted_address_goes_behind_the_primary_ones() -> None:
    made = mirror(ETH0)
    for address in (ipv4(1), ipv4(2, 0x81), ipv4(3)):
        made.put_address(address)
    made.drop_address(ipv4(1).key)
    made.put_address(ipv4(2))
    assert order(made, AF_INET) == [3, 2]


def test_addresses_are_told_apart_by_family() -> None:
    made = mirror(ETH0)
    for address in (ipv6(9), ipv4(1), ipv6(8)):
        made.put_address(address)
    assert order(made, AF_INET) == [1]
    assert order(made, AF_INET6) == [9, 8]
    assert list(made.addresses(77, AF_INET)) == []


def test_a_dump_touches_exactly_what_differs() -> None:
    eth2 = replace(ETH1, ifindex=4, name="eth2")
    eth3 = replace(ETH1, ifindex=5, name="eth3")
    made = mirror(ETH0, ETH1, eth2, eth3)
    for ifindex in (2, 3, 4, 5):
        made.put_address(ipv4(1, ifindex=ifindex))
    dumped = [ETH0, replace(ETH1, name="lan1"), eth3, replace(ETH0, ifindex=9, name="new0")]
    addresses = [ipv4(1), ipv4(1, ifindex=3), ipv4(2, ifindex=5)]
    assert made.replace(dumped, addresses) == {"eth1", "lan1", "eth2", "eth3", "new0"}
    assert made.renamed_to("eth1") == "lan1"
    assert made.link("eth2") is None
    assert made.replace(dumped, addresses) == set()


def test_a_name_from_before_a_dump_is_still_remembered_after_it() -> None:
    made = mirror(ETH0)
    made.put_link(replace(ETH0, name="lan0"))
    made.replace([replace(ETH0, name="lan0")], [])
    assert made.renamed_to("eth0") == "lan0"
