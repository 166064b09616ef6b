"""Classic BPF programs for the raw sockets, as the bytes that SO_ATTACH_FILTER takes.

Owns the choice, in the kernel, of the packets that are worth waking up for.  Never judges one: whatever the
decoder refuses by name, a wrong TTL or a message cut short, must pass to be counted there.
"""

from __future__ import annotations

from collections.abc import Collection
from struct import Struct
from typing import Final

from havip.config.model import Family
from havip.vrrp.packet import PROTOCOL

#: One instruction, ``struct sock_filter`` of linux/filter.h: code, jump if true, jump if false, constant.
INSTRUCTION: Final = Struct("=HBBI")

# Instruction codes (linux/bpf_common.h): A is the accumulator, X the index register, M the scratch memory.
LD_IMM: Final = 0x00  # A = k
LD_MEM: Final = 0x60  # A = M[k]
LD_WORD: Final = 0x20  # A = packet[k:k + 4]
LD_HALF: Final = 0x28  # A = packet[k:k + 2]
LD_BYTE: Final = 0x30  # A = packet[k]
LD_LENGTH: Final = 0x80  # A = length of the packet
LD_BYTE_AT_X: Final = 0x50  # A = packet[X + k]
LDX_IMM: Final = 0x01  # X = k
LDX_IPV4_HEADER: Final = 0xB1  # X = 4 * (packet[k] & 0x0f)
STORE: Final = 0x02  # M[k] = A
AND: Final = 0x54  # A &= k
ADD: Final = 0x04  # A += k
SHIFT_LEFT_BY_X: Final = 0x6C  # A <<= X
SHIFT_RIGHT: Final = 0x74  # A >>= k
JUMP: Final = 0x05  # skip k instructions
JUMP_EQUAL: Final = 0x15  # A == k
JUMP_GREATER_X: Final = 0x2D  # A > X
JUMP_ANY_BIT_OF_X: Final = 0x4D  # A & X
RETURN: Final = 0x06  # how many bytes of the packet to keep
TAX: Final = 0x07  # X = A
TXA: Final = 0x87  # A = X

JUMP_ANY_BIT: Final = 0x45  # A & k

# What a packet socket knows beside the packet (linux/filter.h): where LD_WORD finds it.
ETHERTYPE: Final = 0xFFFFF000
KIND: Final = 0xFFFFF004  # to whom the frame was sent
VLAN_TAG_IS_THERE: Final = 0xFFFFF030
TO_ANOTHER_HOST: Final = 3  # a kind: heard only because the interface is promiscuous
IPV4: Final = 0x0800
FRAGMENT: Final = 0x3FFF  # of bytes 6 and 7: more of them, or an offset

MOST_SOURCES: Final = 500  # to attach a program for so many takes the kernel 0.4 ms
WHOLE_PACKET: Final = 0xFFFFFFFF
VRID_OFFSET: Final = 1  # in the VRRP message, either version (RFC 9568 section 5.2.3)
WORDS: Final = Struct("<8I")  # 256 VRIDs as bits: VRID 0 is the lowest bit of the first word

#: Lets nothing through.
DROP_ALL: Final = INSTRUCTION.pack(RETURN, 0, 0, 0)


def only(vrids: Collection[int], family: Family) -> bytes:
    """Return the program that keeps what is for one of ``vrids`` and what is too short to have a VRID.

    Its length does not depend on ``vrids``.  A raw IPv4 socket filters from the IP header on, a raw IPv6
    socket from the VRRP message on.  Raises ValueError or OverflowError for a VRID outside 0..255.
    """
    words = WORDS.unpack(sum(1 << vrid for vrid in set(vrids)).to_bytes(WORDS.size, "little"))
    look_up = [
        # Bit number vrid % 32 into X ...
        (STORE, 0, 0, 0),
        (AND, 0, 0, 31),
        (TAX, 0, 0, 0),
        (LD_IMM, 0, 0, 1),
        (SHIFT_LEFT_BY_X, 0, 0, 0),
        (TAX, 0, 0, 0),
        # ... and word number vrid / 32 into A, by comparing: constants cannot be indexed.
        (LD_MEM, 0, 0, 0),
        (SHIFT_RIGHT, 0, 0, 5),
    ]
    *first, last = words
    for number, word in enumerate(first):
        over_the_others = 3 * (len(first) - 1 - number) + 1
        look_up += [(JUMP_EQUAL, 0, 2, number), (LD_IMM, 0, 0, word), (JUMP, 0, 0, over_the_others)]
    look_up += [
        (LD_IMM, 0, 0, last),
        (JUMP_ANY_BIT_OF_X, 0, 1, 0),
        (RETURN, 0, 0, WHOLE_PACKET),
        (RETURN, 0, 0, 0),
    ]
    # What does not reach as far as the VRID jumps to the last but one: keep it.
    start = to_vrid(family, too_short=len(look_up) - 1)
    return b"".join(INSTRUCTION.pack(*instruction) for instruction in start + look_up)


def from_sources(sources: Collection[bytes], destination: bytes, vrids: Collection[int]) -> bytes:
    """Return the program that keeps IPv4 adverts for ``vrids`` from ``sources`` to ``destination``, packed.

    For a packet socket that leaves the Ethernet header away.  More than MOST_SOURCES are not told apart:
    everybody passes.  What is no advert, which is nearly all, is dropped after two instructions.
    """
    drop = (RETURN, 0, 0, 0)
    start = [
        *[(LD_BYTE, 0, 0, 9), (JUMP_EQUAL, 1, 0, PROTOCOL), drop],
        *[(LD_WORD, 0, 0, ETHERTYPE), (JUMP_EQUAL, 1, 0, IPV4), drop],
        *[(LD_WORD, 0, 0, 16), (JUMP_EQUAL, 1, 0, number_of(destination)), drop],
        *[(LD_WORD, 0, 0, VLAN_TAG_IS_THERE), (JUMP_EQUAL, 1, 0, 0), drop],
        *[(LD_WORD, 0, 0, KIND), (JUMP_EQUAL, 0, 1, TO_ANOTHER_HOST), drop],
        *[(LD_HALF, 0, 0, 6), (JUMP_ANY_BIT, 0, 1, FRAGMENT), drop],
    ]
    if len(sources) <= MOST_SOURCES:
        start.append((LD_WORD, 0, 0, 12))
        for left, source in zip(range(len(sources), 0, -1), sorted(sources), strict=True):
            start += [(JUMP_EQUAL, 0, 1, number_of(source)), (JUMP, 0, 0, 2 * left - 1)]
        start.append(drop)
    return b"".join(INSTRUCTION.pack(*one) for one in start) + only(vrids, Family.IPV4)


def number_of(address: bytes) -> int:
    """Return a packed IPv4 address as the number that a program loads."""
    return int.from_bytes(address, "big")


def to_vrid(family: Family, too_short: int) -> list[tuple[int, int, int, int]]:
    """Return the instructions that load the VRID into A, or jump over ``too_short`` instructions more."""
    if family is Family.IPV4:
        index = [(LDX_IPV4_HEADER, 0, 0, 0), (TXA, 0, 0, 0), (ADD, 0, 0, VRID_OFFSET), (TAX, 0, 0, 0)]
    else:
        index = [(LDX_IMM, 0, 0, VRID_OFFSET)]
    # The length is compared with the index, not the index taken from the length: no wrap-around.
    return [*index, (LD_LENGTH, 0, 0, 0), (JUMP_GREATER_X, 0, too_short, 0), (LD_BYTE_AT_X, 0, 0, 0)]
