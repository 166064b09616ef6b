"""A short fuzz of what servers might say to probes of the wire and of databases."""

from __future__ import annotations

from collections import Counter
from random import Random

from tests.fuzz.wire_answers import examine_dns, examine_talk


def test_any_dns_message_is_an_answer_or_refused_by_name() -> None:
    random = Random(53)
    met = Counter(examine_dns(random) for _ in range(20_000))
    assert set(met) == {"answers", "none", "truncated", "Malformed", "Unrelated"}
    assert min(met.values()) > 200, met


def test_whatever_a_server_says_comes_to_words_that_can_be_shown() -> None:
    random = Random(6379)
    met = Counter(examine_talk(random) for _ in range(20_000))
    assert {name.partition(":")[0] for name in met} == set("012345")
    assert {name.partition(": ")[2] for name in met} == {"words", "status", "malformed", "no redis"}
