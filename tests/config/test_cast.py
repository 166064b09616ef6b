"""The keys of unicast and multicast: what they mean, and what is wrong with them, with line and column."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from havip.config.cast import Multicast, Peer, Unicast
from havip.config.model import Configuration
from havip.config.plan import plan
from havip.config.yamlfile import examine_text
from tests.config.reading import complaints, read, router

GATEWAY = "virtual_routers.gateway"
MISSING = 'missing key "peers": without peers there is nobody to talk to'
EACH = 'a list of 1 to 255 values, each an address, or a mapping with "address" or "name"'
ADDRESS = 'an IPv4 or IPv6 address such as "192.0.2.1" or "2001:db8::1"'
GROUP = 'a multicast group such as "224.0.0.19" or "ff02::13"'


def six(*lines: str) -> str:
    """Return a file with one virtual router of IPv6."""
    return router(*lines).replace("192.0.2.1/24", "fe80::1")


def test_every_key_of_unicast_is_read() -> None:
    text = router(
        "unicast:",
        "  peers:",
        "    - 192.0.2.2",
        "    - {address: 192.0.2.3, min_ttl: 254, max_ttl: 254}",
        "    - name: r4.example.com",
        "  source: 192.0.2.9",
        "  ttl: 64",
        "  resolve_every: 5min",
    )
    assert read(text).virtual_routers[0].unicast == Unicast(
        (
            Peer(ip_address("192.0.2.2")),
            Peer(ip_address("192.0.2.3"), min_ttl=254, max_ttl=254),
            Peer(name="r4.example.com"),
        ),
        ip_address("192.0.2.9"),
        64,
        True,
        300_000_000_000,  # type: ignore[arg-type]
    )


def test_a_list_alone_is_the_list_of_peers_and_sources_are_checked_unless_told_not_to() -> None:
    short = read(router("unicast: [192.0.2.2]")).virtual_routers[0].unicast
    assert short == read(router("unicast: {peers: [192.0.2.2]}")).virtual_routers[0].unicast
    assert short is not None
    assert (short.check_source, short.ttl) == (True, 255)
    open_to_all = read(router("unicast: {peers: [192.0.2.2], check_source: false}")).virtual_routers[0]
    assert open_to_all.unicast is not None
    assert not open_to_all.unicast.check_source


def test_an_excluded_address_moves_as_well_and_is_neither_peer_nor_source() -> None:
    moving = "excluded_addresses: [192.0.2.7]"
    assert complaints(router(moving, "unicast: {peers: [192.0.2.7]}")) == [
        f'7:23: {GATEWAY}.unicast.peers[0]: expected the peer\'s own address, found "192.0.2.7": '
        "it is one of the virtual addresses, which moves"
    ]
    assert complaints(router(moving, "multicast: {source: 192.0.2.7}")) == [
        f'7:25: {GATEWAY}.multicast.source: expected an address of this host alone, found "192.0.2.7": '
        'it is a virtual address of "gateway", which moves'
    ]


def test_unchecked_sources_are_noted_and_taken() -> None:
    findings = examine_text(router("unicast: {peers: [192.0.2.2], check_source: false}"), "f")
    assert (findings.problems, [note.as_note() for note in findings.notes]) == (
        (),
        [
            "f:6:49: note: virtual_routers.gateway.unicast.check_source: sources are not checked: "
            "any host that can reach this one may be master, and take the addresses"
        ],
    )


def test_without_unicast_a_router_is_multicast() -> None:
    plain = read(router()).virtual_routers[0]
    assert (plain.unicast, plain.multicast) == (None, Multicast())
    chosen = read(router("multicast: {source: 192.0.2.9, group: 224.0.0.19}")).virtual_routers[0]
    assert chosen.multicast == Multicast(ip_address("192.0.2.9"), ip_address("224.0.0.19"))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        # No peers is an error, never multicast.
        ("unicast:", f"6:5: {{}}.unicast: {MISSING}"),
        ("unicast: {}", f"6:14: {{}}.unicast: {MISSING}"),
        ("unicast: {ttl: 64}", f"6:14: {{}}.unicast: {MISSING}"),
        ("unicast: {peers: []}", f"6:22: {{}}.unicast.peers: expected {EACH}, found 0 values"),
        ("unicast: []", f"6:14: {{}}.unicast: expected {EACH}, found 0 values"),
        (
            "unicast: {peers: 192.0.2.2}",
            f'6:22: {{}}.unicast.peers: expected {EACH}, found "192.0.2.2"; did you mean "[192.0.2.2]"?',
        ),
        (
            "unicast: {peers: [r2.example.com]}",
            f'6:23: {{}}.unicast.peers[0]: expected {ADDRESS}, found "r2.example.com"',
        ),
        (
            "unicast: {peers: [{name: 192.0.2.256}]}",
            '6:30: {}.unicast.peers[0].name: expected a host name such as "r2.example.com", '
            'found "192.0.2.256"',
        ),
        (
            "unicast: {peers: [192.0.2.2/24]}",
            f'6:23: {{}}.unicast.peers[0]: expected {ADDRESS}, found "192.0.2.2/24": '
            "no prefix length belongs here",
        ),
        (
            "unicast: {peers: [{}]}",
            '6:23: {}.unicast.peers[0]: expected either "address" or "name", found neither',
        ),
        (
            "unicast: {peers: [{address: 192.0.2.2, name: r2}]}",
            '6:23: {}.unicast.peers[0]: expected either "address" or "name", found both',
        ),
        (
            "unicast: {peers: [192.0.2.2, 192.0.2.2]}",
            "6:34: {}.unicast.peers[1]: 192.0.2.2 again: it stands in line 6, column 23",
        ),
        (
            "unicast: {peers: [{name: r2}, {name: R2}]}",
            '6:35: {}.unicast.peers[1]: "R2" again: it stands in line 6, column 23',
        ),
        (
            "unicast: {peers: [fe80::2]}",
            '6:23: {}.unicast.peers[0]: expected an IPv4 address, found "fe80::2": '
            'the addresses of "gateway" are IPv4',
        ),
        (
            "unicast: {peers: [192.0.2.1]}",
            '6:23: {}.unicast.peers[0]: expected the peer\'s own address, found "192.0.2.1": '
            "it is one of the virtual addresses, which moves",
        ),
        (
            "unicast: {peers: [192.0.2.2], source: 192.0.2.2}",
            '6:23: {}.unicast.peers[0]: expected another router, found "192.0.2.2": it is our own source',
        ),
        (
            "unicast: {peers: [192.0.2.2], source: 192.0.2.1}",
            '6:43: {}.unicast.source: expected an address of this host alone, found "192.0.2.1": '
            'it is a virtual address of "gateway", which moves',
        ),
        (
            "unicast: {peers: [192.0.2.2], source: fe80::1}",
            '6:43: {}.unicast.source: expected an IPv4 address, found "fe80::1": virtual router "gateway"',
        ),
        (
            "unicast: {peers: [192.0.2.2], ttl: 0}",
            '6:40: {}.unicast.ttl: expected a whole number from 1 to 255, found "0"',
        ),
        (
            "unicast: {peers: [192.0.2.2], resolve_every: 100ms}",
            '6:50: {}.unicast.resolve_every: expected a length of time from 1s to 86400s, found "100ms"',
        ),
        (
            "unicast: {peers: [{address: 192.0.2.2, min_ttl: 255, max_ttl: 254}]}",
            "6:67: {}.unicast.peers[0].max_ttl: expected at least the min_ttl, 255, found 254",
        ),
        (
            "unicast: {peers: [{address: 192.0.2.2, max_ttl: 256}]}",
            '6:53: {}.unicast.peers[0].max_ttl: expected a whole number from 0 to 255, found "256"',
        ),
        (
            "unicast: {peers: [{address: 192.0.2.2, min_ttl: 254}], check_source: false}",
            "6:53: {}.unicast.peers[0].min_ttl: expected no bounds, found 254: "
            "with check_source: false nobody looks which peer an advert comes from",
        ),
        ("unicast_peer: {}", '6:5: {}.unicast_peer: unknown key "unicast_peer"; did you mean "unicast"?'),
        (
            "unicast: {peers: [192.0.2.2], check_unicast_src: true}",
            '6:35: {}.unicast.check_unicast_src: unknown key "check_unicast_src"; '
            'did you mean "check_source"?',
        ),
        ("multicast: {group: 10.0.0.1}", f'6:24: {{}}.multicast.group: expected {GROUP}, found "10.0.0.1"'),
        ("multicast: {group: any}", f'6:24: {{}}.multicast.group: expected {GROUP}, found "any"'),
        (
            "multicast: {group: 'ff02::13'}",
            '6:24: {}.multicast.group: expected an IPv4 group, found "ff02::13": virtual router "gateway"',
        ),
        (
            "multicast: {source: 'fe80::1'}",
            '6:25: {}.multicast.source: expected an IPv4 address, found "fe80::1": virtual router "gateway"',
        ),
        (
            "mcast_src_ip: 192.0.2.9",
            '6:5: {}.mcast_src_ip: unknown key "mcast_src_ip"; did you mean "multicast"?',
        ),
    ],
)
def test_a_mistake_is_shown_where_it_stands(line: str, complaint: str) -> None:
    assert complaints(router(line)) == [complaint.format(GATEWAY)]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "unicast: {peers: ['2001:db8::2']}",
            '6:23: {}.unicast.peers[0]: expected a "source" beside these peers, found no "source": '
            "2001:db8::2 may be out of reach of a link-local address",
        ),
        (
            "unicast: {peers: [fe80::2, {name: r3}]}",
            '6:32: {}.unicast.peers[1]: expected a "source" beside these peers, found no "source": '
            "r3 may be out of reach of a link-local address",
        ),
        (
            "unicast: {peers: ['2001:db8::2'], source: 'fe80::5'}",
            '6:47: {}.unicast.source: expected an address that is not link-local, found "fe80::5": '
            "2001:db8::2 may be out of reach of a link-local address",
        ),
        (
            "multicast: {source: '2001:db8::9'}",
            '6:25: {}.multicast.source: expected a link-local address, found "2001:db8::9": '
            "IPv6 adverts to a group come from a link-local address",
        ),
        (
            "multicast: {group: 'ff05::13'}",
            '6:24: {}.multicast.group: expected a group of link-local scope such as "ff02::13", '
            'found "ff05::13"',
        ),
    ],
)
def test_ipv6_keeps_link_local_apart(line: str, complaint: str) -> None:
    assert complaints(six(line)) == [complaint.format(GATEWAY)]


@pytest.mark.parametrize(
    "line",
    [
        "unicast: [fe80::2]",
        "unicast: {peers: ['2001:db8::2', {name: r3}], source: '2001:db8::9'}",
        "multicast: {source: fe80::9, group: 'ff02::13'}",
    ],
)
def test_what_ipv6_may_have_is_taken(line: str) -> None:
    assert complaints(six(line)) == []


def test_a_router_is_either_unicast_or_multicast() -> None:
    text = router("unicast: [192.0.2.2]", "multicast: {group: 224.0.0.19}")
    assert complaints(text) == [
        f'7:16: {GATEWAY}.multicast: expected either "unicast" or "multicast", found both: '
        'virtual router "gateway"'
    ]


def test_peers_may_stand_in_the_defaults_and_their_mistakes_are_shown_there() -> None:
    text = "defaults: {unicast: {peers: [fe80::2], ttl: 64}}\n" + router("unicast: {ttl: 32}")
    assert complaints(text) == [
        '1:30: defaults.unicast.peers[0]: expected an IPv4 address, found "fe80::2": '
        'the addresses of "gateway" are IPv4'
    ]
    good = read(text.replace("fe80::2", "192.0.2.2")).virtual_routers[0].unicast
    assert good == Unicast((Peer(ip_address("192.0.2.2")),), ttl=32)


def two(first: str, second: str) -> str:
    """Return two virtual routers of one vrid, interface and family."""
    head = "interface: eth0, vrid: 7, addresses:"
    return f"virtual_routers:\n  a: {{{head} [192.0.2.1], {first}}}\n  b: {{{head} [192.0.2.2], {second}}}\n"


AGAIN = '3:30: virtual_routers.b.vrid: vrid 7 again on eth0 for IPv4: "a" has it'


@pytest.mark.parametrize(
    ("first", "second", "complaint"),
    [
        ("priority: 1", "unicast: [192.0.2.9]", []),
        ("priority: 1", "multicast: {group: 224.0.0.19}", []),
        ("priority: 1", "multicast: {group: 224.0.0.18}", [f"{AGAIN} in line 2"]),
        ("multicast: {source: 192.0.2.8}", "multicast: {source: 192.0.2.9}", [f"{AGAIN} in line 2"]),
        ("unicast: [192.0.2.8]", "unicast: [192.0.2.9]", [f"{AGAIN} in line 2"]),
        (
            "unicast: {peers: [192.0.2.8], source: 192.0.2.6}",
            "unicast: {peers: [192.0.2.9], source: 192.0.2.7}",
            [],
        ),
        (
            "unicast: {peers: [192.0.2.8], source: 192.0.2.6}",
            "unicast: [192.0.2.9]",
            [f"{AGAIN}; unicast routers of one vrid each need a source"],
        ),
    ],
)
def test_a_vrid_may_come_again_in_another_group_or_from_another_unicast_source(
    first: str, second: str, complaint: list[str]
) -> None:
    assert complaints(two(first, second)) == complaint


def configured(*lines: str) -> Configuration:
    return read(router(*lines))


def test_a_reload_changes_peers_in_place_and_says_which() -> None:
    old = configured("unicast: [192.0.2.2, {name: r3.example.com}]")
    new = configured("unicast: {peers: [192.0.2.2, {address: 192.0.2.4, min_ttl: 254}], ttl: 64}")
    assert plan(old, new).describe()["change"] == [
        {
            "name": "gateway",
            "changes": [
                "unicast.peers: 192.0.2.4 with TTL 254 to 255 added, r3.example.com removed",
                "unicast.ttl: 255 -> 64",
            ],
        }
    ]


def test_another_source_of_multicast_is_a_change_in_place() -> None:
    changes = plan(configured(), configured("multicast: {source: 192.0.2.9}")).describe()
    assert (changes["drop"], changes["add"]) == ([], [])
    assert changes["change"][0]["changes"] == ["multicast.source: none -> 192.0.2.9"]


@pytest.mark.parametrize("line", ["unicast: [192.0.2.2]", "multicast: {group: 224.0.0.19}"])
def test_unicast_instead_of_multicast_and_another_group_are_another_virtual_router(line: str) -> None:
    changes = plan(configured(), configured(line)).describe()
    assert (changes["drop"], changes["add"], changes["change"]) == (["gateway"], ["gateway"], [])


def test_the_segment_names_what_tells_routers_of_one_vrid_apart() -> None:
    def segment(*lines: str) -> str:
        return configured(*lines).virtual_routers[0].segment

    assert segment() == segment("multicast: {group: 224.0.0.18, source: 192.0.2.9}") == ""
    assert segment("multicast: {group: 224.0.0.19}") == "224.0.0.19"
    assert segment("unicast: [192.0.2.2]") == segment("unicast: [192.0.2.3]") == "unicast"
    assert segment("unicast: {peers: [192.0.2.2], source: 192.0.2.9}") == "unicast 192.0.2.9"


def test_an_unknown_name_is_not_yet_an_address() -> None:
    peer = Peer(name="r2.example.com")
    assert (str(peer), peer.in_force) == ("r2.example.com", "r2.example.com (no address known)")
    assert replace(peer, address=ip_address("192.0.2.2")).in_force == "r2.example.com (192.0.2.2)"
