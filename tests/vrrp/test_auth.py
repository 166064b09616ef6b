"""The HMAC trailer: both test vectors, a sender's sequence, and every check of a receiver in its order."""

from __future__ import annotations

import pytest

from havip.clock import ZERO, Duration, milliseconds, seconds
from havip.config.authentication import AntiReplay, Hmac, Mode
from havip.errors import Refusal
from havip.vrrp import auth
from havip.vrrp.auth import Guard, Marks, Signer
from tests.vrrp.signed import (
    KEY,
    OTHER_KEY,
    SEQUENCE,
    V4_MESSAGE,
    V4_SOURCE,
    V4_TRAILER,
    V6_MESSAGE,
    V6_SOURCE,
    V6_TRAILER,
    WALL,
    rules,
    sign,
)

SECOND = 10**9
VECTORS = pytest.mark.parametrize(
    ("message", "trailer", "source"),
    [(V4_MESSAGE, V4_TRAILER, V4_SOURCE), (V6_MESSAGE, V6_TRAILER, V6_SOURCE)],
    ids=["ipv4", "ipv6"],
)


def guard(hmac: Hmac | None = None, window: int | None = 5, marks: Marks | None = None) -> Guard:
    return Guard(hmac or rules(), 3, 51, window, marks or Marks())


def heard(by: Guard, sequence: int, wall: int = WALL, source: bytes = V4_SOURCE) -> Refusal | int:
    """Have an advert judged that is right but for its sequence."""
    return by.judge(sign(V4_MESSAGE, source, sequence), source, wall)


def at(offset: float) -> int:
    """Return the first sequence of the instant ``offset`` seconds after the vectors'."""
    return SEQUENCE + (round(offset * 65536) << 16)


# The wire.


@VECTORS
def test_the_vectors_are_signed_byte_for_byte(message: bytes, trailer: bytes, source: bytes) -> None:
    assert Signer(rules(), message, source).trailer(SEQUENCE) == trailer


@VECTORS
def test_the_vectors_are_accepted_in_monotonic_mode(message: bytes, trailer: bytes, source: bytes) -> None:
    assert guard(window=None).judge(message + trailer, source, 0) == 0


@VECTORS
def test_the_tests_own_signer_agrees_with_the_vectors(message: bytes, trailer: bytes, source: bytes) -> None:
    assert sign(message, source, SEQUENCE) == message + trailer


def test_the_active_key_signs_and_the_others_do_not() -> None:
    both = rules((1, KEY), (7, OTHER_KEY), active=7)
    signed = V4_MESSAGE + Signer(both, V4_MESSAGE, V4_SOURCE).trailer(SEQUENCE)
    assert signed == sign(V4_MESSAGE, V4_SOURCE, SEQUENCE, key=OTHER_KEY, number=7)


@pytest.mark.parametrize("length", [32, 33, 63, 64])
def test_keys_of_every_length_are_plain_hmac_keys(length: int) -> None:
    key = bytes(range(100, 100 + length))
    trailer = Signer(rules((1, key)), V4_MESSAGE, V4_SOURCE).trailer(SEQUENCE)
    assert V4_MESSAGE + trailer == sign(V4_MESSAGE, V4_SOURCE, SEQUENCE, key=key)


def test_the_authentication_field_of_version_2_is_covered() -> None:
    message = bytes.fromhex("2133c80100010000c00002640000000000000000")
    trailer = Signer(rules(), message, V4_SOURCE).trailer(SEQUENCE)
    assert message + trailer == sign(message, V4_SOURCE, SEQUENCE)


# The sender's sequence.


@pytest.mark.parametrize(
    ("wall", "sequence"),
    [
        (0, 0x00000000_0000_0000),
        (1, 0x00000000_0000_0000),
        (15_258, 0x00000000_0000_0000),  # 1/65536 s is 15258.789 ns
        (15_259, 0x00000000_0001_0000),
        (999_999_999, 0x00000000_FFFF_0000),
        (SECOND, 0x00000001_0000_0000),
        (WALL, SEQUENCE),
        (2**32 * SECOND, 0x00000000_0000_0000),  # in 2106
        ((2**32 + 5) * SECOND, 0x00000005_0000_0000),
    ],
)
def test_a_sequence_is_the_clock_in_seconds_and_their_65536th_parts(wall: int, sequence: int) -> None:
    assert auth.sequence_at(wall) == sequence


@pytest.mark.parametrize(
    ("one", "other", "later"),
    [
        (1, 0, True),
        (0, 0, False),
        (0, 1, False),
        (0, 2**64 - 1, True),  # round the end
        (2**64 - 1, 0, False),
        (2**63 - 1, 0, True),
        (2**63, 0, False),  # exactly half way round neither is later
        (0, 2**63, False),
        (2**63 + 1, 0, False),
    ],
)
def test_sequences_are_serial_numbers(one: int, other: int, later: bool) -> None:
    assert auth.is_later(one, other) is later


@pytest.mark.parametrize(
    ("one", "other", "between"),
    [
        (0x00000007_0000_0000, 0x00000005_FFFF_FFFF, 2),  # whole seconds, not rounded
        (0x00000005_FFFF_FFFF, 0x00000007_0000_0000, -2),
        (0x00000001_0000_0000, 0xFFFFFFFE_0000_0000, 3),
        (0xFFFFFFFE_0000_0000, 0x00000001_0000_0000, -3),
        (0x80000000_0000_0000, 0, -(2**31)),
        (0x7FFFFFFF_0000_0000, 0, 2**31 - 1),
    ],
)
def test_the_seconds_between_two_sequences_go_round_the_end(one: int, other: int, between: int) -> None:
    assert auth.seconds_between(one, other) == between


@pytest.mark.parametrize("window", [5, None])
@pytest.mark.parametrize(
    ("last", "sent"),
    [
        (None, SEQUENCE),
        (SEQUENCE - 1, SEQUENCE),  # the clock has moved on
        (SEQUENCE, SEQUENCE + 1),  # within one 65536th of a second
        (SEQUENCE + 0xFFFF, SEQUENCE + 0x10000),  # the count carries over
        (0x68000000_FFFF_FFFF, 0x68000001_0000_0000),
        (at(5), at(5) + 1),  # the clock stepped back, no farther than the window
    ],
)
def test_a_sender_s_next_sequence(last: int | None, sent: int, window: int | None) -> None:
    assert auth.next_sequence(last, WALL, window) == sent


def test_after_a_great_step_back_only_time_mode_begins_again() -> None:
    ahead = at(6)
    assert auth.next_sequence(ahead, WALL, 5) == SEQUENCE
    assert auth.next_sequence(ahead, WALL, None) == ahead + 1
    half_way_round = SEQUENCE + 2**63
    assert auth.next_sequence(half_way_round, WALL, None) == half_way_round + 1


def test_a_sequence_goes_round_its_end() -> None:
    assert auth.next_sequence(2**64 - 1, (2**32 - 1) * SECOND, 5) == 0


# The window.


@pytest.mark.parametrize(
    ("interval", "window"),
    [
        (milliseconds(100), 5),
        (seconds(1), 5),
        (milliseconds(1990), 5),
        (seconds(2), 6),
        (milliseconds(2990), 6),
        (seconds(100), 300),
        (seconds(255), 300),
    ],
)
def test_the_usual_window_is_three_whole_intervals_within_bounds(interval: Duration, window: int) -> None:
    assert rules().window(interval) == window


def test_a_configured_window_holds_and_monotonic_has_none() -> None:
    assert rules(window=seconds(30)).window(seconds(100)) == 30
    assert rules(window=seconds(1)).window(seconds(100)) == 1
    assert rules(anti_replay=AntiReplay.MONOTONIC, window=ZERO).window(seconds(1)) is None


# The receiver: each packet fails the check named and every later one.

STALE, FRESH = at(-100), at(0)
IN_ORDER = {
    "malformed": (
        sign(V4_MESSAGE, V4_SOURCE, STALE, kind=2, number=9, key=OTHER_KEY),
        Refusal.HMAC_MALFORMED,
    ),
    "stale": (sign(V4_MESSAGE, V4_SOURCE, STALE, number=9, key=OTHER_KEY), Refusal.HMAC_STALE),
    "unknown key": (sign(V4_MESSAGE, V4_SOURCE, FRESH, number=9, key=OTHER_KEY), Refusal.HMAC_UNKNOWN_KEY),
    "invalid": (sign(V4_MESSAGE, V4_SOURCE, FRESH, key=OTHER_KEY), Refusal.HMAC_INVALID),
    "replay": (sign(V4_MESSAGE, V4_SOURCE, FRESH), Refusal.HMAC_REPLAY),
}


@pytest.mark.parametrize("name", IN_ORDER)
def test_a_trailer_is_refused_by_the_first_check_that_it_fails(name: str) -> None:
    payload, refusal = IN_ORDER[name]
    assert guard(marks=Marks(known=[(V4_SOURCE, FRESH)])).judge(payload, V4_SOURCE, WALL) is refusal


@pytest.mark.parametrize("octet", [2, 3])
def test_the_reserved_octets_are_zero(octet: int) -> None:
    payload = bytearray(V4_MESSAGE + V4_TRAILER)
    payload[len(V4_MESSAGE) + octet] = 1
    assert guard().judge(bytes(payload), V4_SOURCE, WALL) is Refusal.HMAC_MALFORMED


@pytest.mark.parametrize(
    ("offset", "meaning"),
    [
        (5, 5),
        (5.4, 5),  # whole seconds count
        (6, Refusal.HMAC_STALE),
        (-5, -5),
        (-5.4, -5),
        (-5.6, Refusal.HMAC_STALE),  # 0.9 s of the second before: six whole seconds
        (-6, Refusal.HMAC_STALE),
        (0, 0),
    ],
)
def test_a_clock_may_be_off_by_the_window_in_whole_seconds(offset: float, meaning: Refusal | int) -> None:
    assert heard(guard(), at(offset)) == meaning


def test_monotonic_mode_asks_no_clock() -> None:
    by = guard(window=None)
    assert heard(by, at(-(10**6)), wall=0) == 0
    assert heard(by, at(-(10**6)) + 1, wall=WALL) == 0


def test_a_sender_is_heard_once_with_each_sequence_and_with_no_earlier_one() -> None:
    by = guard()
    assert heard(by, at(1)) == 1
    assert heard(by, at(1)) is Refusal.HMAC_REPLAY
    assert heard(by, at(1) - 1) is Refusal.HMAC_REPLAY
    assert heard(by, at(1) + 1) == 1


def test_a_forgery_leaves_no_mark() -> None:
    by = guard()
    forged = sign(V4_MESSAGE, V4_SOURCE, at(5), key=OTHER_KEY)
    assert by.judge(forged, V4_SOURCE, WALL) is Refusal.HMAC_INVALID
    assert heard(by, at(0)) == 0


def test_a_mark_is_void_outside_the_window_before_and_after() -> None:
    ahead = guard(marks=Marks(known=[(V4_SOURCE, at(100))]))  # our clock was set back, or the sender's was
    assert heard(ahead, at(0)) == 0
    within = guard(marks=Marks(known=[(V4_SOURCE, at(5))]))
    assert heard(within, at(0)) is Refusal.HMAC_REPLAY
    monotonic = guard(window=None, marks=Marks(known=[(V4_SOURCE, at(100))]))
    assert heard(monotonic, at(0)) is Refusal.HMAC_REPLAY


def test_an_old_key_is_good_until_it_is_taken_out() -> None:
    signed = sign(V4_MESSAGE, V4_SOURCE, SEQUENCE)
    assert guard(rules((1, KEY), (2, OTHER_KEY), active=2)).judge(signed, V4_SOURCE, WALL) == 0
    assert guard(rules((2, OTHER_KEY), active=2)).judge(signed, V4_SOURCE, WALL) is Refusal.HMAC_UNKNOWN_KEY


@pytest.mark.parametrize("mode", Mode)
def test_a_wrong_signature_is_refused_in_every_mode(mode: Mode) -> None:
    forged = sign(V4_MESSAGE, V4_SOURCE, SEQUENCE, key=OTHER_KEY)
    assert guard(rules(mode=mode)).judge(forged, V4_SOURCE, WALL) is Refusal.HMAC_INVALID


def test_a_signature_is_bound_to_its_source_and_vrid() -> None:
    signed = V4_MESSAGE + V4_TRAILER
    assert guard().judge(signed, bytes((198, 51, 100, 11)), WALL) is Refusal.HMAC_INVALID
    other = Guard(rules(), 3, 52, 5, Marks())
    assert other.judge(signed, V4_SOURCE, WALL) is Refusal.HMAC_INVALID


def test_an_ipv4_source_is_not_the_ipv6_one_of_the_same_octets() -> None:
    assert auth.preamble(3, 51, V4_SOURCE) == bytes.fromhex("04033300c633640a") + bytes(12)
    assert auth.preamble(3, 51, V6_SOURCE) == bytes.fromhex("06033300") + V6_SOURCE


def test_the_checksum_is_not_covered() -> None:
    changed = V4_MESSAGE[:6] + b"\xff\xff" + V4_MESSAGE[8:] + V4_TRAILER
    assert guard().judge(changed, V4_SOURCE, WALL) == 0


# Marks.


def sender(number: int) -> bytes:
    return bytes((10, 0, 0, number))


def test_four_senders_of_a_group_are_remembered_and_the_one_unheard_for_longest_makes_way() -> None:
    by = guard(marks=Marks())
    for number in (1, 2, 3, 4):
        assert heard(by, at(0), source=sender(number)) == 0
    assert heard(by, at(0.5), source=sender(1)) == 1  # 2 is the oldest now
    assert heard(by, at(0), source=sender(5)) == 0
    assert [heard(by, at(0), source=sender(number)) for number in (1, 3, 4, 5)] == [Refusal.HMAC_REPLAY] * 4
    assert heard(by, at(0), source=sender(2)) == 0


def test_whoever_keeps_the_marks_is_told_of_each() -> None:
    told: list[tuple[bytes, int | None]] = []
    marks = Marks(
        room=2,
        known=[(sender(1), 10), (sender(2), 20)],
        keep=lambda source, sequence: told.append((source, sequence)),
        drop=lambda source: told.append((source, None)),
    )
    marks.set(sender(1), 11)
    marks.set(sender(3), 30)
    assert told == [(sender(1), 11), (sender(2), None), (sender(3), 30)]
    assert [marks.of(sender(number)) for number in (1, 2, 3)] == [11, None, 30]
