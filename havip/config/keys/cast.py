"""The keys that say to whom adverts are sent: unicast peers, or a multicast group.  Pure."""

from __future__ import annotations

from havip.clock import seconds
from havip.config.addresses import BareAddress, GroupAddress
from havip.config.cast import LONGEST_LIFE, Multicast, Peer, Unicast
from havip.config.fields import Field, Group, ListOf
from havip.config.kinds import Flag, Length, Text, Whole

MOST_PEERS = 255

HOST_NAME = Text(
    'a host name such as "r2.example.com"',
    r"^(?!(?:.*\.)?[0-9]+\.?$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.(?!$)|\.?$))+$",
    longest=253,
)

PEER = Group(
    Peer,
    (
        Field("address", BareAddress(), "the address from which the peer sends", "192.0.2.2"),
        Field(
            "name",
            HOST_NAME,
            "instead of an address: a name that DNS or /etc/hosts knows, each of whose addresses is a peer",
            "r2.example.com",
            elsewhere=("host", "hostname", "dns"),
        ),
        Field(
            "min_ttl", Whole(0, LONGEST_LIFE), "the least TTL or hop limit its adverts may arrive with", 254
        ),
        Field(
            "max_ttl", Whole(0, LONGEST_LIFE), "the most TTL or hop limit its adverts may arrive with", 254
        ),
    ),
    'an address, or a mapping with "address" or "name"',
    short="address",
)

UNICAST = Group(
    Unicast,
    (
        Field(
            "peers",
            ListOf(PEER, MOST_PEERS),
            "the other routers that share the addresses: adverts go to each and are taken from no one else",
            ["192.0.2.2", {"name": "r3.example.com"}],
            elsewhere=("unicast_peer", "peer", "addresses"),
        ),
        Field(
            "source",
            BareAddress(),
            "the address to send from and to listen on, one of the interface; without it its primary address",
            "192.0.2.1",
            elsewhere=("unicast_src_ip", "src", "src_ip"),
        ),
        Field(
            "ttl", Whole(1, LONGEST_LIFE), "TTL or hop limit of our adverts", 64, elsewhere=("unicast_ttl",)
        ),
        Field(
            "check_source",
            Flag(),
            "take adverts from peers only",
            True,
            elsewhere=("check_unicast_src", "vrrp_check_unicast_src"),
        ),
        Field(
            "resolve_every",
            Length(seconds(1), seconds(86400)),
            "how often the names of peers are looked up anew",
            "5min",
        ),
    ),
    short="peers",
)

MULTICAST = Group(
    Multicast,
    (
        Field(
            "source",
            BareAddress(),
            "the address to send from, one of the interface; without it its primary address",
            "192.0.2.9",
            elsewhere=("mcast_src_ip", "src", "src_ip"),
        ),
        Field(
            "group",
            GroupAddress(),
            "another group than VRRP's, 224.0.0.18 and ff02::12; equal on all routers",
            "224.0.0.19",
            elsewhere=("mcast_dst_ip", "vrrp_mcast_group4", "vrrp_mcast_group6", "address"),
        ),
    ),
)
