"""A short fuzz of everything that a packet from the wire passes through before the machine moves."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from havip.vrrp import packet
from havip.vrrp.packet import Advert
from tests.fuzz.packets import GROUP_V4, GROUP_V6, SOURCES, examine, random_packets

#: every outcome of `decode`
OUTCOMES = {"advert", "ttl", "version", "type", "length", "no-addresses", "checksum"}


def test_a_hundred_thousand_packets_from_a_seed_raise_nothing_and_are_judged_rightly() -> None:
    verdicts: Counter[str] = Counter()
    for heard in random_packets(Random(112), 100_000):
        verdict = examine(heard)
        verdicts["advert" if isinstance(verdict, Advert) else verdict] += 1
    assert sum(verdicts.values()) == 100_000
    # The generator is worth its time only if it reaches every outcome of `decode` often.
    assert set(verdicts) == OUTCOMES
    assert min(verdicts.values()) > 500, verdicts


@given(st.binary(max_size=600), st.sampled_from(SOURCES), st.sampled_from((255, 254, 0)))
def test_any_bytes_are_an_advert_or_a_refusal(payload: bytes, source: bytes, hop_limit: int) -> None:
    examine((payload, source, GROUP_V6 if len(source) == 16 else GROUP_V4, hop_limit))


@given(st.binary(max_size=600))
def test_any_datagram_can_be_taken_apart(datagram: bytes) -> None:
    examine(packet.split_ipv4(datagram))
