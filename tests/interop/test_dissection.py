"""Wireshark's dissector on a whole life of a virtual router: adverts, announcements, resignation."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.daemons import Havip
from bench.wire import Advert, Announcement
from tests.interop.dissect import complaints
from tests.interop.lan import DIALECTS, V3, Dialect, Lan

pytestmark = pytest.mark.root


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_tshark_accepts_every_frame_from_the_first_advert_to_the_last(
    lan: Lan, dialect: Dialect, tmp_path: Path
) -> None:
    owner = lan.player(Havip, "r1", dialect.router(255))
    owner.start()
    owner.announces(dialect.vip)
    owner.goes_on(2, after=lan.now())
    assert owner.daemon.stop() == 0
    owner.advertises(lambda advert: advert.priority == 0)

    seen = list(lan.frames_of_havip())

    assert {type(sight) for sight in seen} == {Advert, Announcement}
    assert complaints(seen, tmp_path / "life.pcap") == []


def test_tshark_accepts_the_checksum_of_rfc_9568_when_told_so(lan: Lan, tmp_path: Path) -> None:
    owner = lan.player(Havip, "r1", V3.router(255, rfc9568=True))
    owner.start()
    owner.goes_on(2, after=lan.now())

    adverts = [sight for sight in lan.frames_of_havip() if isinstance(sight, Advert)]

    assert complaints(adverts, tmp_path / "told.pcap", rfc9568=True) == []
    # The other form is wrong to it: so the line above was a judgement.
    assert len(complaints(adverts, tmp_path / "untold.pcap")) == len(adverts) >= 2
