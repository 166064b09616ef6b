"""What others change of our services is told in words."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from havip.ipvs.drift import drift
from havip.ipvs.model import (
    Destination,
    Forward,
    Pool,
    Service,
    ServiceFlag,
    Table,
    Tunnel,
    TunnelFlag,
)
from tests.ipvs.tables import KEYS, SERVERS, pairs

WEB, DNS = KEYS[0], KEYS[1]
A, B = SERVERS[0], SERVERS[2]
SERVICE = Service(WEB, "wlc")
ONE = Destination(A, 5, Forward.TUNNEL)


def words(ours: Pool, there: Pool | None) -> list[str]:
    return [str(one) for one in drift({WEB: ours}, {} if there is None else {WEB: there})]


def test_a_service_or_server_that_is_gone_or_new_is_named() -> None:
    ours = Pool(SERVICE, {A: ONE})
    assert words(ours, None) == ["tcp 192.0.2.1:80: it was removed"]
    assert words(ours, Pool(SERVICE)) == ["tcp 192.0.2.1:80: server 10.0.0.1:80 was removed"]
    assert words(ours, Pool(SERVICE, {A: ONE, B: Destination(B)})) == [
        "tcp 192.0.2.1:80: server 10.0.0.2:80 was added"
    ]


def test_the_settings_of_a_service_are_told_as_they_are_and_were() -> None:
    other = Service(WEB, "rr", ServiceFlag.PERSISTENT | ServiceFlag.SCHEDULER_1, 50, 24, "sip")
    assert words(Pool(SERVICE), Pool(other)) == [
        "tcp 192.0.2.1:80: scheduler rr instead of wlc",
        "tcp 192.0.2.1:80: flags persistent and scheduler-1 instead of none",
        "tcp 192.0.2.1:80: persistence of 50s instead of 0s",
        "tcp 192.0.2.1:80: persistence by /24 instead of /32",
        "tcp 192.0.2.1:80: persistence engine sip instead of none",
    ]


def test_the_settings_of_a_server_are_told_together() -> None:
    ours = Pool(SERVICE, {A: ONE})
    heavy = replace(ONE, weight=9, forward=Forward.ROUTE, upper_threshold=7, lower_threshold=3)
    assert words(ours, Pool(SERVICE, {A: heavy})) == [
        "tcp 192.0.2.1:80: server 10.0.0.1:80 was changed: weight 9 instead of 5, method direct instead of "
        "tunnel, upper threshold 7 instead of 0, lower threshold 3 instead of 0"
    ]
    other = replace(ONE, tunnel=Tunnel.GUE, tunnel_port=6080, tunnel_flags=TunnelFlag.REMOTE_CHECKSUM)
    assert words(ours, Pool(SERVICE, {A: other})) == [
        "tcp 192.0.2.1:80: server 10.0.0.1:80 was changed: tunnel gue to port 6080 remote-checksum instead "
        "of ipip"
    ]


def test_services_that_are_not_ours_do_not_count() -> None:
    ours = {WEB: Pool(SERVICE)}
    assert drift(ours, ours | {DNS: Pool(Service(DNS))}) == []


@given(pairs())
def test_there_is_drift_where_a_service_of_ours_differs_and_nowhere_else(both: tuple[Table, Table]) -> None:
    ours, present = both
    assert {one.key for one in drift(ours, present)} == {
        key for key, pool in ours.items() if present.get(key) != pool
    }
