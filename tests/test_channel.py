"""The pair between the supervisor and a worker: nothing waits, the newest report wins, nothing is torn."""

from __future__ import annotations

import logging
import socket
import struct
from ipaddress import ip_address

import pytest

from havip.channel import LARGEST, LOG_BACKLOG, Channel, pair
from havip.config.model import VirtualAddress, VirtualRouter
from havip.messages import Alive, Commit, LogLine, Message, PutRouter, RouterReport
from havip.plain import Unfit


def both() -> tuple[Channel, Channel]:
    ours, theirs = pair()
    return ours, Channel(theirs)


def report(vrid: int, why: str) -> RouterReport:
    return RouterReport(
        key=("eth0", vrid, 4, ""),
        name=f"r{vrid}",
        version=3,
        state="MASTER",
        since=1.5,
        why=why,
        priority=100,
        effective_priority=100,
        interval=10**9,
        master_interval=10**9,
        master_down=3_609_375_000,
        next_deadline=-1,
        master="10.0.0.1",
        primary_address="10.0.0.1",
        addresses=("10.0.0.9/24",),
        counters={"adverts-sent": 7},
    )


def fill(channel: Channel) -> None:
    """Post until the socket takes no more."""
    while not channel.wants_write:
        channel.post(LogLine(logging.INFO, "x" * 4000))


def drain(sender: Channel, receiver: Channel) -> list[Message]:
    received: list[Message] = []
    while True:
        sender.flush()
        batch = receiver.receive()
        if not batch and not sender.wants_write:
            return received
        received += batch


def test_messages_arrive_equal_and_in_order() -> None:
    ours, theirs = both()
    router = VirtualRouter("gw", "eth0", 51, (VirtualAddress(ip_address("2001:db8::1"), 64),))
    sent: list[Message] = [PutRouter(router), Commit(3), report(1, "started"), Alive()]
    for message in sent:
        ours.post(message)
    assert theirs.receive() == sent


def test_a_limit_leaves_the_rest_for_the_next_turn() -> None:
    ours, theirs = both()
    for generation in range(5):
        ours.post(Commit(generation))
    assert theirs.receive(limit=2) == [Commit(0), Commit(1)]
    assert theirs.has_input
    assert theirs.receive(limit=9) == [Commit(2), Commit(3), Commit(4)]
    assert not theirs.has_input


def test_nothing_to_receive_is_not_an_end() -> None:
    ours, theirs = both()
    assert theirs.receive() == []
    assert not theirs.closed
    ours.post(Alive())
    assert theirs.receive() == [Alive()]


def test_a_newer_report_replaces_an_older_one_that_still_waits() -> None:
    ours, theirs = both()
    fill(ours)
    ours.post(report(1, "old"))
    ours.post(report(2, "other"))
    ours.post(report(1, "new"))
    reports = [message for message in drain(ours, theirs) if isinstance(message, RouterReport)]
    assert [(message.name, message.why) for message in reports] == [("r2", "other"), ("r1", "new")]


def test_log_lines_are_dropped_and_counted_when_the_other_end_is_slow() -> None:
    ours, theirs = both()
    fill(ours)
    for _ in range(LOG_BACKLOG + 10):
        ours.post(LogLine(logging.INFO, "late"))
    ours.post(Commit(1))
    assert ours.dropped >= 10
    assert drain(ours, theirs)[-1] == Commit(1)


def test_signs_of_life_do_not_pile_up_before_an_end_that_sleeps() -> None:
    ours, theirs = both()
    fill(ours)
    for _ in range(1000):
        ours.post(Alive())
    assert drain(ours, theirs).count(Alive()) == 1


def test_posting_to_a_slow_end_does_not_block() -> None:
    ours, _theirs = both()
    fill(ours)
    for generation in range(1000):
        ours.post(Commit(generation))
    assert ours.wants_write


def test_the_loss_of_the_other_end_is_a_fact_and_not_an_exception() -> None:
    ours, theirs = both()
    theirs.close()
    ours.post(Alive())
    assert ours.receive() == []
    assert ours.closed
    ours.post(Alive())
    assert not ours.wants_write


def test_what_arrived_before_the_end_is_still_delivered() -> None:
    ours, theirs = both()
    ours.post(Commit(1))
    ours.close()
    assert theirs.receive() == [Commit(1)]
    assert theirs.receive() == []
    assert theirs.closed


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"\xff\xfe",
        b'["Commit"]',
        b'["Commit",["one"]]',
        b'["Commit",[true]]',
        b'["Commit",[1,2]]',
        b'["os.system",["true"]]',
        b'["PutRouter",[["gw","eth0",51,[["not an address",24]]]]]',
    ],
)
def test_anything_that_is_not_on_the_list_is_unfit(body: bytes) -> None:
    raw, theirs = socket.socketpair()
    with raw:
        raw.sendall(struct.pack("!I", len(body)) + body)
        with pytest.raises(Unfit):
            Channel(theirs).receive()


def test_a_length_without_measure_is_unfit() -> None:
    raw, theirs = socket.socketpair()
    with raw:
        raw.sendall(struct.pack("!I", LARGEST + 1))
        with pytest.raises(Unfit):
            Channel(theirs).receive()


def test_after_the_end_of_input_what_had_arrived_is_still_heard_though_the_other_end_is_open() -> None:
    ours, theirs = both()
    theirs.post(Commit(1))
    ours.end_input()
    assert ours.receive() == [Commit(1)]
    assert ours.receive() == []
    assert ours.closed


def test_a_channel_given_up_repeats_no_complaint() -> None:
    raw, theirs = socket.socketpair()
    channel = Channel(theirs)
    with raw:
        raw.sendall(struct.pack("!I", 4) + b"null")
        with pytest.raises(Unfit):
            channel.receive()
        channel.give_up()
        assert channel.receive() == []
        assert channel.closed
        assert not channel.has_input
