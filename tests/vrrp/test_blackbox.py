"""What the next worker learns from the black box of one that was killed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from havip.clock import Instant
from havip.vrrp.blackbox import NOT_MASTER, BlackBox, create

A, B, C = ("eth0", 51, 4, ""), ("eth0", 51, 6, ""), ("eth1", 7, 4, "")


@pytest.fixture
def descriptor() -> Iterator[int]:
    number = create()
    yield number
    os.close(number)


def test_the_next_worker_learns_when_a_master_believed_until(descriptor: int) -> None:
    first = BlackBox(descriptor)
    slots = {key: first.slot(key) for key in (A, B, C)}
    first.record(slots[A], Instant(1000))
    first.record(slots[C], Instant(3000))
    first.record(slots[A], Instant(2000))
    second = BlackBox(descriptor)
    assert [second.believed_until(key) for key in (A, B, C)] == [Instant(2000), None, Instant(3000)]


def test_a_router_that_gave_up_its_addresses_leaves_nothing(descriptor: int) -> None:
    first = BlackBox(descriptor)
    slot = first.slot(A)
    first.record(slot, Instant(1000))
    first.record(slot, NOT_MASTER)
    assert BlackBox(descriptor).believed_until(A) is None


def test_only_the_last_life_counts(descriptor: int) -> None:
    first = BlackBox(descriptor)
    first.record(first.slot(A), Instant(1000))
    BlackBox(descriptor)  # a second worker that dies before it does anything
    assert BlackBox(descriptor).believed_until(A) is None


def test_a_dropped_router_neither_stays_nor_hides_those_behind_it(descriptor: int) -> None:
    first = BlackBox(descriptor)
    for key, at in ((A, 1000), (B, 2000), (C, 3000)):
        first.record(first.slot(key), Instant(at))
    first.release(B)
    second = BlackBox(descriptor)
    assert [second.believed_until(key) for key in (A, B, C)] == [Instant(1000), None, Instant(3000)]


def test_a_released_slot_is_used_again(descriptor: int) -> None:
    box = BlackBox(descriptor)
    box.slot(A)
    slot = box.slot(B)
    box.release(B)
    assert box.slot(C) == slot
    box.record(slot, Instant(5))
    assert BlackBox(descriptor).believed_until(C) == Instant(5)


def test_routers_of_one_vrid_are_told_apart_by_their_segments(descriptor: int) -> None:
    keys = [("eth0", 51, 4, segment) for segment in ("", "224.0.0.19", "unicast", "unicast 192.0.2.1")]
    first = BlackBox(descriptor)
    for at, key in enumerate(keys, 1):
        first.record(first.slot(key), Instant(at))
    second = BlackBox(descriptor)
    assert [second.believed_until(key) for key in keys] == [1, 2, 3, 4]
