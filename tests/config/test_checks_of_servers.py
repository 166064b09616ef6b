"""Who goes by the checks of servers: virtual routers, and checks that make one of several."""

from __future__ import annotations

import pytest

from tests.config.reading import complaints, read
from tests.config.test_balancing import service

GATEWAY = """\
virtual_routers:
  gateway: {interface: eth0, vrid: 51, addresses: [192.0.2.1/24], track: {checks: [TRACKED]}}
checks:
  one: {any: [web/web1/tcp, web/web1/page]}
"""


@pytest.mark.parametrize("tracked", ["web/web1/tcp", "one"])
def test_a_router_may_go_by_the_checks_of_servers(tracked: str) -> None:
    rest = GATEWAY.replace("TRACKED", tracked)
    configuration = read(service("probes: {tcp: {tcp: {}}, page: {http: {}}}", rest=rest))
    (gateway,) = configuration.virtual_routers
    assert [one.name for one in gateway.track.trackers()] == [tracked]
    assert complaints(service("probes: {tcp: {tcp: {}}}", rest=rest)) == [
        '10:29: checks.one.any[1]: expected the name of a health check, found "web/web1/page": '
        'none below "checks"'
    ]


def test_nothing_goes_by_a_check_that_rests_while_another_router_is_master() -> None:
    rest = GATEWAY.replace("TRACKED", "web/web1/tcp").partition("checks:\n  one")[0]
    assert complaints(service("probes: {tcp: {tcp: {}}}", "probe_as_master_of: gateway", rest=rest)) == [
        "9:84: virtual_routers.gateway.track.checks[0]: expected the name of a health check, "
        'found "web/web1/tcp": none below "checks"'
    ]


def test_no_check_goes_by_one_that_goes_by_it() -> None:
    rest = "checks: {one: {any: [web/web1/tcp, web/web1/page]}}\n"
    text = service("probes: {tcp: {tcp: {}, parent: one}, page: {http: {}}}", rest=rest)
    assert complaints(text) == [
        "7:22: checks.one.any[0]: health checks that go by each other in a circle: "
        "web/web1/tcp -> one -> web/web1/tcp: no verdict of theirs would follow from a probe"
    ]
