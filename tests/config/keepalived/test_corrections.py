"""What keepalived corrects in virtual servers: errors of ours, and with `compat` the same corrections."""

from __future__ import annotations

from pathlib import Path

import pytest

from havip.clock import seconds
from havip.config.balancing import Transport, VirtualService
from tests.config.keepalived.mapping import complaints, loaded
from tests.config.keepalived.test_witness import witnessed

SERVERS = " real_server 192.168.1.11 80 {\n  TCP_CHECK { }\n }\n}\n"


def service(text: str) -> VirtualService:
    """Return the virtual service of a text that is corrected."""
    (found,) = loaded(text, compat=True).virtual_services
    return found


@pytest.mark.parametrize(
    ("text", "complaint", "said"),
    [
        pytest.param(
            "virtual_server 192.0.2.1 80 {\n" + SERVERS,
            "1:1: expected protocol TCP, UDP or SCTP, found a virtual_server without protocol",
            "no protocol set - defaulting to UDP",
            id="no-protocol",
        ),
        pytest.param(
            "virtual_server 192.0.2.1 80 {\n protocol TCP\n ops\n" + SERVERS,
            "3:2: expected protocol UDP, found ops of TCP",
            "one packet scheduling requires UDP - resetting",
            id="ops",
        ),
        pytest.param(
            "virtual_server 192.0.2.1 {\n protocol TCP\n" + SERVERS,
            "1:1: expected a port or persistence_timeout, found a virtual_server without a port",
            "zero port only valid for persistent services - setting",
            id="no-port",
        ),
        pytest.param(
            "virtual_server 192.0.2.1 80 {\n protocol TCP\n lvs_sched rr\n sh-port\n" + SERVERS,
            "4:2: sh-port of the scheduler rr",
            "sh-port only applies to sh scheduler",
            id="flag",
        ),
        pytest.param(
            "virtual_server 192.0.2.1 80 {\n protocol TCP\n real_server 2001:db8::1 80 { }\n" + SERVERS,
            '3:2: the real server "2001:db8::1" of another family than its clients',
            "Address family of virtual server and real server 2001:db8::1 don't match",
            id="family",
        ),
        pytest.param(
            "virtual_server 192.0.2.1 80 {\n protocol TCP\n sorry_server 2001:db8::1 80\n" + SERVERS,
            "3:2: a sorry_server of another family than its clients",
            "Address family of virtual server and sorry server 2001:db8::1 don't match",
            id="sorry",
        ),
        pytest.param(
            "virtual_server 192.0.2.1 80 {\n protocol TCP\n real_server 192.168.1.11 80 {\n"
            "  TCP_CHECK { connect_timeout 1 }\n }\n" + SERVERS,
            '6:2: the real server "192.168.1.11" again',
            "is duplicated - removing second rs",
            id="twice",
        ),
        pytest.param(
            "virtual_server 192.0.2.1 80 {\n protocol TCP\n lvs_method DR\n"
            " real_server 192.168.1.12 8080 {\n  TCP_CHECK { }\n }\n" + SERVERS,
            "4:27: expected 80, found the port 8080",
            "ports don't match - resetting",
            id="port",
        ),
        pytest.param(
            "virtual_server 192.0.2.1 80 {\n protocol TCP\n real_server 192.168.1.12 80 {\n"
            "  HTTP_GET { connect_timeout 1 }\n }\n" + SERVERS,
            "4:3: expected a url, found HTTP_GET without a url",
            "HTTP/SSL_GET checker has no urls specified - ignoring",
            id="no-url",
        ),
    ],
)
def test_what_keepalived_corrects_is_an_error_and_corrected_with_compat(
    tmp_path: Path, text: str, complaint: str, said: str
) -> None:
    assert any(line.startswith(complaint) for line in complaints(text)), complaints(text)
    assert len(complaints(text)) == 1
    path = tmp_path / "keepalived.conf"
    path.write_text(text)
    assert said in witnessed(path)[1]
    found = service(text)
    assert "192.168.1.11:80" in [server.name for server in found.servers]
    assert found.sorry_server is None
    assert not found.one_packet
    assert found.scheduler_flags == ()


def test_corrected_services_are_as_keepalived_has_them() -> None:
    plain = service("virtual_server 192.0.2.1 {\n" + SERVERS)
    assert plain.transport is Transport.UDP
    assert plain.persistence is not None
    assert plain.persistence.timeout == seconds(360)
    found = service(
        "virtual_server 192.0.2.1 80 {\n protocol TCP\n ip_family inet\n lvs_method TUN\n"
        " real_server 192.168.1.12 8080 {\n  TCP_CHECK { }\n }\n real_server 192.168.1.12 80 { }\n"
        " real_server 2001:db8::1 80 { }\n}\n"
    )
    assert [(str(server.address), server.port) for server in found.servers] == [
        ("192.168.1.12", None),
        ("2001:db8::1", 80),
    ]
