"""What holds for every signed advert: nothing changed passes, nothing passes twice, no clock breaks it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from havip.errors import Refusal
from havip.vrrp import auth
from havip.vrrp.auth import Guard, Marks, Signer
from tests.vrrp.signed import KEY, SEQUENCE, V4_MESSAGE, V4_SOURCE, V6_MESSAGE, V6_SOURCE, WALL, rules
from tests.vrrp.wire import ip, message

serials = st.integers(0, 2**64 - 1)
steps = st.integers(1, 2**63 - 1)
walls = st.integers(0, 2**33 * 10**9)
windows = st.one_of(st.none(), st.integers(1, 300))
vectors = st.sampled_from([(V4_MESSAGE, V4_SOURCE), (V6_MESSAGE, V6_SOURCE)])


@given(vectors, serials, st.data(), windows)
def test_no_bit_can_be_changed_but_those_of_the_checksum(
    vector: tuple[bytes, bytes], sequence: int, data: st.DataObject, window: int | None
) -> None:
    original, source = vector
    signed = original + Signer(rules(), original, source).trailer(sequence)
    bit = data.draw(st.integers(0, 8 * len(signed) - 1).filter(lambda bit: bit // 8 not in (6, 7)))
    changed = bytearray(signed)
    changed[bit // 8] ^= 1 << bit % 8
    # A receiver takes the version and the VRID from its own settings: those two octets are still covered.
    guard = Guard(rules(), 3, 51, window, Marks())
    assert isinstance(guard.judge(bytes(changed), source, (sequence >> 32) * 10**9), Refusal)


@given(vectors, serials, st.integers(0, 127))
def test_no_bit_of_the_source_can_be_changed(vector: tuple[bytes, bytes], sequence: int, bit: int) -> None:
    original, source = vector
    bit %= 8 * len(source)
    signed = original + Signer(rules(), original, source).trailer(sequence)
    other = (int.from_bytes(source, "big") ^ 1 << bit).to_bytes(len(source), "big")
    assert Guard(rules(), 3, 51, None, Marks()).judge(signed, other, 0) is Refusal.HMAC_INVALID


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-(10**10), 10**10)), max_size=12), windows)
def test_what_was_sent_once_is_never_accepted_twice(sent: list[tuple[int, int]], window: int | None) -> None:
    """Whatever is heard in between, from up to four senders, and however the clock runs on."""
    guard = Guard(rules(), 3, 51, window, Marks())
    accepted: set[bytes] = set()
    wall = WALL
    recorded: list[tuple[bytes, bytes]] = []
    for number, step in sent:
        wall += abs(step)
        source = bytes((10, 0, 0, number % 4))
        signer = Signer(rules(), V4_MESSAGE, source)
        fresh = V4_MESSAGE + signer.trailer(auth.sequence_at(wall + step))
        recorded.append((fresh, source))
        for packet, whose in recorded:  # the new one, and all that an attacker has seen
            if not isinstance(guard.judge(packet, whose, wall), Refusal):
                assert packet + whose not in accepted
                accepted.add(packet + whose)


@given(st.one_of(st.none(), serials), st.lists(walls, min_size=1, max_size=20))
def test_a_monotonic_sender_only_counts_upward_however_its_clock_jumps(
    last: int | None, clock: list[int]
) -> None:
    for wall in clock:
        sequence = auth.next_sequence(last, wall, None)
        assert last is None or auth.is_later(sequence, last)
        last = sequence


@given(walls, st.lists(st.integers(0, 10**10), max_size=20), st.integers(1, 300))
def test_a_receiver_with_the_same_clock_accepts_every_advert(
    wall: int, steps: list[int], window: int
) -> None:
    guard = Guard(rules(), 3, 51, window, Marks())
    signer = Signer(rules(), V4_MESSAGE, V4_SOURCE)
    last = None
    for step in steps:
        wall += step
        last = auth.next_sequence(last, wall, window)
        assert not isinstance(guard.judge(V4_MESSAGE + signer.trailer(last), V4_SOURCE, wall), Refusal)


@given(walls, st.lists(st.integers(-(10**12), 10**12), max_size=20), st.integers(1, 300))
def test_after_a_clock_jump_in_both_time_mode_goes_on_within_the_window(
    wall: int, jumps: list[int], window: int
) -> None:
    """Sender and receiver follow one clock that jumps: nobody is shut out for longer than the window."""
    guard = Guard(rules(), 3, 51, window, Marks())
    signer = Signer(rules(), V4_MESSAGE, V4_SOURCE)
    last = None
    for jump in jumps:
        wall = max(0, wall + jump)
        last = auth.next_sequence(last, wall, window)
        guard.judge(V4_MESSAGE + signer.trailer(last), V4_SOURCE, wall)
        wall += (window + 1) * 10**9
        last = auth.next_sequence(last, wall, window)
        assert not isinstance(guard.judge(V4_MESSAGE + signer.trailer(last), V4_SOURCE, wall), Refusal)


@given(serials, steps)
def test_of_two_different_serials_at_most_one_is_later(serial: int, step: int) -> None:
    after = (serial + step) % 2**64
    assert auth.is_later(after, serial)
    assert not auth.is_later(serial, after)


@given(serials)
def test_no_serial_is_later_than_itself(serial: int) -> None:
    assert not auth.is_later(serial, serial)


@given(st.binary(max_size=80), walls, windows)
def test_no_bytes_make_the_guard_stumble(data: bytes, wall: int, window: int | None) -> None:
    payload = message(addresses=(ip("192.0.2.100"),)) + data.ljust(28, b"\0")[:28]
    assert isinstance(Guard(rules((1, KEY)), 3, 51, window, Marks()).judge(payload, V4_SOURCE, wall), Refusal)


def test_the_vectors_wall_clock_is_their_sequence() -> None:
    assert auth.sequence_at(WALL) == SEQUENCE
