"""Fixtures of the interop tests: the LAN, and Wireshark's verdict on all that havip sent in a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.wire import Sight
from tests.interop.dissect import complaints
from tests.interop.lan import Lan, open_lan


@pytest.fixture(scope="module")
def sent_by_havip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Sight]]:
    """Collect the frames of a module's tests; at its end tshark must have nothing against any of them."""
    frames: list[Sight] = []
    yield frames
    found = complaints(frames, tmp_path_factory.mktemp("frames") / "havip.pcap")
    assert not found, "tshark complains about frames that havip sent:\n" + "\n".join(found)


@pytest.fixture
def lan(tmp_path: Path, sent_by_havip: list[Sight]) -> Iterator[Lan]:
    """Return two routers, a client and a switch."""
    with open_lan(tmp_path) as lan:
        yield lan
        sent_by_havip += [
            sight
            for sight in lan.frames_of_havip()
            if not any(p.daemon.routers[0].rfc9568 for p in lan.players)
        ]
