"""Each reason for refusing a packet has a sentence of its own, and can be told from it."""

from __future__ import annotations

import pytest

from havip.errors import IN_WORDS, Refusal, refused, refused_in


@pytest.mark.parametrize("why", Refusal)
@pytest.mark.parametrize("source", ["192.0.2.1", "fe80::1"])
def test_who_reads_a_line_of_the_log_learns_the_source_and_the_reason(source: str, why: Refusal) -> None:
    assert refused_in(f"gateway: {refused(source, why)}") == (source, why)


def test_other_lines_tell_of_no_refused_packet() -> None:
    assert len(set(IN_WORDS.values())) == len(Refusal)
    assert refused_in("gateway: MASTER: started") is None
    assert refused_in("refused a packet from 192.0.2.1: for no reason") is None
