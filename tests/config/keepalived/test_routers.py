"""Virtual routers of keepalived.conf beside the YAML that means the same."""

from __future__ import annotations

import pytest

from havip.config.model import VirtualRouter
from tests.config.keepalived.mapping import ROUTER, complaints, decisions, loaded, pairs, router
from tests.config.reading import read

SAME = pairs("routers.txt")


def of_yaml(keys: str) -> VirtualRouter:
    """Return the virtual router that keys of havip make."""
    lines = ["interface: eth0", "vrid: 51", "addresses: [192.0.2.1/24]", *keys.split("\n")]
    if "version" not in keys:
        lines.append("version: 2")
    text = "virtual_routers:\n  VI_1:\n" + "".join(f"    {line}\n" for line in lines if line)
    return read(text).virtual_routers[0]


@pytest.mark.parametrize(
    ("lines", "keys"), SAME, ids=[lines.split("\n")[0] or "nothing" for lines, _ in SAME]
)
def test_a_virtual_router_means_the_same(lines: str, keys: str) -> None:
    assert router(*lines.split("\n"), compat=True) == of_yaml(keys)


def test_ipv6_is_spoken_in_version_3_and_unicast_leaves_with_a_hop_limit_of_64() -> None:
    text = "vrrp_instance V6 {\n interface eth0\n virtual_router_id 6\n unicast_src_ip fe80::9\n"
    text += " unicast_peer { fe80::7 }\n virtual_ipaddress {\n  fe80::1/64\n  2001:db8::1/64\n }\n}\n"
    (found,) = loaded(text).virtual_routers
    assert found.version == 3
    assert found.unicast is not None
    assert found.unicast.ttl == 64


def test_an_interval_is_rounded_to_what_its_version_has() -> None:
    assert router("advert_int 0.3") == of_yaml("interval: 1s")
    assert router("advert_int 2.5") == of_yaml("interval: 3s")
    assert router("version 3", "advert_int 0.1234") == of_yaml("version: 3\ninterval: 120ms")
    assert any(
        "VRRPv2 has whole seconds: 2.5s is rounded to 3s" in one for one in decisions_of("advert_int 2.5")
    )


def decisions_of(*lines: str) -> list[str]:
    """Return what was decided of the lines of a virtual router."""
    body = "".join(f" {line}\n" for line in lines)
    head = (
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress { 192.0.2.1/24 }\n"
    )
    return decisions(f"{head}{body}}}\n", compat=True)


@pytest.mark.parametrize(("lines", "said"), pairs("told.txt"))
def test_what_keepalived_changes_is_told(lines: str, said: str) -> None:
    found = decisions_of(lines)
    assert any(said in one for one in found), "\n".join(found)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("vrrp_instance A {\n interface eth0\n virtual_ipaddress { 192.0.2.1 }\n}\n", "virtual_router_id"),
        ("vrrp_instance A {\n virtual_router_id 9\n virtual_ipaddress { 192.0.2.1 }\n}\n", "interface"),
        ("vrrp_instance A {\n interface eth0\n virtual_router_id 9\n}\n", "virtual_ipaddress"),
    ],
)
def test_a_virtual_router_that_lacks_something_is_left_out_or_refused(text: str, what: str) -> None:
    other = "vrrp_instance B {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress { 192.0.2.2 }\n}\n"
    assert [one.name for one in loaded(text + other, compat=True).virtual_routers] == ["B"]
    assert complaints(text + other) == [
        f'1:15: the vrrp_instance "A" without {what}: the virtual router is left out'
    ]


@pytest.mark.parametrize("compat", [False, True])
def test_what_would_keep_peers_from_hearing_each_other_is_refused_in_any_case(compat: bool) -> None:
    text = f"{ROUTER} authentication {{\n  auth_type AH\n  auth_pass x\n }}\n}}\n"
    (complaint,) = complaints(text, compat=compat)
    assert complaint.startswith('6:13: "AH" has no counterpart in havip: it was taken out of VRRP')


def test_a_name_counts_once() -> None:
    one = "vrrp_instance A {\n interface eth0\n virtual_router_id %d\n virtual_ipaddress { 192.0.2.%d }\n}\n"
    assert complaints(one % (1, 1) + one % (2, 2)) == [
        '6:15: a vrrp_instance "A" again: the first one counts'
    ]
    assert [found.vrid for found in loaded(one % (1, 1) + one % (2, 2), compat=True).virtual_routers] == [1]


def test_a_strict_router_is_what_keepalived_makes_of_it() -> None:
    found = router(
        "strict_mode",
        "preempt_delay 9",
        "down_timer_adverts 5",
        "authentication {",
        "auth_type PASS",
        "auth_pass x",
        "}",
        compat=True,
    )
    assert found == of_yaml(
        "strict: true\naccept: false\nanswer_lower_priority: false\nannounce: {lower_priority_repeat: 0}"
    )


def test_a_password_and_keys_are_shown_nowhere() -> None:
    text = (
        "vrrp_instance A {\n interface eth0\n authentication {\n  auth_type PASS\n  auth_pass s3cretpw\n }\n"
    )
    text += " auth_hmac {\n  key 1 s3cretpws3cretpws3cretpw\n  key 300 s3cretpws3cretpw\n }\n}\n"
    for compat in (False, True):
        assert "s3cretpw" not in "".join(complaints(text, compat=compat) + decisions(text, compat=compat))
