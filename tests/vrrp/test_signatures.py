"""Routers that sign: what leaves them, whom they believe, and what they remember through every change."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from havip import clock
from havip.clock import seconds
from havip.config.authentication import AntiReplay, Mode
from havip.config.cast import Peer, Unicast
from havip.config.model import VirtualRouter
from havip.errors import Refusal
from havip.vrrp import auth, packet, sequences
from havip.vrrp.packet import GROUP_IPV4, Heard, split_ipv4
from havip.vrrp.states import Master
from tests.vrrp.model import OURS, PEER, ModelKernel, router
from tests.vrrp.signed import (
    KEY,
    OTHER_KEY,
    SEQUENCE,
    V6_MESSAGE,
    V6_SOURCE,
    V6_TRAILER,
    WALL,
    rules,
    sign,
)
from tests.vrrp.stack import Stack, started
from tests.vrrp.wire import ip, message

VIP = ip("10.0.0.9")
SECOND = 10**9
MISSING, REPLAY = Refusal.HMAC_MISSING, Refusal.HMAC_REPLAY


class Wall:
    """The wall clock, as a test sets it."""

    now = WALL

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    made = Wall()
    monkeypatch.setattr(clock, "stamp", made)
    return made


@pytest.fixture
def path(tmp_path: Path) -> str:
    made = str(tmp_path / "sequences")
    sequences.create(made)
    return made


@pytest.fixture
def stack(descriptor: int, path: str, wall: Wall) -> Stack:
    return signing(descriptor, path)


def signing(descriptor: int, path: str, *configs: VirtualRouter, kernel: ModelKernel | None = None) -> Stack:
    """Return one life of a worker whose router signs, as a backup that has heard nobody."""
    life = Stack(descriptor, kernel)
    life.roster.keep_sequences(path, life.now)
    return started(life, *configs or (signed(),))


def signed(**options: Any) -> VirtualRouter:
    """Return a router that signs with the key of the vectors, but for the rules given."""
    hmac = {key: options.pop(key) for key in ("anti_replay", "window", "mode") if key in options}
    return router(hmac=rules(*options.pop("keys", ()), active=options.pop("active", 1), **hmac), **options)


def hears(
    stack: Stack,
    sequence: int | None,
    *,
    key: bytes = KEY,
    source: bytes = PEER,
    ttl: int = 255,
    **fields: Any,
) -> Refusal | str:
    """Have an advert of priority 200 come in; say why it was refused, or the state that follows."""
    data = message(addresses=(VIP,), source=source, **fields)
    if sequence is not None:
        data = sign(data, source, sequence, key=key)
    return comes_in(stack, (data, source, GROUP_IPV4, ttl))


def comes_in(stack: Stack, heard: Heard) -> Refusal | str:
    """Have a packet come in; say why it was refused, or the state that follows."""
    gateway = stack.router()
    before = gateway.refused.copy()
    stack.port().inbox.append(heard)
    assert stack.engine.hear(gateway.port, stack.now)
    refused = gateway.refused - before
    assert refused.total() <= 1
    return next(iter(refused), None) or gateway.state_name


def sent(stack: Stack) -> list[Heard]:
    """Return the adverts that left, as a receiver hears them."""
    return [split_ipv4(data) for kind, data in stack.port().wire if kind == "advert"]


def sequence_of(heard: Heard) -> int:
    return int.from_bytes(heard[0][-24:-16], "big")


# What leaves.


def test_a_master_signs_every_advert_with_a_sequence_of_its_own(stack: Stack, wall: Wall) -> None:
    stack.run(6)
    assert stack.router().is_master
    wall.now += SECOND
    stack.roster.stop(stack.now)
    heard = sent(stack)
    assert [data[2] for data, *_ in heard] == [100, 100, 100, 0]
    assert [sequence_of(one) for one in heard] == [
        SEQUENCE,
        SEQUENCE + 1,  # the test's clock stands still
        SEQUENCE + 2,
        SEQUENCE + (1 << 32),
    ]
    for data, source, *_ in heard:
        assert data == sign(data[:-28], source, sequence_of((data, source, b"", 0)))
        assert data[:-28] == message(addresses=(VIP,), source=OURS, priority=data[2])


def test_the_ipv4_header_counts_the_trailer(stack: Stack) -> None:
    stack.run(4)
    ((_, data),) = [one for one in stack.port().wire if one[0] == "advert"]
    assert int.from_bytes(data[2:4], "big") == len(data) == 20 + 12 + 28


def test_version_2_is_signed_behind_its_authentication_data(descriptor: int, path: str, wall: Wall) -> None:
    stack = signing(descriptor, path, signed(version=2))
    stack.run(4)
    (data, source, *_), *_ = sent(stack)
    plain = message(version=2, addresses=(VIP,), source=OURS, priority=100)
    assert data == sign(plain, source, SEQUENCE)


def test_receive_only_signs_nothing(descriptor: int, path: str, wall: Wall) -> None:
    stack = signing(descriptor, path, signed(mode=Mode.RECEIVE_ONLY))
    stack.run(4)
    (data, *_), *_ = sent(stack)
    assert data == message(addresses=(VIP,), source=OURS, priority=100)


def test_every_unicast_peer_gets_the_same_trailer(descriptor: int, path: str, wall: Wall) -> None:
    peers = (Peer(ip_address("10.0.0.2")), Peer(ip_address("10.0.0.3")))
    stack = signing(descriptor, path, signed(unicast=Unicast(peers)))
    gateway = next(iter(stack.roster.routers.values()))
    (one, two) = gateway.adverts[100]
    assert [to[0] for _, to in (one, two)] == ["10.0.0.2", "10.0.0.3"]
    assert one[0][-28:] == two[0][-28:]
    for data, to in (one, two):
        plain = message(addresses=(VIP,), source=OURS, priority=100, destination=ip(to[0]))
        assert data[20:] == sign(plain, OURS, SEQUENCE)


def test_the_ipv6_checksum_covers_the_trailer() -> None:
    alone = message(addresses=(ip("fe80::100"),), source=V6_SOURCE, destination=ip("fe80::20"))
    assert packet.with_trailer(alone, V6_TRAILER) == V6_MESSAGE + V6_TRAILER
    assert packet.without_trailer(V6_MESSAGE + V6_TRAILER, ipv6=True) == alone


@pytest.mark.parametrize("octet", range(52))
def test_a_wrong_ipv6_checksum_stays_wrong_without_the_trailer(octet: int) -> None:
    damaged = bytearray(V6_MESSAGE + V6_TRAILER)
    damaged[octet] ^= 0x10
    rest = packet.without_trailer(bytes(damaged), ipv6=True)
    whole = packet.pseudo_header(V6_SOURCE, ip("fe80::20"), len(rest)) + rest
    assert not packet.holds(whole)


def test_the_status_says_which_key_signs_and_shows_none(stack: Stack) -> None:
    shown = stack.router().report(stack.now)
    assert shown.authentication == "HMAC-SHA-256 (enforce, time): signs with key 1, accepts 1"
    assert KEY.hex() not in repr(shown)


# Who is believed.


def test_a_signed_master_is_believed_once(stack: Stack) -> None:
    assert hears(stack, SEQUENCE) == "BACKUP"
    assert hears(stack, SEQUENCE) is REPLAY
    assert hears(stack, SEQUENCE - 1) is REPLAY
    assert hears(stack, SEQUENCE + 1) == "BACKUP"
    assert stack.router().adverts_received == 2


def test_a_repetition_does_not_keep_a_backup_waiting(stack: Stack) -> None:
    hears(stack, SEQUENCE)
    for _ in range(4):
        stack.run((stack.now - 10**12) / SECOND + 1)
        hears(stack, SEQUENCE)
    assert stack.router().is_master


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"sequence": None}, MISSING),
        ({"sequence": SEQUENCE, "ttl": 254, "key": OTHER_KEY}, Refusal.TTL),
        ({"sequence": SEQUENCE, "version": 2, "key": OTHER_KEY}, Refusal.VERSION),
        ({"sequence": SEQUENCE, "key": OTHER_KEY, "kind": 2}, Refusal.HMAC_INVALID),
        ({"sequence": SEQUENCE + (9 << 32), "key": OTHER_KEY}, Refusal.HMAC_STALE),
        ({"sequence": SEQUENCE, "kind": 2}, Refusal.TYPE),  # what is signed is judged as ever
        ({"sequence": SEQUENCE, "damage": 1}, Refusal.CHECKSUM),
        ({"sequence": SEQUENCE, "source": OURS}, Refusal.OWN_PACKET),
        ({"sequence": SEQUENCE, "tail": bytes(1)}, Refusal.LENGTH),
        ({"sequence": None, "tail": bytes(27)}, Refusal.LENGTH),
        ({"sequence": None, "tail": bytes(29)}, Refusal.LENGTH),
        ({"sequence": None, "tail": bytes(28)}, Refusal.HMAC_MALFORMED),
    ],
)
def test_a_packet_is_refused_by_the_first_check_that_it_fails(
    stack: Stack, fields: dict[str, Any], refusal: Refusal
) -> None:
    assert hears(stack, **fields) is refusal


def test_a_router_that_does_not_sign_refuses_signed_adverts(descriptor: int) -> None:
    assert hears(started(Stack(descriptor)), SEQUENCE) is Refusal.LENGTH


@pytest.mark.parametrize("mode", [Mode.PERMISSIVE, Mode.RECEIVE_ONLY])
def test_adverts_without_a_signature_are_believed_only_while_that_is_being_introduced(
    descriptor: int, path: str, wall: Wall, mode: Mode
) -> None:
    stack = signing(descriptor, path, signed(mode=mode))
    assert [hears(stack, None), hears(stack, None)] == ["BACKUP", "BACKUP"]
    assert hears(stack, SEQUENCE, key=OTHER_KEY) is Refusal.HMAC_INVALID
    assert hears(stack, SEQUENCE) == "BACKUP"
    assert hears(stack, SEQUENCE) is REPLAY
    assert stack.router().counters()["unsigned-believed"] == 2
    assert stack.remarks.count("unsigned") == 2  # the reporter says it once a minute


def test_a_clock_that_is_half_a_window_off_is_remarked(stack: Stack, wall: Wall) -> None:
    assert hears(stack, SEQUENCE + (2 << 32)) == "BACKUP"
    assert stack.remarks == []
    assert hears(stack, SEQUENCE + (3 << 32)) == "BACKUP"
    assert stack.remarks == ["clock-skew"]


def test_ipv4_and_version_3_s_other_checksum_form_is_still_told_apart(stack: Stack) -> None:
    assert hears(stack, SEQUENCE, form="message") is Refusal.CHECKSUM_FORM


def test_a_unicast_source_must_be_a_peer_even_if_nobody_checks_sources(
    descriptor: int, path: str, wall: Wall
) -> None:
    unicast = Unicast((Peer(ip_address("10.0.0.2")),), check_source=False)
    stack = signing(descriptor, path, signed(unicast=unicast))
    port = next(iter(stack.roster.routers.values())).port

    def judged(source: str, key: bytes = KEY) -> Any:
        plain = message(addresses=(VIP,), source=ip(source), destination=OURS)
        return port.judge((sign(plain, ip(source), SEQUENCE, key=key), ip(source), OURS, 64))[1]

    assert judged("10.0.0.3", OTHER_KEY) is Refusal.FOREIGN_SOURCE
    assert judged("10.0.0.2", OTHER_KEY) is Refusal.HMAC_INVALID
    assert not isinstance(judged("10.0.0.2"), Refusal)


def test_more_unicast_peers_than_a_group_s_room_are_all_remembered(
    descriptor: int, path: str, wall: Wall
) -> None:
    numbers = range(2, 12)
    peers = tuple(Peer(ip_address(f"10.0.0.{number}")) for number in numbers)
    stack = signing(descriptor, path, signed(unicast=Unicast(peers)))
    port = next(iter(stack.roster.routers.values())).port

    def judged(number: int) -> Any:
        source = ip(f"10.0.0.{number}")
        plain = message(addresses=(VIP,), source=source, destination=OURS)
        return port.judge((sign(plain, source, SEQUENCE), source, OURS, 64))[1]

    assert not any(isinstance(judged(number), Refusal) for number in numbers)
    assert all(judged(number) is REPLAY for number in numbers)


# What is remembered.


def test_a_captured_advert_is_refused_after_a_reload(stack: Stack) -> None:
    hears(stack, SEQUENCE)
    stack.roster.put(signed(priority=50), stack.now)
    assert hears(stack, SEQUENCE) is REPLAY
    rekeyed = signed(keys=((1, KEY), (2, OTHER_KEY)), active=2)
    stack.roster.put(rekeyed, stack.now)
    assert hears(stack, SEQUENCE) is REPLAY
    assert hears(stack, SEQUENCE + 1) == "BACKUP"


def test_a_captured_advert_is_refused_after_signatures_were_off_for_a_while(stack: Stack) -> None:
    hears(stack, SEQUENCE)
    stack.roster.put(router(), stack.now)
    assert hears(stack, SEQUENCE) is Refusal.LENGTH
    stack.roster.put(signed(), stack.now)
    assert hears(stack, SEQUENCE) is REPLAY


def test_a_captured_advert_is_refused_after_the_router_was_gone_for_a_while(stack: Stack) -> None:
    hears(stack, SEQUENCE)
    stack.roster.drop(stack.router().config.key, stack.now)
    started(stack, signed())
    stack.roster.commit(stack.now)
    assert hears(stack, SEQUENCE) is REPLAY


def test_a_captured_advert_is_refused_by_the_next_worker(stack: Stack, descriptor: int, path: str) -> None:
    hears(stack, SEQUENCE)
    assert hears(signing(descriptor, path), SEQUENCE) is REPLAY


@pytest.mark.parametrize("window", [None, 5])
def test_the_next_worker_goes_on_counting_behind_a_clock_that_was_set_back(
    descriptor: int, path: str, wall: Wall, window: int | None
) -> None:
    config = signed(anti_replay=AntiReplay.TIME if window else AntiReplay.MONOTONIC)
    first = signing(descriptor, path, config)
    first.run(4)
    (last,) = map(sequence_of, sent(first))
    wall.now -= 4 * SECOND if window else 10**6 * SECOND
    second = signing(descriptor, path, config)
    second.run(10)
    assert second.router().is_master
    later = [last, *map(sequence_of, sent(second))]
    assert all(auth.is_later(after, before) for before, after in pairwise(later))


def test_an_interface_that_comes_back_does_not_forget(stack: Stack) -> None:
    hears(stack, SEQUENCE)
    view = stack.kernel.views["eth0"]
    for changed in (replace(view, fault="down", link="down"), view):
        stack.kernel.views["eth0"] = changed
        stack.roster.refresh(stack.port(), stack.now)
    assert hears(stack, SEQUENCE) is REPLAY


# Never without.


def test_a_router_that_cannot_keep_sequences_takes_no_part(descriptor: int, wall: Wall, path: str) -> None:
    stack = started(Stack(descriptor), signed())
    assert stack.router().state_name == "FAULT"
    assert stack.router().fault == "signatures need a file for their sequences, and none has been opened"
    stack.run(10)
    assert sent(stack) == []
    stack.roster.keep_sequences(path, stack.now)
    stack.run(20)
    assert isinstance(stack.router().state, Master)
    assert len(sent(stack)[0][0]) == 12 + 28


def test_a_file_that_cannot_be_opened_is_a_reason(descriptor: int, wall: Wall, tmp_path: Path) -> None:
    stack = started(Stack(descriptor), signed(), router("other", vrid=52, address="10.0.0.10"))
    stack.roster.keep_sequences(str(tmp_path / "none"), stack.now)
    assert stack.router().fault == (
        f"cannot keep the sequences of signatures in {tmp_path}/none: No such file or directory"
    )
    assert stack.router(52).fault is None


def test_a_master_that_is_to_sign_and_cannot_resigns(descriptor: int, wall: Wall) -> None:
    stack = started(Stack(descriptor), router())
    stack.run(4)
    stack.roster.put(signed(), stack.now)
    stack.flush()
    assert stack.router().state_name == "FAULT"
    assert stack.port().adverts() == [100, 0]
    assert stack.kernel.addresses() == set()


def test_a_window_of_its_own_is_heeded(descriptor: int, path: str, wall: Wall) -> None:
    stack = signing(descriptor, path, signed(window=seconds(30)))
    assert hears(stack, SEQUENCE + (30 << 32)) == "BACKUP"
    assert hears(stack, SEQUENCE + (31 << 32)) is Refusal.HMAC_STALE
