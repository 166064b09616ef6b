"""What the kernel refuses is told with the service's name and the kernel's reason."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from havip.ipvs.model import (
    AddDestination,
    AddService,
    Change,
    Destination,
    DestinationKey,
    DropDestination,
    DropService,
    EditDestination,
    EditService,
    Forward,
    Refusal,
    Service,
    Tunnel,
)
from havip.ipvs.reasons import causes, reason
from tests.ipvs.tables import KEYS, ODD, SERVERS

WEB, SIX = KEYS[0], KEYS[4]
A, A6 = SERVERS[0], SERVERS[4]
ONE = Destination(A)


@pytest.mark.parametrize(
    ("change", "number", "words"),
    [
        (
            AddService(Service(WEB, "twos")),
            errno.ENOENT,
            "tcp 192.0.2.1:80: the kernel has no scheduler twos (module ip_vs_twos)",
        ),
        (
            EditService(Service(WEB, "rr", engine="sip")),
            errno.ENOENT,
            "tcp 192.0.2.1:80: the kernel has no scheduler rr (module ip_vs_rr) or no persistence engine sip "
            "(module ip_vs_pe_sip)",
        ),
        (
            AddService(Service(SIX, prefix_length=0)),
            errno.EINVAL,
            "tcp [2001:db8::1]:80: the kernel takes no prefix of 0 bits",
        ),
        (
            AddService(Service(WEB)),
            errno.EEXIST,
            "tcp 192.0.2.1:80: it is there already: another program has added it",
        ),
        (
            EditService(Service(WEB)),
            errno.ESRCH,
            "tcp 192.0.2.1:80: the service is not there: another program has removed it",
        ),
        (
            DropService(WEB),
            errno.EPERM,
            "tcp 192.0.2.1:80, which is to go: not permitted: it takes CAP_NET_ADMIN",
        ),
        (
            DropDestination(WEB, A),
            errno.ENOENT,
            "tcp 192.0.2.1:80, server 10.0.0.1:80, which is to go: it is not there: another program has "
            "removed it",
        ),
        (
            EditDestination(WEB, ONE),
            errno.ENOENT,
            "tcp 192.0.2.1:80, server 10.0.0.1:80: it is not there: another program has removed it",
        ),
        (
            AddDestination(WEB, replace(ONE, lower_threshold=5)),
            errno.ERANGE,
            "tcp 192.0.2.1:80, server 10.0.0.1:80: weight and thresholds must not be negative, nor the lower "
            "threshold above the upper one",
        ),
        (
            AddDestination(WEB, Destination(A6)),
            errno.EINVAL,
            "tcp 192.0.2.1:80, server [2001:db8:1::1]:80: behind an IPv4 service it needs the method tunnel",
        ),
        (
            AddDestination(WEB, Destination(A6, forward=Forward.TUNNEL)),
            errno.EINVAL,
            "tcp 192.0.2.1:80, server [2001:db8:1::1]:80: beside a sync daemon the kernel takes no server of "
            "another family",
        ),
        (
            AddDestination(WEB, Destination(A, forward=Forward.TUNNEL, tunnel=Tunnel.GUE)),
            errno.EINVAL,
            "tcp 192.0.2.1:80, server 10.0.0.1:80: a tunnel of GUE needs a port",
        ),
        (
            AddDestination(WEB, Destination(ODD[1])),
            errno.EINVAL,
            "tcp 192.0.2.1:80, server 224.0.0.1:80: "
            "the kernel takes no server at 224.0.0.1: not unicast, or no interface is up",
        ),
        (AddDestination(WEB, ONE), errno.EIO, "tcp 192.0.2.1:80, server 10.0.0.1:80: EIO"),
        (DropService(WEB), 4711, "tcp 192.0.2.1:80, which is to go: error 4711"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Change) else str(value)[:40],
)
def test_a_refusal_names_the_service_the_server_and_the_reason(
    change: Change, number: int, words: str
) -> None:
    assert reason(Refusal(change, number)) == words


def test_what_follows_from_a_refused_service_is_not_told() -> None:
    refused = Refusal(AddService(Service(WEB, "twos")), errno.ENOENT)
    follows = Refusal(AddDestination(WEB, ONE), errno.ESRCH)
    elsewhere = Refusal(AddDestination(SIX, Destination(DestinationKey(A6.address, 80))), errno.ESRCH)
    assert causes([refused, follows, elsewhere]) == [refused, elsewhere]
