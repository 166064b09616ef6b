"""The simulator would notice: one thing is broken on purpose, and the tests that guard it must fail by it.

Each mutant of `mutants` is given to tests of this directory, which must fail, and by the rule that is named.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from havip.clock import seconds
from havip.vrrp import election, master, packet, states, timing
from havip.vrrp.actions import AddAddresses, AnnounceAddresses, RemoveAddresses, SendAdvert
from havip.vrrp.events import AddressesLost, Impeded, SettingsChanged
from havip.vrrp.packet import Advert
from tests.sim import campaign as campaigns
from tests.sim import (
    mutants,
    test_clocks,
    test_exhaustive,
    test_healing,
    test_hostile,
    test_preemption,
    test_reassertion,
    test_takeover,
)
from tests.sim.mutants import Mutant, Patch, instead, loud, mutant, postponing, without
from tests.sim.shrink import broken_rule, smaller
from tests.sim.walk import Broken, Walk
from tests.sim.watch import Violation

EXHAUSTIVE = test_exhaustive.test_two_routers_settle_from_every_state
TWO: tuple[object, ...] = test_exhaustive.routers(192, 128), {}, 0, 3.5
LINK = test_takeover.test_a_link_that_goes_down_resigns_and_comes_back_by_itself
FASTER = test_takeover.test_fewer_missed_adverts_make_a_faster_takeover
DEATH = test_takeover.test_after_the_masters_death_the_best_backup_alone_takes_over_in_its_time
HEALED = test_healing.test_a_healed_lan_has_one_master_within_one_interval
SURVIVOR = test_healing.test_of_the_masters_of_a_healed_lan_the_best_one_survives
CLIENTS = test_healing.test_clients_on_every_side_of_a_healed_lan_reach_the_survivor
PREEMPTS = test_preemption.test_with_preemption_the_best_router_ends_as_master
HOLDS_BACK = test_preemption.test_without_preemption_nothing_changes_when_a_better_router_comes

MUTANTS: list[tuple[str, Mutant, str, Callable[..., None], tuple[object, ...]]] = [
    # What is wrong; the mutant; the rule by which it falls; the test that meets it; its arguments.
    ("addresses stay", without(RemoveAddresses), "each action once", LINK, ()),
    ("addresses stay", without(RemoveAddresses), "addresses if and only if MASTER", EXHAUSTIVE, TWO),
    ("kernel forgets", mutants.forgetful_kernel, "addresses if and only if MASTER", HEALED, (2, 3, 4)),
    (
        "lost stays lost",
        without(AddAddresses, on=AddressesLost),
        "addresses if and only if MASTER",
        test_takeover.test_addresses_that_somebody_removes_are_put_back_without_a_change_of_master,
        (),
    ),
    ("added mutants.twice", mutant(mutants.twice), "each action once", LINK, ()),
    ("added mutants.twice", mutant(mutants.twice), "each action once", EXHAUSTIVE, TWO),
    ("call first", mutant(lambda *it: (it[4], it[5][::-1])), "addresses before announcements", FASTER, ()),
    (
        "call first",
        mutant(lambda *it: (it[4], it[5][::-1])),
        "addresses before announcements",
        EXHAUSTIVE,
        TWO,
    ),
    ("backup announces", loud(AnnounceAddresses(1)), "only a master announces", FASTER, ()),
    ("backup speaks", loud(SendAdvert(100)), "only a master speaks", FASTER, ()),
    (
        "never leaves",
        mutant(mutants.undead),
        "silent after priority 0",
        test_takeover.test_a_stopped_router_says_nothing_until_it_is_started,
        (),
    ),
    ("never leaves", mutant(mutants.undead), "silent after priority 0", EXHAUSTIVE, TWO),
    (
        "distracted",
        mutant(mutants.distracted),
        "a master speaks in time",
        test_hostile.test_a_flood_of_weaker_adverts_does_not_delay_a_masters_own_adverts,
        (),
    ),
    ("endless patience", mutant(mutants.patient), "deadlines are sane", FASTER, ()),
    ("endless patience", mutant(mutants.patient), "deadlines are sane", EXHAUSTIVE, TWO),
    (
        "no checksum",
        instead(packet, "holds", lambda data: True),
        "no invalid packet counts",
        test_hostile.test_damage_on_the_wire_is_noticed_and_changes_nothing,
        (3, 4),
    ),
    (
        "stubborn",
        instead(election, "we_give_way", lambda us, advert: False),
        "the right master",
        HEALED,
        (2, 3, 4),
    ),
    (
        "stubborn",
        instead(election, "we_give_way", lambda us, advert: False),
        "one master in the end",
        EXHAUSTIVE,
        TWO,
    ),
    (
        "meek",
        instead(election, "we_give_way", lambda us, advert: True),
        "the right master",
        SURVIVOR,
        (True,),
    ),
    (
        "one farewell",
        instead(master, "FAREWELLS", 0),
        "clients reach the master",
        test_reassertion.test_a_farewell_that_is_lost_is_said_again,
        (),
    ),
    (
        "one farewell",
        instead(master, "FAREWELLS", 0),
        "clients reach the master",
        test_reassertion.test_clients_of_a_lan_that_heals_after_the_group_was_deposed_are_called_back,
        (seconds(20),),
    ),
    (
        "talkative",
        instead(master, "FAREWELLS", 9),
        "only a master speaks",
        test_reassertion.test_a_rival_that_is_never_heard_stops_speaking,
        (),
    ),
    ("no farewell", without(SendAdvert, on=Advert), "clients reach the master", CLIENTS, (4,)),
    ("no call back", without(AnnounceAddresses, on=Advert), "clients reach the master", CLIENTS, (6,)),
    ("one skew", instead(timing, "skew", lambda *it: it[2] // 2), "never two masters", DEATH, (3, 3, 4)),
    ("slow", instead(timing, "master_down", mutants.slower), "a master in time", FASTER, ()),
    (
        "deaf to 0",
        instead(election, "resigns", lambda advert: False),
        "the right master",
        test_takeover.test_a_resignation_leaves_a_gap_of_the_skew_alone,
        (3, 4),
    ),
    (
        "never preempts",
        instead(election, "we_keep_waiting", lambda us, ad: True),
        "the right master",
        PREEMPTS,
        (3, 3, 4),
    ),
    (
        "always preempts",
        instead(election, "we_keep_waiting", mutants.preempting_anyway),
        "no needless change",
        HOLDS_BACK,
        (3, 4),
    ),
    (
        "judges first",
        mutants.eager,
        "no needless change",
        test_clocks.test_a_backup_that_was_frozen_hears_what_waits_before_it_judges,
        (),
    ),
    (
        "reload postpones",
        postponing(SettingsChanged),
        "the right master",
        test_preemption.test_reloads_do_not_postpone_a_takeover,
        (),
    ),
    (
        "resignation postpones",
        postponing(Advert),
        "the right master",
        test_hostile.test_a_flood_of_resignations_does_not_depose_a_living_master_nor_save_a_dead_one,
        (),
    ),
    (
        "owner listens",
        instead(packet, "refuse", mutants.refuse_nothing_as_owner),
        "no needless change",
        test_hostile.test_the_address_owner_listens_to_nobody,
        (),
    ),
    (
        "learns nothing",
        instead(states, "follow", mutants.own_interval),
        "no needless change",
        test_clocks.test_backups_learn_the_masters_interval_and_do_not_flap,
        (),
    ),
    (
        "always farewell",
        mutant(mutants.chatty),
        "one master in the end",
        test_exhaustive.test_three_routers_of_different_intervals_settle_though_the_master_answers_nobody,
        (),
    ),
    (
        "refused for ever",
        instead(master, "REFUSALS_BORNE", 1_000_000),
        "the right master",
        test_takeover.test_a_router_whose_kernel_refuses_the_addresses_lets_another_have_them,
        (),
    ),
    ("faulty for ever", mutant(mutants.lazy), "the right master", LINK, ()),
]


@pytest.mark.parametrize(
    ("patch", "rule", "test", "arguments"),
    [pytest.param(*rest, id=f"{name}-{number}") for number, (name, *rest) in enumerate(MUTANTS)],
)
def test_a_mutant_falls_by_the_rule_that_it_breaks(
    monkeypatch: Patch, patch: Mutant, rule: str, test: Callable[..., None], arguments: tuple[object, ...]
) -> None:
    patch(monkeypatch)
    with pytest.raises((Violation, Broken)) as caught:
        test(*arguments)
    assert getattr(caught.value, "rule", None) == rule, caught.value


def test_every_rule_has_a_mutant_that_falls_by_it() -> None:
    rules = {rule for _, _, rule, _, _ in MUTANTS}
    assert rules == {
        "a master in time",
        "a master speaks in time",
        "addresses before announcements",
        "addresses if and only if MASTER",
        "clients reach the master",
        "deadlines are sane",
        "each action once",
        "never two masters",
        "no invalid packet counts",
        "no needless change",
        "one master in the end",
        "only a master announces",
        "only a master speaks",
        "silent after priority 0",
        "the right master",
    }


def test_two_masters_that_hear_each_other_are_noticed_though_they_settle(monkeypatch: Patch) -> None:
    mutant(mutants.hesitant)(monkeypatch)
    verdict = Walk(test_exhaustive.routers(192, 128), test_exhaustive.QUARTER, lossy=False).explore()
    assert verdict.most_masters == 2


def test_an_owner_that_waits_is_noticed(monkeypatch: Patch) -> None:
    mutant(mutants.deferring)(monkeypatch)
    with pytest.raises(AssertionError, match="is_master"):
        test_takeover.test_the_address_owner_is_master_from_the_start_and_the_other_gives_way(3, 4)


def test_a_campaign_finds_a_fault_and_makes_the_scenario_small(monkeypatch: Patch) -> None:
    without(RemoveAddresses, on=Impeded)(monkeypatch)
    for seed in range(100):
        scene = campaigns.scenario(seed)
        if len(scene.faults) > 10 and broken_rule(scene, campaigns.play) == "each action once":
            least = smaller(scene, "each action once", campaigns.play)
            assert [fault.kind for fault in least.faults] == ["link down"]
            with pytest.raises(AssertionError, match=f"seed {seed}: each action once"):
                campaigns.campaign(seed)
            return
    pytest.fail("a hundred campaigns saw nothing")
