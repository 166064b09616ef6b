"""Damaged, forged, replayed and flooding packets: counted, and without effect on who is master."""

from __future__ import annotations

from dataclasses import replace

import pytest

from havip.clock import Duration, milliseconds, seconds
from havip.errors import Refusal
from havip.vrrp import packet
from tests.sim import judge
from tests.sim.host import GROUPS, Datagram, Host, Weather, advert_from
from tests.sim.lan import Lan
from tests.sim.scene import DELAY, QUIET, VARIANTS, lan_of, some_time


def stranger(lan: Lan, priority: int, address: int = 200, **changes: object) -> Host:
    """Return a router that is on the LAN's wire but not among its hosts."""
    model = next(iter(lan.hosts.values()))
    settings = replace(
        model.settings,
        priority=priority,
        address=model.settings.address[:-1] + bytes((address,)),
        **changes,  # type: ignore[arg-type]
    )
    return Host("x", 99, settings, model.clock)


def forged(source: Host, payload: bytes, hop_limit: int = packet.TTL) -> Datagram:
    """Return a datagram that nobody may believe."""
    address, group = source.settings.address, GROUPS[source.family]
    data = payload
    if source.family == 4:
        data = packet.ipv4_datagram(payload, address, group)
        data = data[:8] + bytes((hop_limit,)) + data[9:]
    return Datagram(data, address, group, hop_limit, spoilt=True)


def message(source: Host, priority: int = 255) -> bytes:
    """Return the VRRP message that ``source`` would send with this priority."""
    return packet.encode(source.settings, priority, source.addresses, GROUPS[source.family])


@pytest.mark.parametrize(("version", "family"), VARIANTS)
def test_no_invalid_packet_deposes_a_master(version: int, family: int) -> None:
    lan, (a, b) = lan_of(2, 0, version, family)
    rogue = stranger(lan, 255)
    good = message(rogue)
    other_version = stranger(lan, 255, version=5 - version) if family == 4 else rogue
    packets = {
        Refusal.TTL: forged(rogue, good, hop_limit=254),
        Refusal.TYPE: forged(rogue, bytes((good[0] & 0xF0 | 2,)) + good[1:]),
        Refusal.LENGTH: forged(rogue, good[:-1]),
        Refusal.NO_ADDRESSES: forged(
            rogue, good[:3] + b"\0" + good[4:8] + good[8 + 2 * len(rogue.addresses[0]) :]
        ),
        Refusal.CHECKSUM: forged(rogue, good[:2] + b"\xfe" + good[3:]),
        Refusal.UNKNOWN_VRID: forged(rogue, message(stranger(lan, 255, vrid=52))),
        Refusal.VERSION: forged(rogue, message(other_version) if family == 4 else bytes((0x41,)) + good[1:]),
        Refusal.INTERVAL: forged(
            rogue, message(stranger(lan, 255, interval=seconds(7 if version == 2 else 0)))
        ),
    }
    calm = lan.now
    for _ in range(20):
        for datagram in packets.values():
            lan.run(some_time(lan) // 20)
            lan.inject(datagram)
    lan.run(seconds(10))
    judge.unchanged(lan, calm, a)
    for host in (a, b):
        for reason in packets:
            assert host.counted[reason] == 20, reason


def test_a_masters_own_advert_replayed_to_it_is_refused() -> None:
    lan, (a, _) = lan_of(2)
    calm, before = lan.now, a.counted[Refusal.OWN_PACKET]
    for _ in range(100):
        lan.run(milliseconds(5))
        lan.inject(forged(a, message(a)), a)
    judge.unchanged(lan, calm, a)
    assert a.counted[Refusal.OWN_PACKET] >= before + 100


def test_adverts_replayed_after_the_masters_death_hold_the_takeover_up_only_while_they_come() -> None:
    # Nothing but authentication could tell them apart; they must not outlive their sender's promise.
    lan, (a, b) = lan_of(2)
    old = advert_from(a, 192)
    lan.kill(a)
    for _ in range(100):
        lan.run(milliseconds(100))
        lan.inject(old, b)
    judge.only_master(lan)
    lan.run(seconds(3.5) + DELAY)
    judge.only_master(lan, b)


@pytest.mark.parametrize(("version", "family"), VARIANTS)
def test_damage_on_the_wire_is_noticed_and_changes_nothing(version: int, family: int) -> None:
    # Half of all frames have one bit turned: a loss of one half, and never a belief.
    lan = Lan(7, Weather(corruption=0.5), version, family)
    a, b = (
        lan.add("a", 192, announce=QUIET, down_adverts=20),
        lan.add("b", 128, announce=QUIET, down_adverts=20),
    )
    lan.start(a, b)
    lan.run(seconds(30))
    judge.only_master(lan, a)
    calm = lan.now
    lan.run(seconds(600))
    judge.unchanged(lan, calm, a)
    assert sum(b.counted[reason] for reason in (Refusal.CHECKSUM, Refusal.LENGTH, Refusal.VERSION)) > 200


def test_the_address_owner_listens_to_nobody() -> None:
    lan, (a, b) = lan_of(2)
    owner = lan.add("o", 255)
    lan.start(owner)
    lan.run(seconds(1))
    calm = lan.now
    lan.inject(advert_from(stranger(lan, 255), 255), owner)
    lan.inject(advert_from(stranger(lan, 254), 254), owner)
    lan.run(seconds(10))
    judge.unchanged(lan, calm, owner)
    assert owner.counted[Refusal.TWO_OWNERS] == 1
    assert owner.counted[Refusal.ADDRESS_OWNER] >= 1
    assert not a.held
    assert not b.held


def test_a_flood_of_weaker_adverts_does_not_delay_a_masters_own_adverts() -> None:
    lan, (a, b) = lan_of(2)
    weak = advert_from(stranger(lan, 1, address=3), 1)
    calm = lan.now
    for _ in range(5_000):
        lan.run(milliseconds(1))
        lan.inject(weak)
    judge.unchanged(lan, calm, a)
    assert not b.held


def test_a_flood_of_weaker_adverts_makes_no_flood_of_announcements() -> None:
    lan, (a, _) = lan_of(2)
    lan.run(seconds(10))
    weak = advert_from(stranger(lan, 1, address=3), 1)
    before = lan.neighbours["b"].learned
    for _ in range(3_990):
        lan.run(milliseconds(1))
        lan.inject(weak)
    # No more than two bursts an interval, each of 5 times 2 addresses.
    assert 10 <= lan.neighbours["b"].learned - before <= 80
    assert a.is_master


def test_a_flood_of_resignations_does_not_depose_a_living_master_nor_save_a_dead_one() -> None:
    lan, (a, b, c) = lan_of(3)
    nothing = advert_from(stranger(lan, 1, address=3), 0)
    calm = lan.now
    for _ in range(500):
        lan.run(milliseconds(10))
        lan.inject(nothing)
    judge.unchanged(lan, calm, a)
    lan.kill(a)
    died = lan.now
    for _ in range(500):
        lan.run(milliseconds(10))
        lan.inject(nothing)
    judge.only_master(lan, b)
    judge.never_none(lan, died, lan.now, longer_than=Duration(seconds(3.5) + DELAY))
    assert not c.held
