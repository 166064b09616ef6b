"""The daemons under test: what is written for keepalived, and what becomes of one that dies."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from bench.daemons import Keepalived
from havip.clock import milliseconds, seconds
from havip.config.model import Announcing, VirtualAddress, VirtualRouter
from lab.netns import Network

ROUTER = VirtualRouter(
    name="gateway",
    interface="eth0",
    vrid=51,
    addresses=(VirtualAddress(IPv4Address("10.77.0.100"), 24),),
    version=3,
    priority=150,
    interval=milliseconds(250),
    preempt=False,
    down_adverts=4,
    answer_lower_priority=False,
    announce=Announcing(repeat=2, delay=seconds(3)),
)


class StillBorn(Keepalived):
    """A daemon that ends at once."""

    def command(self, configuration: Path) -> list[str]:
        return ["sh", "-c", "echo cannot live; exit 3"]


@pytest.mark.root
def test_keepalived_is_told_the_same_as_havip(tmp_path: Path) -> None:
    with Network("told") as network:
        text = Keepalived(network.host("r1"), [ROUTER], tmp_path, realtime=50).configuration()

    assert text == (
        "global_defs {\n"
        "    router_id bench\n"
        "    vrrp_rt_priority 50\n"
        "    vrrp_rlimit_rttime 10000000\n"
        "    vrrp_no_swap\n"
        "}\n"
        "vrrp_instance gateway {\n"
        "    state BACKUP\n"
        "    interface eth0\n"
        "    version 3\n"
        "    virtual_router_id 51\n"
        "    priority 150\n"
        "    advert_int 0.25\n"
        "    nopreempt\n"
        "    down_timer_adverts 4\n"
        "    lower_prio_no_advert true\n"
        "    higher_prio_send_advert true\n"
        "    garp_master_repeat 2\n"
        "    garp_master_delay 3\n"
        "    garp_master_refresh 0\n"
        "    garp_master_refresh_repeat 1\n"
        "    garp_lower_prio_repeat 5\n"
        "    garp_lower_prio_delay 5\n"
        "    virtual_ipaddress {\n"
        "        10.77.0.100/24\n"
        "    }\n"
        "}\n"
    )


@pytest.mark.root
def test_a_daemon_that_has_ended_is_not_measured(tmp_path: Path) -> None:
    with Network("dead") as network, StillBorn(network.host("r1"), [ROUTER], tmp_path) as daemon:
        assert daemon.start().wait(10) == 3

        with pytest.raises(RuntimeError, match="keepalived on r1 does not run:\ncannot live"):
            daemon.pids()
