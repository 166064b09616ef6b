"""What is good and worth a look in the configuration of the load balancer: notes, where they stand."""

from __future__ import annotations

import pytest

from havip.config import onsite
from havip.config.yamlfile import examine_text
from tests.config.reading import FILE
from tests.config.test_balancing import service
from tests.config.test_checks_balancing import GROUP, WEB, server

UNTESTED = (
    f"{WEB}.servers.web1: no check is made for this server: nothing is known of it, and it counts as good"
)


def notes(text: str) -> list[str]:
    """Return what is noted of a good text."""
    findings = examine_text(text, FILE)
    assert findings.problems == ()
    return [note.as_note().removeprefix(f"{FILE}:").replace(" note: ", " ") for note in findings.notes]


NOTED = {
    "a server without checks": (service(), [f"5:15: {UNTESTED}"]),
    "servers without checks": (
        service().replace("192.168.1.11}", "192.168.1.11}, web2: {address: 192.168.1.12}"),
        [f"5:15: {UNTESTED.replace('this server', 'this server, as for 1 more')}"],
    ),
    "a server with a shared check": (
        server("checks: [up]") + "checks: {up: {ping: {}, host: 192.0.2.9}}\n",
        [],
    ),
    "a quorum out of reach": (
        service("probes: {tcp: {tcp: {}}}", "quorum: 5"),
        [
            f'7:13: {WEB}.quorum: the quorum is never reached: it takes 5: the servers of "web" '
            "weigh 1 together"
        ],
    ),
    "no weight": (
        server("weight: 0, probes: {tcp: {tcp: {}}}"),
        [
            f'5:14: {WEB}.servers: the quorum is never reached: it takes 1: the servers of "web" '
            "weigh 0 together"
        ],
    ),
    "no server": (
        "virtual_services: {web: {address: 192.0.2.1, port: 80}}\n",
        [f'1:20: {WEB}: "web" has no servers'],
    ),
    "GUE that is dropped": (
        service(
            "probes: {tcp: {tcp: {}}}", "forwarding: {method: tunnel, encapsulation: gue, port: 6080}"
        ).replace("192.168.1.11", '"2001:db8::1"'),
        [
            f"5:31: {WEB}.servers.web1.address: a tunnel of GUE without a checksum over IPv6: "
            'a server drops UDP without a checksum over IPv6; "checksum: full" has one'
        ],
    ),
    "single packets by NAT": (
        service("probes: {tcp: {tcp: {}}}", "transport: udp", "one_packet: true"),
        [
            f"8:17: {WEB}.one_packet: single packets that NAT brings no answer to: the kernel remembers "
            "no client of theirs; answers come back by direct and tunnel"
        ],
    ),
    "single packets by another way": (
        service("probes: {tcp: {tcp: {}}}", "transport: udp", "one_packet: true", "forwarding: direct"),
        [],
    ),
    "a group of nobody": (
        service("probes: {tcp: {tcp: {}}}", rest=GROUP),
        ['7:18: service_groups.front: no virtual service uses "front"'],
    ),
    "a place of chains that there are not": (
        service("probes: {tcp: {tcp: {}}}", rest="load_balancer: {nftables_priority: -160}\n"),
        ["7:36: load_balancer.nftables_priority: no virtual service has an nftables_mark"],
    ),
}


@pytest.mark.parametrize(("text", "noted"), NOTED.values(), ids=NOTED)
def test_what_is_worth_a_look_is_noted(text: str, noted: list[str]) -> None:
    assert notes(text) == noted


def test_havip_check_notes_what_this_machine_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    text = service("probes: {tcp: {tcp: {}}}", rest="load_balancer: {sync_daemon: no-such-link}\n")
    monkeypatch.setattr(onsite, "has_ipvs", lambda: False)
    found = [note.found for note in examine_text(text, FILE, elsewhere=True).notes]
    assert found == ["this machine cannot balance load", 'this machine has no interface "no-such-link"']
    assert examine_text(text, FILE).notes == ()  # the daemon says so itself
    monkeypatch.setattr(onsite, "has_ipvs", lambda: True)
    assert len(examine_text(text, FILE, elsewhere=True).notes) == 1
