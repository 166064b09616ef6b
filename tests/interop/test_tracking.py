"""A tracked file moves one virtual router between havip and keepalived, whichever of them tracks it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench.daemons import Daemon, Havip, Keepalived
from tests.interop.lan import V3, Lan

pytestmark = pytest.mark.root

VALUE = "value"  # in the daemon's own directory


class TrackingHavip(Havip):
    """havip whose priority has the value of a file added to it."""

    def configuration(self) -> str:
        document = yaml.safe_load(super().configuration())
        document["tracked_files"] = {"load": {"path": str(self.directory / VALUE), "weight": 2, "initial": 0}}
        for words in document["virtual_routers"].values():
            words["track"] = {"files": ["load"]}
        return yaml.safe_dump(document, sort_keys=False)


class TrackingKeepalived(Keepalived):
    """keepalived with the same file and weight."""

    def configuration(self) -> str:
        path = self.directory / VALUE
        tracked = f"track_file load {{\n    file {path}\n    weight 2\n    init_file 0 overwrite\n}}\n"
        head, instance, rest = super().configuration().partition("vrrp_instance")
        name, brace, body = rest.partition("{\n")
        return f"{head}{tracked}{instance}{name}{brace}    track_file {{\n        load\n    }}\n{body}"


@pytest.mark.parametrize(
    ("tracking", "other"),
    [(TrackingHavip, Keepalived), (TrackingKeepalived, Havip)],
    ids=["havip", "keepalived"],
)
def test_a_tracked_value_moves_the_addresses_there_and_back(
    lan: Lan, tracking: type[Daemon], other: type[Daemon]
) -> None:
    one, two = lan.player(tracking, "r1", V3.router(150)), lan.player(other, "r2", V3.router(100))
    one.start()
    two.start()
    one.announces(V3.vip)
    two.enters("BACKUP")

    begun = lan.now()
    Path(one.daemon.directory / VALUE).write_text("-40\n")  # 150 - 2 * 40

    one.advertises(lambda advert: advert.priority == 70, after=begun)
    two.announces(V3.vip, after=begun)
    one.holds(V3.vip, present=False)
    lan.client_reaches(V3.vip, two)

    begun = lan.now()
    Path(one.daemon.directory / VALUE).write_text("10\n")

    one.advertises(lambda advert: advert.priority == 170, after=begun)
    one.announces(V3.vip, after=begun)
    two.holds(V3.vip, present=False)
    lan.client_reaches(V3.vip, one)

    begun = lan.now()
    Path(one.daemon.directory / VALUE).write_text("-127\n")  # -254: FAULT

    one.advertises(lambda advert: advert.priority == 0, after=begun)
    two.announces(V3.vip, after=begun)
