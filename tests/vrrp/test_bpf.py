"""The filter programs, run by a reference machine that knows only the BPF instruction set.

The machine is written from the definition of classic BPF (McCanne and Jacobson 1993; linux/bpf_common.h),
with numbers, not with the names of the code under test.
"""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.config.model import Family
from havip.vrrp import bpf
from tests.vrrp.wire import message

EVERY_VRID = range(256)


class Illegal(Exception):
    """The kernel would not have accepted the program."""


def instructions(program: bytes) -> list[tuple[int, int, int, int]]:
    return list(struct.iter_unpack("=HBBI", program))


def calculate(op: int, a: int, operand: int) -> int:
    """Return the accumulator after an arithmetic instruction: ADD, SUB, AND, LSH or RSH."""
    results = {
        0x00: a + operand,
        0x10: a - operand,
        0x50: a & operand,
        0x60: a << (operand & 31),
        0x70: a >> (operand & 31),
    }
    return results[op & 0xF0] & 0xFFFFFFFF


def run(program: bytes, packet: bytes, beside: dict[int, int] | None = None) -> int:
    """Return how many bytes are kept of a packet: none if it ends too soon.  ``beside``: SKF_AD_*."""
    code = instructions(program)
    a = x = 0
    memory: dict[int, int] = {}
    at = 0
    while True:
        if at >= len(code):
            raise Illegal("runs off its end")
        op, yes, no, k = code[at]
        at += 1
        operand = x if op & 0x08 else k
        match op & 0x07:
            case 0 | 1 if op in (0x80, 0x81):
                value = len(packet)
            case 0 if op == 0x20 and k >= 0xFFFFF000:
                value = (beside or {})[k - 0xFFFFF000]
            case 0 | 1 if op & 0xE0 in (0x20, 0x40, 0xA0):  # ABS, IND, MSH
                size = {0x00: 4, 0x08: 2, 0x10: 1}[op & 0x18]
                start = k + (x if op & 0xE0 == 0x40 else 0)
                if start + size > len(packet):
                    return 0
                value = int.from_bytes(packet[start : start + size], "big")
                if op & 0xE0 == 0xA0:
                    value = 4 * (value & 0x0F)
            case 0 | 1:
                value = {0x00: k, 0x60: memory.get(k, -1)}[op & 0xE0]
                if value < 0:
                    raise Illegal("loads what was never stored")
            case 2:
                memory[k] = a
                continue
            case 4:
                a = calculate(op, a, operand)
                continue
            case 5:
                if op & 0xF0 == 0x00:
                    at += k
                else:
                    holds = {0x10: a == operand, 0x20: a > operand, 0x30: a >= operand, 0x40: a & operand}
                    at += yes if holds[op & 0xF0] else no
                continue
            case 6:
                return k if op & 0x18 == 0 else a
            case _:
                x, a = (a, a) if op & 0xF8 == 0 else (x, x)
                continue
        x, a = (value, a) if op & 0x07 == 1 else (x, value)


def ipv4(payload: bytes, *, words: int = 5, ttl: int = 255) -> bytes:
    """Return a datagram as a raw IPv4 socket filters it; ``words`` is the length of its header."""
    head = bytes((0x40 | words, 0xC0, 0, 0, 0, 0, 0, 0, ttl, 112, 0, 0, 198, 51, 100, 10, 224, 0, 0, 18))
    return head + b"\x07" * (4 * words - 20) + payload


def kept(program: bytes, family: Family, **header: int) -> set[int]:
    """Return the VRIDs that the program keeps of all that there can be."""

    def seen(vrid: int) -> bytes:
        payload = message(vrid=vrid)
        return ipv4(payload, **header) if family is Family.IPV4 else payload

    return {vrid for vrid in EVERY_VRID if run(program, seen(vrid)) != 0}


@pytest.mark.parametrize("family", Family)
@given(vrids=st.sets(st.integers(0, 255)))
def test_exactly_the_wanted_vrids_pass(family: Family, vrids: set[int]) -> None:
    assert kept(bpf.only(vrids, family), family) == vrids


@pytest.mark.parametrize("family", Family)
def test_each_single_vrid_passes_alone(family: Family) -> None:
    assert [kept(bpf.only([vrid], family), family) for vrid in EVERY_VRID] == [{vrid} for vrid in EVERY_VRID]


@pytest.mark.parametrize("words", range(5, 16))
def test_ipv4_options_do_not_hide_the_vrid(words: int) -> None:
    wanted = {7, 28, 51, 255}  # 7 is what the options are filled with
    assert kept(bpf.only(wanted, Family.IPV4), Family.IPV4, words=words) == wanted


@pytest.mark.parametrize("family", Family)
def test_what_passes_is_kept_whole(family: Family) -> None:
    payload = message(vrid=51)
    assert run(bpf.only({51}, family), ipv4(payload) if family is Family.IPV4 else payload) == 0xFFFFFFFF


@pytest.mark.parametrize("length", [0, 1])
@pytest.mark.parametrize("words", [5, 15])
def test_what_is_too_short_for_a_vrid_passes_to_be_counted(length: int, words: int) -> None:
    payload = b"\x31"[:length]
    assert run(bpf.only({51}, Family.IPV4), ipv4(payload, words=words)) != 0
    assert run(bpf.only({51}, Family.IPV6), payload) != 0


@pytest.mark.parametrize("family", Family)
def test_a_message_that_ends_with_the_vrid_is_chosen_by_it(family: Family) -> None:
    program = bpf.only({51}, family)
    cut = {vrid: bytes((0x31, vrid)) for vrid in (50, 51)}
    if family is Family.IPV4:
        cut = {vrid: ipv4(payload) for vrid, payload in cut.items()}
    assert run(program, cut[51]) != 0
    assert run(program, cut[50]) == 0


@pytest.mark.parametrize("ttl", [0, 1, 254])
def test_a_wrong_ttl_passes_to_be_counted(ttl: int) -> None:
    assert run(bpf.only({51}, Family.IPV4), ipv4(message(vrid=51), ttl=ttl)) != 0


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("fault", [{"version": 4}, {"kind": 2}, {"count": 0}, {"damage": 1}])
def test_a_malformed_message_passes_to_be_counted(family: Family, fault: dict[str, int]) -> None:
    payload = message(vrid=51, **fault)  # type: ignore[arg-type]
    assert run(bpf.only({51}, family), ipv4(payload) if family is Family.IPV4 else payload) != 0


@pytest.mark.parametrize("family", Family)
@given(vrids=st.sets(st.integers(0, 255)))
def test_the_length_does_not_depend_on_the_vrids(family: Family, vrids: set[int]) -> None:
    assert len(bpf.only(vrids, family)) == len(bpf.only((), family))


@pytest.mark.parametrize("family", Family)
def test_every_jump_is_forward_and_inside_and_the_last_instruction_returns(family: Family) -> None:
    code = instructions(bpf.only(range(0, 256, 3), family))
    for at, (op, yes, no, k) in enumerate(code):
        if op & 0x07 == 5:
            targets = [at + 1 + k] if op & 0xF0 == 0 else [at + 1 + yes, at + 1 + no]
            assert all(at < target < len(code) for target in targets)
    assert code[-1][0] & 0x07 == 6


@pytest.mark.parametrize("family", Family)
def test_every_instruction_can_be_reached(family: Family) -> None:
    code = instructions(bpf.only({51}, family))
    jumped_to = set()
    for at, (op, yes, no, k) in enumerate(code):
        if op & 0x07 == 5:
            jumped_to |= {at + 1 + k} if op & 0xF0 == 0 else {at + 1 + yes, at + 1 + no}
    falls_through = {at + 1 for at, (op, *_) in enumerate(code) if op & 0x07 not in (5, 6)}
    assert jumped_to | falls_through == set(range(1, len(code)))


def test_drop_all_drops_all() -> None:
    for packet in (b"", b"\x31", ipv4(message(vrid=51)), message(vrid=0)):
        assert run(bpf.DROP_ALL, packet) == 0


@pytest.mark.parametrize("wrong", [-1, 256, 1000])
def test_a_vrid_that_cannot_be_is_refused(wrong: int) -> None:
    with pytest.raises((ValueError, OverflowError)):
        bpf.only({1, wrong}, Family.IPV4)


def test_the_same_vrid_twice_is_the_same_as_once() -> None:
    assert bpf.only([7, 7, 9], Family.IPV6) == bpf.only([9, 7], Family.IPV6)


def test_the_machine_itself_knows_the_textbook_program() -> None:
    """The reference machine against the classic example: is this Ethernet frame an IP packet?"""
    program = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in ((0x28, 0, 0, 12), (0x15, 0, 1, 0x0800), (0x06, 0, 0, 96), (0x06, 0, 0, 0))
    )
    frames = [bytes(12) + kind + bytes(46) for kind in (b"\x08\x00", b"\x08\x06")]
    assert [run(program, frame) for frame in frames] == [96, 0]


# For a packet socket: what comes from addresses of ours.

US, PEER, GROUP = (bytes(address) for address in ((198, 51, 100, 10), (198, 51, 100, 11), (224, 0, 0, 18)))
TO_THE_GROUP = {0: 0x0800, 4: 2, 48: 0}  # what it is, to whom the frame went, whether it has a VLAN tag


def passes(sources: set[bytes], datagram: bytes, to: bytes = GROUP, **beside: int) -> bool:
    known = TO_THE_GROUP | {int(number.lstrip("_")): value for number, value in beside.items()}
    return run(bpf.from_sources(sources, to, {51}), datagram, known) != 0


@given(number=st.integers(1, 60), at=st.integers(0, 59))
def test_exactly_the_wanted_sources_pass(number: int, at: int) -> None:
    others = {bytes((198, 51, 101, low)) for low in range(number)}
    assert not passes(others, ipv4(message()))
    others.discard(bytes((198, 51, 101, at)))
    assert passes(others | {US}, ipv4(message()))


def test_of_the_wanted_sources_only_the_wanted_vrids_pass() -> None:
    program = bpf.from_sources({US, PEER}, GROUP, {7, 200})
    passing = {vrid for vrid in EVERY_VRID if run(program, ipv4(message(vrid=vrid)), TO_THE_GROUP)}
    assert passing == {7, 200}


def test_only_what_goes_to_the_wanted_destination_passes() -> None:
    assert passes({US}, ipv4(message()))
    assert not passes({US}, ipv4(message()), to=PEER)


@pytest.mark.parametrize("wrong", [{"_0": 0x86DD}, {"_4": 3}, {"_48": 1}])
def test_other_protocols_other_hosts_frames_and_other_vlans_do_not_pass(wrong: dict[str, int]) -> None:
    assert not passes({US}, ipv4(message()), **wrong)


@pytest.mark.parametrize(("at", "value"), [(9, 17), (9, 51), (6, 0x20), (6, 0x01), (7, 0x01)])
def test_other_ip_protocols_and_fragments_do_not_pass(at: int, value: int) -> None:
    datagram = bytearray(ipv4(message()))
    datagram[at] = value
    assert not passes({US}, bytes(datagram))


def test_a_datagram_that_must_not_be_fragmented_passes() -> None:
    datagram = bytearray(ipv4(message()))
    datagram[6] = 0x40
    assert passes({US}, bytes(datagram))


def test_too_many_sources_are_not_told_apart_and_the_program_stays_short_enough() -> None:
    many = {number.to_bytes(4, "big") for number in range(bpf.MOST_SOURCES)}
    assert len(instructions(bpf.from_sources(many, GROUP, {51}))) <= 4096
    assert not passes(many, ipv4(message()))
    assert passes(many | {PEER}, ipv4(message()))
