"""A short fuzz of what servers might say to probes over HTTP and gRPC."""

from __future__ import annotations

from collections import Counter
from random import Random

from tests.fuzz.answers import examine, examine_call, random_answers


def test_any_answer_comes_to_the_same_in_whatever_pieces() -> None:
    random = Random(80)
    met = Counter(examine(random, octets) for octets in random_answers(random, 20_000))
    assert set(met) == {"whole", "cut off", "Malformed", "TooLong"}
    assert min(met.values()) > 200, met


def test_any_frames_are_a_verdict_or_a_failure_by_name() -> None:
    random = Random(50051)
    met = Counter(examine_call(random) for _ in range(20_000))
    assert set(met) == {"verdict", "malformed", "closed", "reset"}
    assert min(met.values()) > 200, met
