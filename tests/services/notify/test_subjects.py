"""Whose changes are told, how, and what keepalived calls services and servers."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from havip.config.balancing import Programs, RealServer, Transport, VirtualService
from havip.config.model import Configuration, Daemon
from havip.services.notify.subjects import Concern, endpoint_of_service, subjects

A = RealServer("a", ip_address("10.0.0.1"))
WEB = VirtualService("web", (A,), ip_address("192.0.2.1"), 80)
WEB6 = VirtualService("web", (), ip_address("2001:db8::1"), 53, transport=Transport.UDP)
MARKED = VirtualService("web", (A,), fwmark=7)

#: as format_vs of keepalived has them
ENDPOINTS = [
    (WEB, "[192.0.2.1]:tcp:80"),
    (WEB6, "[2001:db8::1]:udp:53"),
    (replace(WEB, transport=Transport.SCTP, port=None), "[192.0.2.1]:sctp:0"),
    (MARKED, "FWM 7"),
    (VirtualService("web", group="front"), "[front]:0"),
    (VirtualService("web", group="front", port=80), "[front]:80"),
]


@pytest.mark.parametrize(("service", "endpoint"), ENDPOINTS)
def test_a_service_is_called_as_keepalived_calls_it(service: VirtualService, endpoint: str) -> None:
    assert endpoint_of_service(service) == endpoint


def of(service: VirtualService, **more: object) -> dict[tuple[str, str], Concern]:
    return dict(subjects(Configuration(virtual_services=(service,), **more)))  # type: ignore[arg-type]


def test_a_server_is_called_by_its_own_port_or_that_of_its_service() -> None:
    assert of(WEB)["server", "web/a"].endpoint == "[10.0.0.1]:tcp:80 [192.0.2.1]:tcp:80"
    other = replace(WEB, servers=(replace(A, port=8080),))
    assert of(other)["server", "web/a"].endpoint == "[10.0.0.1]:tcp:8080 [192.0.2.1]:tcp:80"
    assert of(MARKED)["server", "web/a"].endpoint == "[10.0.0.1]:none:0 FWM 7"
    marked = replace(MARKED, servers=(replace(A, port=80),))
    assert of(marked)["server", "web/a"].endpoint == "[10.0.0.1]:none:80 FWM 7"


def test_a_server_without_programs_of_its_own_runs_none_and_is_told_of_as_its_service() -> None:
    notify = Programs(up=("/up",), down=("/down",), mail=False, webhooks=True)
    found = of(replace(WEB, notify=notify))
    assert found["service", "web"].settings == notify
    assert found["server", "web/a"].settings == Programs(mail=False)


def test_programs_of_services_run_as_the_daemons_scripts_do() -> None:
    own = replace(A, notify=Programs(down=("/down",), user="daemon"))
    found = of(replace(WEB, servers=(own,)), daemon=Daemon(script_user="nobody", script_group="nogroup"))
    service, server = found["service", "web"].settings, found["server", "web/a"].settings
    assert (service.user, service.group) == ("nobody", "nogroup")
    assert (server.user, server.group) == ("daemon", None)


def test_the_last_words_of_a_service_are_told_where_that_is_wanted() -> None:
    assert {one.last_words for one in of(WEB).values()} == {False}
    assert {one.last_words for one in of(replace(WEB, announce_stop=True)).values()} == {True}
