"""`havip.netlink.codec` and pyroute2 read the messages of a real kernel, and must agree on each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from pyroute2.netlink.rtnl.marshal import MarshalRtnl

from havip.netlink import codec
from havip.netlink.codec import Address, Link
from tests.netns.kernel_stage import FIRST_VIP, GET_ADDRESS, GET_LINK, Stage, stage

pytestmark = pytest.mark.root

NETCONF = (80, 81)
CHANGES = [
    "link add br0 type bridge",
    "link add m0 link eth0 type macvlan mode private",
    "link add gone0 type veth peer name gone1",
    "link set eth0 master br0",
    "link set eth0 nomaster",
    "link set eth0 mtu 1400",
    "addr add 10.66.0.1/24 brd + dev eth0 label eth0:x metric 7",
    "addr add 10.66.0.2/24 dev eth0",
    "addr add 10.55.0.1 peer 10.55.0.9/32 dev eth0",
    "addr add 10.44.0.1/32 dev eth0 scope link noprefixroute",
    "addr add 2001:db8::7/64 dev eth0 valid_lft 1000 preferred_lft 500 nodad",
    "addr add 2001:db8::8 peer 2001:db8::9/128 dev eth0 nodad",
    "addr del 10.66.0.1/24 dev eth0",
    "link del gone0",
    "link set lo down",
]


@pytest.fixture
def s() -> Iterator[Stage]:
    with stage() as made:
        made.add(FIRST_VIP, "2001:db8::5/128")
        yield made


def as_address(read: Any) -> Address:
    """Return what pyroute2 read as one of our addresses."""
    peer = read.get_attr("IFA_ADDRESS")
    flags = read.get_attr("IFA_FLAGS")
    return Address(
        ifindex=read["index"],
        address=ip_address(read.get_attr("IFA_LOCAL") or peer).packed,
        peer=ip_address(peer).packed,
        prefix_length=read["prefixlen"],
        flags=read["flags"] if flags is None else flags,
        scope=read["scope"],
        protocol=read.get_attr("IFA_PROTO") or 0,
        created=read.get_attr("IFA_CACHEINFO")["cstamp"],
    )


def as_link(read: Any) -> Link | None:
    """Return what pyroute2 read as one of our links."""
    if read["family"]:
        return None
    mac = read.get_attr("IFLA_ADDRESS") or ""
    return Link(
        ifindex=read["index"],
        name=read.get_attr("IFLA_IFNAME"),
        flags=read["flags"],
        mac=bytes.fromhex(mac.replace(":", "")),
        mtu=read.get_attr("IFLA_MTU"),
        parent=read.get_attr("IFLA_LINK") or 0,
    )


def ours(kind: int, body: bytes) -> Address | Link | None:
    return codec.parse_link(body) if kind in (16, 17) else codec.parse_address(body)


def theirs(read: Any) -> Address | Link | None:
    return as_link(read) if read["header"]["type"] in (16, 17) else as_address(read)


def test_both_read_the_same_lists(s: Stage) -> None:
    s.batch(CHANGES)
    for kind, least in ((GET_LINK, 4), (GET_ADDRESS, 9)):
        read_by_us = [
            ours(message.kind, message.body)
            for datagram in s.raw_dump(kind)
            for message in codec.messages(datagram)
            if message.kind != 3
        ]
        assert read_by_us == [theirs(read) for read in s.dumped(kind)]
        assert len(read_by_us) >= least
        assert None not in read_by_us


def test_both_read_the_same_events(s: Stage) -> None:
    listener = os.dup(s.another_kernel()._events.fileno())
    try:
        s.batch(CHANGES)
        compared = 0
        while True:
            try:
                datagram = os.read(listener, 65536)
            except BlockingIOError:
                break
            messages = list(codec.messages(datagram))
            reads = list(MarshalRtnl().parse(datagram))
            assert [message.kind for message in messages] == [read["header"]["type"] for read in reads]
            for message, read in zip(messages, reads, strict=True):
                if message.kind in NETCONF:
                    continue  # settings of an interface, which pyroute2 cannot read
                assert ours(message.kind, message.body) == theirs(read)
                compared += 1
        assert compared >= 15  # the kernel tells some of it later
    finally:
        os.close(listener)
