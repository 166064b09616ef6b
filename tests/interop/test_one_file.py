"""One keepalived.conf on two routers: Debian's keepalived runs by it on one of them, havip on the other."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from bench.daemons import Daemon, Havip, Keepalived
from tests.interop.lan import V3, Lan

pytestmark = pytest.mark.root

FILE = """\
! one file for both routers: who is who is told on the command line
global_defs {
    @r1 router_id first
    @r2 router_id second
    vrrp_version 3
    vrrp_garp_master_delay 1
    dynamic_interfaces
    linkbeat_use_polling            # havip has no use for it
    notify_fifo FIFO
    script_user root
}
$NET=10.77.0
$TRACKED= \\
    track_script { \\
        alive \\
    } \\

vrrp_script alive {
    script "/bin/test -d '/'"
    interval 1
}
include gateway.conf
"""
GATEWAY = """\
vrrp_instance gateway {
    state BACKUP
    interface eth0
    virtual_router_id 51
    @r1 priority 200
    @r2 priority 100
    advert_int 0.1
    virtual_ipaddress {
        ${NET}.100/24 dev eth0 label eth0:vip
    }
    virtual_ipaddress_excluded {
        ~SEQ(N, 101, 102) ${NET}.${N}/24
    }
    virtual_routes {
        192.0.2.0/24 via ${NET}.3
    }
    $TRACKED
}
"""


def write(daemon: Daemon) -> str:
    """Write what the file includes beside it, and return its text."""
    (daemon.directory / "gateway.conf").write_text(GATEWAY)
    return FILE.replace("FIFO", str(daemon.directory / "events"))


class KeepalivedByFile(Keepalived):
    """Debian's keepalived by the file."""

    def configuration(self) -> str:
        return write(self)

    def command(self, configuration: Path) -> list[str]:
        return [*super().command(configuration), "-i", self.host.name]


class HavipByFile(Havip):
    """havip by the file."""

    def configuration(self) -> str:
        return write(self)

    def command(self, configuration: Path) -> list[str]:
        return [*super().command(configuration), "--config-id", self.host.name]


@pytest.mark.parametrize(
    "pair",
    [(KeepalivedByFile, HavipByFile), (HavipByFile, KeepalivedByFile)],
    ids=["havip-backs-up", "havip-leads"],
)
def test_both_daemons_run_by_one_file_and_hand_everything_over(
    lan: Lan, pair: tuple[type[Daemon], type[Daemon]]
) -> None:
    (router,) = [V3.router(200)]
    better, worse = lan.player(pair[0], "r1", router), lan.player(pair[1], "r2", router)
    everything = ("10.77.0.100", "10.77.0.101", "10.77.0.102")
    better.start()
    worse.start()
    first = better.advertises()
    assert (first.priority, first.version) == (200, 3)
    for address in everything:
        better.holds(address)
    lan.client_reaches(everything[0], better)
    worse.enters("BACKUP")
    assert "192.0.2.0/24" in better.host.run("ip", "route").stdout

    assert better.daemon.stop() == 0

    assert worse.advertises(after=first.at).priority == 100
    for address in everything:
        worse.holds(address)
        better.holds(address, present=False)
    lan.client_reaches(everything[1], worse)
    assert "192.0.2.0/24 via 10.77.0.3" in worse.host.run("ip", "route").stdout
    assert "192.0.2.0/24" not in better.host.run("ip", "route").stdout
    assert "eth0:vip" in worse.host.run("ip", "address").stdout

    better.start()
    again = better.advertises(after=lan.now())
    worse.holds(everything[2], present=False)
    better.goes_on(3, after=again.at)
    lan.client_reaches(everything[2], better)


def test_a_reload_takes_an_included_file_up_in_place_and_a_bad_one_not_at_all(lan: Lan) -> None:
    player = lan.player(HavipByFile, "r1", V3.router(200))
    player.start()
    began = player.advertises()
    player.holds("10.77.0.102")
    included = player.daemon.directory / "gateway.conf"

    included.write_text(GATEWAY.replace("priority 200", "priority 210").replace("101, 102", "102, 103"))
    player.daemon.running().send_signal(signal.SIGHUP)
    changed = player.advertises(lambda advert: advert.priority == 210, after=began.at)
    player.holds("10.77.0.103")
    player.holds("10.77.0.101", present=False)

    included.write_text(GATEWAY.replace("priority 200", "priorty 200"))
    player.daemon.running().send_signal(signal.SIGHUP)
    player.logs(f'{included}:5:9: unknown directive "priorty" in vrrp_instance; did you mean "priority"?')
    assert player.goes_on(3, after=changed.at).priority == 210
    assert lan.resignations(player) == []
