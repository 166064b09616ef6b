"""Pauses after failures."""

from __future__ import annotations

from havip.backoff import pause_after


def test_pauses_grow_to_a_minute_and_no_further() -> None:
    assert [pause_after(failures) for failures in (1, 2, 3, 4, 5, 6, 7, 8, 1000)] == [
        1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0
    ]  # fmt: skip


def test_the_longest_pause_may_be_another() -> None:
    assert [pause_after(failures, 5.0) for failures in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 5.0]
    assert [pause_after(failures, 300.0) for failures in (1, 7, 9, 10)] == [1.0, 64.0, 256.0, 300.0]
