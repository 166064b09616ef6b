"""havip's JSON dump beside that of Debian's keepalived, of the same virtual routers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.daemons import Daemon, Havip, Keepalived
from havip import signals
from havip.clock import milliseconds, seconds
from havip.config.authentication import Authentication, AuthType, Secret, SecretSource
from havip.config.model import Announcing, VirtualRouter
from havip.healthcheck.inotify import CLOSE_WRITE, MOVED_TO
from tests.daemon.dumped import watched
from tests.interop.lan import V2, V3, V3_IPV6, Dialect, Lan
from tests.services.exporter import from_json, from_state, from_stats

pytestmark = pytest.mark.root

#: what differs by design: no password is shown, and how we are told of another list or master
OTHERWISE = {"auth_data", "skip_check_adv_addr", "last_transition", "vips"}
PASSWORD = Authentication(AuthType.PASS, SecretSource(Secret(b"hidden")))
ROUTERS: list[tuple[Dialect, dict[str, object]]] = [
    (
        V3,
        {
            "announce": Announcing(repeat=3, delay=seconds(2), refresh=seconds(60)),
            "answer_lower_priority": False,
        },
    ),
    (V2, {"authentication": PASSWORD}),
    (V3_IPV6, {"preempt": False, "interval": milliseconds(250)}),
]


class TemporaryKeepalived(Keepalived):
    """keepalived that writes its dumps into its own directory, since it would do so in /tmp."""

    def command(self, configuration: Path) -> list[str]:
        return ["env", f"TMPDIR={self.directory}", *super().command(configuration)]


def dumped(lan: Lan, kind: type[Daemon], router: VirtualRouter) -> tuple[str, str, str]:
    """Have the only daemon of the LAN become MASTER, and return its three dumps."""
    player = lan.player(kind, "r1", router)
    names = ("keepalived.json", "keepalived.stats", "keepalived.data")
    if kind is Havip:
        names = ("control.json", "control.stats", "control.data")
    begun = lan.now()
    player.start()
    player.announces(str(router.addresses[0].address), after=begun)
    with watched(player.daemon.directory) as folder:
        pid = player.daemon.running().pid
        numbers = (signals.JSON, signals.STATS, signals.STATE)
        how = MOVED_TO | CLOSE_WRITE  # keepalived writes into place, and the state bit by bit
        parts = ("data", "Sent", f"Virtual Router ID = {router.vrid}")
        asked = zip(numbers, names, parts, strict=True)
        one, two, three = (folder.ask(pid, number, name, part, how) for number, name, part in asked)
    player.daemon.stop()
    return one, two, three


@pytest.mark.parametrize(
    ("dialect", "changes"), ROUTERS, ids=lambda value: str(value) if isinstance(value, Dialect) else ""
)
def test_a_dump_has_every_field_of_keepalived_with_its_type(
    lan: Lan, dialect: Dialect, changes: dict[str, object]
) -> None:
    router = dialect.router(200, **changes)
    theirs, ours = dumped(lan, TemporaryKeepalived, router), dumped(lan, Havip, router)

    (their_dump,), (our_dump,) = json.loads(theirs[0]), json.loads(ours[0])
    assert list(our_dump) == list(their_dump) == ["data", "stats"]
    for part in ("data", "stats"):
        mine, wanted = our_dump[part], their_dump[part]
        assert set(wanted) - set(mine) <= {"auth_data"}
        assert {name: kind(mine[name]) for name in wanted if name in mine} == {
            name: kind(value) for name, value in wanted.items() if name in mine
        }
    # What both were told they both say; both are MASTER.
    told = {name: value for name, value in their_dump["data"].items() if name not in OTHERWISE}
    assert {name: our_dump["data"][name] for name in told} == told | {"master_priority": 200}
    assert [vip.split()[:3] for vip in our_dump["data"]["vips"]] == [
        vip.split()[:3] for vip in their_dump["data"]["vips"]
    ]

    # A program that reads the one reads the other.
    assert set(from_json(theirs[0])["gateway"]) - set(from_json(ours[0])["gateway"]) <= {"auth_data"}
    assert from_stats(ours[1])["gateway"].keys() == from_stats(theirs[1])["gateway"].keys()
    mine, wanted = from_state(ours[2])[0]["gateway"], from_state(theirs[2])[0]["gateway"]
    for key in ("State", "Wantstate", "Interface", "Virtual Router ID", "Gratuitous ARP delay", "Priority"):
        assert mine[key] == wanted[key]
    assert len(mine["vips"]) == len(wanted["vips"]) == 1


def kind(value: Any) -> type:
    """Return the type of a value in JSON: a number is one whether it is whole or not."""
    return float if type(value) is int else type(value)
