"""The frame of the mapping: what is decided, what is refused, and where it is said to stand."""

from __future__ import annotations

import pytest

from tests.config.keepalived.mapping import ROUTER, complaints, decisions, loaded


def test_a_small_file_is_a_configuration() -> None:
    (router,) = loaded(ROUTER + "}\n").virtual_routers
    assert (router.name, router.interface, router.vrid, router.version) == ("VI_1", "eth0", 51, 2)
    assert [str(address) for address in router.addresses] == ["192.0.2.1/24"]


def test_keepalived_defaults_are_named_with_the_key() -> None:
    assert (
        "1:15: default: VI_1 -> defaults.version: VRRPv2 for IPv4 unless vrrp_version says otherwise"
        in decisions(ROUTER + "}\n")
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("priorty 100", '5:2: unknown directive "priorty" in vrrp_instance; did you mean "priority"?'),
        ("priority 300", '5:11: expected a whole number from 1 to 255, found "300"'),
        ("priority", '5:2: expected a whole number from 1 to 255, found "priority" without a value'),
        ("priority 100 200", '5:15: "200" behind "100"'),
        ("advert_int 1 {\n }", '5:2: expected none, found "advert_int" with a block'),
        ("authentication PASS", '5:2: expected "{", found "authentication" without a block'),
        (
            "track_bfd { b }",
            '5:2: "track_bfd" has no counterpart in havip: havip has no BFD, so nothing would be tracked',
        ),
    ],
)  # fmt: skip
def test_what_keepalived_would_pass_over_is_an_error_unless_compatible(line: str, complaint: str) -> None:
    text = f"{ROUTER} {line}\n}}\n"
    assert complaints(text) == [complaint]
    if "a block" not in complaint:
        assert complaints(text, compat=True) == []
        assert any(": ignored: " in said or ": unknown: " in said for said in decisions(text, compat=True))


def test_what_havip_itself_refuses_is_said_at_its_place_in_the_keepalived_conf() -> None:
    assert complaints(f"{ROUTER} unicast_peer {{\n  192.0.2.1\n }}\n}}\n") == [
        "6:3: virtual_routers.VI_1.unicast.peers[0].address: expected the peer's own address, "
        'found "192.0.2.1": it is one of the virtual addresses, which moves'
    ]


def test_what_came_out_of_a_definition_says_so() -> None:
    text = f"$PRIO=300\n{ROUTER} priority $PRIO\n}}\n"
    assert complaints(text) == [
        '6:11: expected a whole number from 1 to 255, found "300": it came out of $PRIO, defined in line 1'
    ]


def test_a_directive_that_is_given_twice_counts_as_the_last_says() -> None:
    text = f"{ROUTER} priority 100\n priority 120\n}}\n"
    assert loaded(text).virtual_routers[0].priority == 120
    assert (
        "6:2: differs: priority -> virtual_routers.VI_1.priority: given before as well: the last one counts"
        in (decisions(text))
    )
