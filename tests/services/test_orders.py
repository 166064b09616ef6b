"""What the operator has ordered holds for the router that was meant, and outlives what it must outlive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from havip.config.model import VirtualRouter
from havip.plain import Unfit
from havip.services.orders import Declined, Orders, Override, Word, as_dict, from_dict, maintain, prioritize
from tests.config.reading import read

WORD = Word("alice (root)", 1_700_000_000.0, "new disk")


def routers(**vrids: int) -> tuple[VirtualRouter, ...]:
    """Return virtual routers by name and vrid."""
    lines = (
        f"  {name}: {{interface: eth0, vrid: {vrid}, addresses: [192.0.2.{vrid}/24]}}\n"
        for name, vrid in vrids.items()
    )
    return read("virtual_routers:\n" + "".join(lines)).virtual_routers


TWO = routers(web=1, mail=2)


def kept_out(orders: Orders, among: tuple[VirtualRouter, ...]) -> list[str]:
    """Return the names of the routers in maintenance."""
    holds = orders.by_key(among)
    return [router.name for router in among if router.key in holds and holds[router.key].maintenance]


def test_maintenance_is_for_the_one_that_was_named() -> None:
    assert kept_out(maintain(Orders(), "web", TWO, WORD), TWO) == ["web"]


def test_maintenance_without_a_name_is_for_all_and_for_those_that_come_later() -> None:
    orders = maintain(Orders(), None, TWO, WORD)
    assert kept_out(orders, routers(web=1, mail=2, new=3)) == ["web", "mail", "new"]


def test_the_end_of_all_maintenance_is_the_end_of_each() -> None:
    orders = maintain(maintain(Orders(), "web", TWO, WORD), None, TWO, WORD)
    assert maintain(orders, None, TWO, None) == Orders()


def test_one_cannot_be_let_in_while_all_are_kept_out() -> None:
    with pytest.raises(Declined, match="all are in maintenance") as declined:
        maintain(maintain(Orders(), None, TWO, WORD), "web", TWO, None)
    assert declined.value.reason == "all-in-maintenance"


def test_the_end_of_maintenance_leaves_a_priority_as_it_is() -> None:
    orders = prioritize(maintain(Orders(), "web", TWO, WORD), "web", TWO, Override(200, WORD))
    orders = maintain(orders, None, TWO, None)
    assert kept_out(orders, TWO) == []
    assert orders.of(TWO[0], TWO).override == Override(200, WORD)


def test_a_renamed_router_stays_in_maintenance_and_its_name_is_free() -> None:
    orders = maintain(Orders(), "web", TWO, WORD)
    renamed = routers(site=1, web=3)
    assert kept_out(orders, renamed) == ["site"]
    again = orders.known_again(renamed)
    assert [(order.name, order.key[1]) for order in again.routers] == [("site", 1)]


def test_a_router_whose_identity_changed_is_known_by_its_name() -> None:
    orders = maintain(Orders(), "web", TWO, WORD)
    moved = routers(web=77)
    assert kept_out(orders, moved) == ["web"]
    assert [(order.name, order.key[1]) for order in orders.known_again(moved).routers] == [("web", 77)]


def test_an_order_waits_for_a_router_that_is_gone_for_a_while() -> None:
    orders = maintain(Orders(), "web", TWO, WORD)
    without = routers(mail=2)
    assert orders.absent(without) == ["web"]
    assert kept_out(orders.known_again(without), TWO) == ["web"]
    assert maintain(orders, "web", without, None) == Orders()  # and can be taken back meanwhile


@pytest.mark.parametrize("order", [maintain, prioritize])
def test_a_name_that_is_none_is_told_with_those_that_are(order: Callable[..., Orders]) -> None:
    with pytest.raises(Declined, match="no virtual router named wbe; there are: web, mail"):
        order(Orders(), "wbe", TWO, WORD if order is maintain else Override(9, WORD))


def test_the_address_owner_has_no_other_priority() -> None:
    (owner,) = read(
        "virtual_routers:\n  o: {interface: e, vrid: 1, priority: 255, addresses: [192.0.2.1/24]}\n"
    ).virtual_routers
    with pytest.raises(Declined, match="o owns its addresses"):
        prioritize(Orders(), "o", (owner,), Override(100, WORD))


def test_the_record_is_read_back_as_it_was_written() -> None:
    orders = maintain(Orders(), "web", TWO, WORD)
    orders = prioritize(orders, "mail", TWO, Override(7, Word("bob", 1.5, "")))
    assert from_dict(as_dict(orders)) == orders
    assert from_dict(as_dict(maintain(orders, None, TWO, WORD))).everywhere == WORD


def spoilt(**changes: Any) -> dict[str, Any]:
    return as_dict(prioritize(Orders(), "web", TWO, Override(7, WORD))) | changes


@pytest.mark.parametrize(
    "record",
    [
        {},
        spoilt(version=2),
        spoilt(everywhere="yes"),
        spoilt(everywhere={"by": "x", "at": "now", "reason": ""}),
        spoilt(routers=None),
        spoilt(routers=[{}]),
        spoilt(routers=[spoilt()["routers"][0] | {"key": ["eth0", 1]}]),
        spoilt(
            routers=[spoilt()["routers"][0] | {"priority": {"value": 255, "by": "", "at": 0, "reason": ""}}]
        ),
    ],
)
def test_a_record_that_is_none_is_not_taken_for_an_empty_one(record: dict[str, Any]) -> None:
    with pytest.raises(Unfit):
        from_dict(record)
