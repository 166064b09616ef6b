"""The witness's words are read rightly, and it notices what differs."""

from __future__ import annotations

from dataclasses import replace

from havip.balancing import Counts
from havip.control.serviceviews import Service, service_as_dict
from tests.control.balanced import WEB, WEB1, WEB2
from tests.ipvs.listed import differences

LISTING = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.1:80 wlc
  -> 10.0.0.7:80                  Masq    10     12         340
"""
STATS = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.1:80                        7        8        9       10       11
  -> 10.0.0.7:80                         7        8        9       10       11
"""
COUNTED = Counts(7, 8, 9, 10, 11)


def shown(**more: object) -> tuple[Service, ...]:
    server = replace(WEB1, counts=COUNTED, **more)  # type: ignore[arg-type]
    report = replace(WEB, counts=COUNTED, servers=(server, WEB2))
    return (Service.of(service_as_dict(report)),)


def test_what_both_say_is_the_same() -> None:
    assert differences(shown(), LISTING, STATS) == []


def test_every_difference_is_told() -> None:
    assert differences(shown(weight=9), LISTING) == [
        "TCP 192.0.2.1:80 -> 10.0.0.7:80: (10, 'Masq', 12, 340), not (9, 'Masq', 12, 340)"
    ]
    assert len(differences(shown(method="direct", active=1), LISTING)) == 1
    assert len(differences(shown(present=False), LISTING)) == 1
    assert len(differences(shown(), LISTING, STATS.replace("        7        8", "        7        9"))) == 2
    assert differences((), LISTING) == ["TCP 192.0.2.1:80 is not among our services"]
    assert differences(shown(), "") == ["TCP 192.0.2.1:80 is not in the kernel"]
    assert len(differences(shown(), LISTING.replace("wlc", "rr"))) == 1
