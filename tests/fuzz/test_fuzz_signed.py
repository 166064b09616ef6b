"""A short fuzz of what else makes a packet believed: signatures, sequences, peers and their TTL."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import pytest

from havip import clock
from havip.config.cast import Peer, Unicast
from havip.vrrp import sequences
from havip.vrrp.blackbox import create
from havip.vrrp.packet import GROUP_IPV4, Advert, Heard
from tests.fuzz.signed_packets import BOUNDS, Model, random_packet
from tests.vrrp.model import OURS, router
from tests.vrrp.signed import WALL, rules
from tests.vrrp.stack import Stack, started


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Model, Stack]]]:
    monkeypatch.setattr(clock, "stamp", lambda: WALL)
    peers = tuple(Peer(ip_address(source), min_ttl=a, max_ttl=b) for source, (a, b) in BOUNDS.items())
    made, descriptors = [], []
    for number, (unicast, signed) in enumerate(((False, True), (True, True), (True, False))):
        options: dict[str, Any] = {"unicast": Unicast(peers)} if unicast else {}
        options |= {"hmac": rules()} if signed else {}
        path = str(tmp_path / str(number))
        sequences.create(path, room=16)
        descriptors.append(create())
        stack = Stack(descriptors[-1])
        stack.roster.keep_sequences(path, stack.now)
        started(stack, router(**options))
        made.append((Model(OURS if unicast else GROUP_IPV4, unicast, signed), stack))
    yield made
    for descriptor in descriptors:
        os.close(descriptor)


def test_exactly_what_an_independent_model_believes_is_believed(stacks: list[tuple[Model, Stack]]) -> None:
    random = Random(2104)
    for model, stack in stacks:
        port = next(iter(stack.roster.ports.by_wire.values()))
        verdicts: Counter[str] = Counter()
        recorded: list[Heard] = []
        for number in range(20_000):
            if number % 50 == 0:  # or no sequence would be new for long
                restart(model, stack)
            heard = random_packet(random, model, recorded)
            recorded = [*recorded[-30:], heard]
            _, verdict = port.judge(heard)
            port.remarks.clear()
            believed = isinstance(verdict, Advert)
            assert believed is model.may_believe(heard), (verdict, model.unicast, model.signed, heard)
            verdicts["advert" if isinstance(verdict, Advert) else verdict] += 1
        assert verdicts["advert"] > 300, verdicts
        assert len(verdicts) > 6, verdicts


def restart(model: Model, stack: Stack) -> None:
    """Forget every sequence, as a sender's new file would have it."""
    model.latest.clear()
    for one in stack.roster.routers.values():
        if one.signatures is not None:
            one.signatures._guard._marks._latest.clear()
