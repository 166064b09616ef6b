"""The load balancer of keepalived.conf beside the YAML that means the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from havip.config.model import Configuration
from tests.config.keepalived.mapping import ROUTER, complaints, decisions, loaded, pairs
from tests.config.reading import read

SAME = pairs("services.txt")
SERVER = "virtual_server 192.0.2.9 80 {\n real_server 192.168.1.11 80 {\n%s\n }\n protocol TCP\n}\n"


def balancing(found: Configuration) -> Configuration:
    """Return a configuration without what is not the load balancer's."""
    return replace(found, virtual_routers=(), daemon=read(f"{YAML}").daemon)


YAML = "virtual_routers: {VI_1: {interface: eth0, vrid: 51, addresses: [192.0.2.1/24]}}\n"


@pytest.mark.parametrize(("text", "sections"), SAME, ids=range(len(SAME)))
def test_a_virtual_server_means_the_same(text: str, sections: str) -> None:
    assert balancing(loaded(f"{text}\n{ROUTER}}}\n")) == balancing(read(YAML + sections))


def test_two_virtual_servers_of_one_address_get_names_that_differ() -> None:
    text = "".join(
        f"virtual_server 192.0.2.1 {port} {{\n protocol {protocol}\n snmp_name {name}\n"
        " real_server 192.168.1.11 { }\n real_server 192.168.1.11 81 { }\n"
        " real_server 192.168.1.11 81 { }\n}\n"
        for port, protocol, name in ((53, "UDP", "bad/name"), (53, "TCP", "good"), (54, "TCP", "good"))
    )
    names = [
        one.partition("virtual_services.")[2]
        for one in decisions(text, mapped=True)
        if ": mapped: virtual_server" in one or ": mapped: real_server" in one
    ]
    assert [name for name in names if ".servers." not in name] == ["192.0.2.1:53-udp", "good", "good-2"]
    assert [name.partition(".servers.")[2] for name in names if name.startswith("good.servers")] == [
        "192.168.1.11",
        "192.168.1.11:81",
        "192.168.1.11:81-2",
    ]


def test_a_file_may_have_virtual_servers_alone() -> None:
    (service,) = loaded(SERVER % "  TCP_CHECK { }").virtual_services
    assert service.servers[0].probes[0].name == "tcp"


@pytest.mark.parametrize(
    ("lines", "service", "server"),
    [
        ("", False, True),
        ("smtp_alert_checker on", True, True),
        ("smtp_alert_checker off", False, False),
        ("smtp_alert on", True, True),
        ("no_checker_emails", False, True),
    ],
)
def test_mail_is_sent_of_servers_and_of_services_that_ask_for_it(
    lines: str, service: bool, server: bool
) -> None:
    head = f"global_defs {{\n notification_email {{ a@example.net }}\n smtp_server 127.0.0.1\n {lines}\n}}\n"
    (found,) = loaded(head + SERVER % "  TCP_CHECK { }").virtual_services
    told = found.servers[0].notify
    assert told is not None
    assert (found.notify.mail, told.mail) == (service, server)


def test_the_pace_that_nobody_gave_is_named_as_keepalived_has_it() -> None:
    assert (
        "3:3: default: TCP_CHECK -> virtual_services.192.0.2.9:80.servers.192.168.1.11:80.probes.tcp: "
        "unless told, delay_loop 60s, connect_timeout 5s, retry 1, delay_before_retry 1s, "
        "warmup 60s; havip's own are other ones"
    ) in decisions(SERVER % "  TCP_CHECK { }")


def test_the_certificate_that_is_shown_is_that_of_the_block_ssl_and_its_password_stands_nowhere() -> None:
    text = "SSL {\n certificate /nowhere.pem\n key /nowhere.key\n password s3cretpw\n}\n"
    text += SERVER % "  SSL_GET { url { path / }\n }"
    said = complaints(text)
    assert any("key_file: /nowhere.key" in one for one in said), said
    assert "s3cretpw" not in "".join(said + decisions(text, mapped=True))


@pytest.mark.parametrize(("text", "complaint"), pairs("services_refused.txt"))
def test_what_cannot_be_is_refused_where_it_stands(text: str, complaint: str) -> None:
    assert complaint in complaints(text)
