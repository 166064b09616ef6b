"""Servers that drain, that come and go with a reload, and whose weight grows when they come back."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from havip.balancing import Order
from havip.clock import Instant, after, seconds
from havip.config.balancing import Forwarding, Method, WhenFailed
from havip.ipvs import pool
from havip.ipvs.held import Held
from havip.ipvs.model import Forward
from havip.ipvs.servers import Verdict, ramped
from havip.ipvs.wanted import Standing
from tests.ipvs.driving import BAD, GOOD, SORRY, Driven, server, service


def test_an_operator_drains_a_server_until_no_connection_is_left() -> None:
    web = Driven(service())
    web.all_good()
    assert web.orders("a", drain=True) == [("a", "DRAINING")]
    assert web.table == {"a": 0, "b": 1, "c": 1}
    assert pool.awaited(web.state) == ["a"]
    assert web.counts(a=2) == []
    assert web.counts(a=0) == [("a", "DRAINED")]
    assert web.table == {"b": 1, "c": 1}
    assert web.state.servers["a"].why == "an operator has set it aside, and no connection is left"
    assert web.orders("a") == [("a", "UP")]
    assert web.table == {"a": 1, "b": 1, "c": 1}


def test_draining_ends_in_time() -> None:
    web = Driven(service(drain_timeout=seconds(30)))
    web.all_good()
    web.orders("a", drain=True)
    web.counts(a=3)
    assert web.waits(29.9) == []
    assert web.table["a"] == 0
    assert web.waits(0.1) == [("a", "DRAINED")]
    assert "a" not in web.table
    why = "an operator has set it aside; waited long enough for the 3 connections that are left"
    assert web.state.servers["a"].why == why


def test_ready_takes_a_server_back_that_still_drains() -> None:
    web = Driven(service(server("a", weight=10), slow_start=seconds(20)))
    web.all_good()
    web.orders("a", drain=True)
    assert web.orders("a") == [("a", "UP"), ("", "UP")]
    assert web.table == {"a": 10}  # it never went cold


def test_a_drained_server_stays_out_whatever_its_checks_say() -> None:
    web = Driven(service())
    web.all_good()
    web.orders("a", drain=True)
    web.counts(a=0)
    assert web.judges(a=BAD) == [("a", "DOWN")]
    assert web.judges(a=GOOD) == [("a", "DRAINED")]
    assert web.table == {"b": 1, "c": 1}


def test_a_server_that_fails_while_it_drains_is_waited_for_no_longer() -> None:
    web = Driven(service())
    web.all_good()
    web.orders("a", drain=True)
    assert web.judges(a=BAD) == [("a", "DOWN")]
    assert web.table == {"b": 1, "c": 1}
    assert pool.awaited(web.state) == []


def test_a_failed_server_that_is_inhibited_drains_as_well() -> None:
    web = Driven(service(when_failed=WhenFailed.INHIBIT))
    web.all_good()
    web.judges(a=BAD)
    web.orders("a", drain=True)
    assert web.table["a"] == 0
    assert pool.awaited(web.state) == ["a"]
    web.counts(a=0)
    assert "a" not in web.table


def test_draining_servers_are_not_alive_and_outlast_a_lost_quorum() -> None:
    web = Driven(service(server("a"), server("b"), quorum=2, sorry_server=SORRY))
    web.all_good()
    assert web.orders("a", drain=True) == [("a", "DRAINING"), ("", "DOWN")]
    assert web.table == {"a": 0, "sorry": 1}


def test_a_reload_removes_a_server_at_once() -> None:
    web = Driven(service())
    web.all_good()
    assert web.reloads(server("b"), server("c")) == [("a", "DOWN")]
    assert web.table == {"b": 1, "c": 1}


def test_a_reload_drains_a_server_where_that_is_wanted() -> None:
    web = Driven(service(drain=True))
    web.all_good()
    assert web.reloads(server("b"), server("c")) == [("a", "DOWN")]
    assert web.table == {"b": 1, "c": 1, "a (leaving)": 0}
    laid_out = pool.laid_out(web.settings, web.state)
    assert [(one.name, str(one.address)) for one in laid_out.servers] == [
        ("b", "10.0.0.2"), ("c", "10.0.0.3"), ("a (leaving)", "10.0.0.1")
    ]  # fmt: skip
    assert web.counts(**{"a (leaving)": 0}) == []
    assert web.table == {"b": 1, "c": 1}
    assert pool.laid_out(web.settings, web.state) is web.settings.service


def test_a_reload_takes_no_server_that_failed_to_be_drained() -> None:
    web = Driven(service(drain=True, when_failed=WhenFailed.INHIBIT))
    web.all_good()
    web.judges(a=BAD)
    assert web.reloads(server("b"), server("c")) == []
    assert web.table == {"b": 1, "c": 1}


def test_a_server_whose_address_changes_is_another_one() -> None:
    web = Driven(service(server("a"), server("b"), drain=True))
    web.all_good()
    moved = server("a", address=ip_address("10.0.0.50"))
    assert web.reloads(moved, server("b")) == [("a", "DOWN")]
    assert web.table == {"b": 1, "a (leaving)": 0}
    assert web.states["a"] == "UNKNOWN"
    web.judges(a=GOOD)
    assert web.table == {"a": 1, "b": 1, "a (leaving)": 0}
    again = server("a", address=ip_address("10.0.0.51"))
    web.reloads(again, server("b"))
    assert web.table == {"b": 1, "a (leaving)": 0, "a (leaving 2)": 0}


def test_a_server_that_leaves_may_come_back() -> None:
    web = Driven(service(drain=True))
    web.all_good()
    web.reloads(server("b"), server("c"))
    assert web.reloads(server("a"), server("b"), server("c")) == [("a", "UP")]
    assert web.table == {"a": 1, "b": 1, "c": 1}


def test_a_server_keeps_what_is_known_of_it_when_it_is_renamed() -> None:
    web = Driven(service(server("a"), server("b")))
    web.all_good()
    web.judges(a=BAD)
    assert web.reloads(server("x", address=ip_address("10.0.0.1")), server("b")) == []
    assert web.states == {"x": "DOWN", "b": "UP"}


def test_a_reload_changes_a_weight_and_nothing_else() -> None:
    web = Driven(service(slow_start=seconds(60)))
    web.all_good()
    assert web.reloads(server("a", weight=7), server("b"), server("c")) == []
    assert web.table == {"a": 7, "b": 1, "c": 1}


def test_new_servers_lose_no_quorum() -> None:
    web = Driven(service(server("a"), sorry_server=SORRY))
    web.all_good()
    assert web.reloads(server("b")) == [("a", "DOWN")]
    assert web.table == {}
    assert web.judges(b=GOOD) == []
    assert web.table == {"b": 1}


def test_a_changed_quorum_counts_at_once() -> None:
    web = Driven(service(sorry_server=SORRY))
    web.all_good()
    assert web.reloads(quorum=4) == [("", "DOWN")]
    assert web.table == {"sorry": 1}
    assert web.reloads(quorum=3) == [("", "UP")]


# Weight 100 over 100 s: a step each 5 s.  Weight 4: a step each 25 s, never below 1.
GROWTH = [
    (100, 0, 1), (100, 4.9, 1), (100, 5, 5), (100, 50, 50), (100, 99, 95), (100, 100, 100),
    (4, 0, 1), (4, 49, 1), (4, 50, 2), (4, 75, 3), (4, 99, 3), (4, 100, 4),
    (1, 0, 1), (0, 0, 0), (0, 50, 0),
]  # fmt: skip


@pytest.mark.parametrize(("weight", "after_s", "grown"), GROWTH)
def test_a_weight_grows_in_twenty_steps_from_1(weight: int, after_s: float, grown: int) -> None:
    began = Instant(5)
    assert ramped(weight, began, seconds(100), after(began, seconds(after_s))) == grown


def test_a_server_that_comes_back_grows() -> None:
    web = Driven(service(server("a", weight=40), server("b", weight=40), slow_start=seconds(20)))
    web.all_good()
    assert web.table == {"a": 40, "b": 40}  # not at the start
    web.judges(a=BAD)
    assert web.judges(a=GOOD) == [("a", "UP")]
    seen = []
    for _ in range(21):
        seen.append(web.table["a"])
        web.waits(1)
    assert seen == [1, *range(2, 42, 2)]
    assert web.table == {"a": 40, "b": 40}


def test_a_server_has_a_slow_start_of_its_own() -> None:
    web = Driven(
        service(server("a", weight=10, slow_start=seconds(0)), server("b", weight=10), slow_start=seconds(9))
    )
    web.all_good()
    web.judges(a=BAD, b=BAD)
    web.all_good()
    assert web.table == {"a": 10, "b": 1}


def test_a_weight_goes_on_growing_over_a_reload_and_the_quorum_counts_it_whole() -> None:
    web = Driven(service(server("a", weight=10), slow_start=seconds(10), quorum=10, sorry_server=SORRY))
    web.all_good()
    web.judges(a=BAD)
    web.judges(a=GOOD)
    web.waits(5)
    assert web.table == {"a": 5}
    assert web.reloads(server("a", weight=20)) == []
    assert web.table == {"a": 10}
    web.waits(5)
    assert web.table == {"a": 20}


def test_a_weight_begins_to_grow_when_the_server_gets_traffic() -> None:
    web = Driven(service(server("a", weight=10), server("b", weight=10), slow_start=seconds(10), quorum=20,
                         sorry_server=SORRY))  # fmt: skip
    web.all_good()
    web.judges(a=BAD, b=BAD)
    web.judges(a=GOOD)
    web.waits(100)
    assert web.table == {"sorry": 1}
    web.judges(b=GOOD)
    assert web.table == {"a": 1, "b": 1}


def test_a_server_that_was_only_pulled_does_not_grow() -> None:
    web = Driven(service(server("a", weight=10), server("b", weight=10), slow_start=seconds(10), quorum=20,
                         sorry_server=SORRY))  # fmt: skip
    web.all_good()
    web.judges(b=BAD)
    web.judges(b=GOOD)
    assert web.table == {"a": 10, "b": 1}


def test_a_server_that_a_reload_adds_grows() -> None:
    web = Driven(service(server("a", weight=10), slow_start=seconds(10)))
    web.all_good()
    web.reloads(server("a", weight=10), server("b", weight=10))
    web.judges(b=GOOD)
    assert web.table == {"a": 10, "b": 1}


def test_a_server_that_was_out_of_the_table_for_an_operator_grows() -> None:
    web = Driven(service(server("a", weight=10), slow_start=seconds(10)))
    web.all_good()
    web.orders("a", drain=True)
    web.counts(a=0)
    web.orders("a")
    assert web.table == {"a": 1}


def test_a_worker_that_begins_again_goes_on_draining() -> None:
    order = Order("web", "a", drain=True)
    web = Driven(service(server("a"), server("b")), Standing({"a": 0, "b": 1}), {"a": order})
    assert web.table == {"a": 0, "b": 1}
    assert web.states["a"] == "DRAINING"
    web.all_good()
    assert web.table == {"a": 0, "b": 1}
    web.counts(a=0)
    assert web.table == {"b": 1}


def test_a_weight_that_a_check_asks_for_grows_as_well() -> None:
    web = Driven(service(server("a", weight=10), slow_start=seconds(10)))
    web.all_good()
    web.judges(a=BAD)
    web.judges(a=GOOD)
    web.waits(5)
    web.judges(a=Verdict(True, "asks", weight=100))
    assert web.table == {"a": 50}


def test_an_order_outlasts_a_reload_that_takes_its_server_away() -> None:
    web = Driven(service())
    web.all_good()
    web.orders("a", weight=9)
    web.reloads(server("b"), server("c"))
    web.reloads(server("a"), server("b"), server("c"))
    web.judges(a=GOOD)
    assert web.table == {"a": 9, "b": 1, "c": 1}


def test_an_order_is_of_a_name() -> None:
    web = Driven(service(server("a"), server("b")))
    web.all_good()
    web.orders("a", drain=True)
    web.counts(a=0)
    assert web.reloads(server("x", address=ip_address("10.0.0.1")), server("b")) == [("x", "UP")]


def held(drain: bool, *names: str) -> Held:
    """Return a service that has servers of these names."""
    configured = service(*(server(name, forwarding=Forwarding(Method.DIRECT)) for name in names), drain=drain)
    return Held(pool.Settings(configured), None)


def standing(one: Held, now: Instant) -> dict[str, int]:
    """Return whom the kernel is to hold for it."""
    (table,) = one.pools(now)
    assert {found.forward for found in table.destinations.values()} == {Forward.ROUTE}
    return {str(key): found.weight for key, found in table.destinations.items()}


@pytest.mark.parametrize("drain", [True, False])
def test_a_server_that_drained_in_a_former_life_drains_on(drain: bool) -> None:
    """The checker that has set it aside died: its connections must not be cut."""
    now = Instant(10**12)
    before = held(drain, "a", "b", "c")
    before.begin({}, {}, False, now)
    before.step(pool.Judged(dict.fromkeys("abc", GOOD)), now)
    (table,) = before.pools(now)
    present = {table.service.key: table}
    for key, one in table.destinations.items():
        if str(key) == "10.0.0.3:80":  # a reload has taken it away, and by now b, which nobody drains
            table.destinations[key] = replace(one, weight=0)

    after_it = held(drain, "a")
    assert after_it.begin(present, {}, False, now) == []
    assert standing(after_it, now) == {"10.0.0.1:80": 1} | ({"10.0.0.3:80": 0} if drain else {})
    if drain:
        (name,) = pool.awaited(after_it.state)
        after_it.step(pool.Counted({name: 1}), now)
        assert "10.0.0.3:80" in standing(after_it, now)
        assert after_it.step(pool.Counted({name: 0}), now) == []
        assert standing(after_it, now) == {"10.0.0.1:80": 1}
