"""Sync groups in the configuration: who may belong to one, what its members track, what a reload says."""

from __future__ import annotations

import pytest

from havip.config.plan import plan
from havip.config.tracking import Tracking
from havip.config.yamlfile import examine_text
from tests.config.reading import complaints, read

ROUTERS = """\
virtual_routers:
  out: {interface: eth0, vrid: 1, addresses: [192.0.2.1/24]}
  in: {interface: eth1, vrid: 2, addresses: [198.51.100.1/24]}
  dmz: {interface: eth2, vrid: 3, addresses: [203.0.113.1/24]}
"""


def groups(*lines: str) -> str:
    """Return a file whose ``lines`` about groups begin in line 6."""
    return ROUTERS + "sync_groups:\n" + "".join(f"  {line}\n" for line in lines)


def notes(text: str) -> list[str]:
    return [str(note) for note in examine_text(text, "x.yaml").notes]


def test_a_group_is_a_name_and_its_members() -> None:
    (group,) = read(groups("fw: {members: [out, in]}")).sync_groups
    assert (group.name, group.members, group.track) == ("fw", ("out", "in"), Tracking())


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (
            ["fw: {members: [out, inn]}"],
            '6:23: sync_groups.fw.members[1]: expected the name of a virtual router, found "inn": '
            'none below "virtual_routers"; did you mean "in"?',
        ),
        (
            ["fw: {members: [out, in]}", "b: {members: [in, dmz]}"],
            '7:17: sync_groups.b.members[0]: "in" again: '
            '"fw" has it in line 6: a virtual router moves with one group, once',
        ),
        (
            ["fw: {members: [out, out]}"],
            '6:23: sync_groups.fw.members[1]: "out" again: '
            "it stands in line 6: a virtual router moves with one group, once",
        ),
        (
            ["fw: {track: {}}"],
            '6:3: sync_groups.fw: missing key "members": '
            "the names of the virtual routers that are MASTER together, or not at all",
        ),
        (
            ["fw: {members: [out, in], track: {scripts: [web]}}"],
            '6:46: sync_groups.fw.track.scripts[0]: expected the name of a script, found "web": '
            'none below "scripts"',
        ),
        (
            ["fw: {members: [out, in], track: {own_interface: false}}"],
            '6:36: sync_groups.fw.track.own_interface: unknown key "own_interface"; '
            'did you mean "interfaces"?',
        ),
        (
            ["fw: {members: [out, in], track: {routers: [in]}}"],
            "6:46: sync_groups.fw.track.routers[0]: virtual routers that track each other in a circle: "
            "in -> in: no state of theirs would follow from anything else",
        ),
    ],
)
def test_what_is_wrong_with_a_group_is_said_where_it_stands(lines: list[str], complaint: str) -> None:
    assert complaints(groups(*lines)) == [complaint]


def test_keepalived_names_are_recognised() -> None:
    text = ROUTERS + "vrrp_sync_group:\n  fw: {members: [out, in]}\n"
    assert 'did you mean "sync_groups"' in complaints(text)[0]
    assert 'did you mean "members"' in complaints(groups("fw: {group: [out, in]}"))[0]


def test_a_group_of_one_is_noted() -> None:
    assert notes(groups("fw: {members: [out]}")) == [
        "x.yaml:6:18: sync_groups.fw.members[0]: the only member: nothing moves together with it"
    ]


def test_an_owner_among_others_is_noted() -> None:
    text = groups("fw: {members: [in, out]}").replace("vrid: 1,", "vrid: 1, priority: 255,")
    assert notes(text) == [
        "x.yaml:6:22: sync_groups.fw.members[1]: an owner of its addresses (priority 255) among others: "
        'it is MASTER at the start only if all members of "fw" have priority 255'
    ]


# --- what members track -----------------------------------------------------------------------------

TRACKING = """\
virtual_routers:
  out:
    interface: eth0
    vrid: 1
    addresses: [192.0.2.1/24]
    track: {scripts: [{script: a, weight: -60}, b, {script: c, weight: 5}]}
  in:
    interface: eth1
    vrid: 2
    addresses: [198.51.100.1/24]
    track: {scripts: [{script: c, weight: 7}], routers: [{router: dmz, weight: 9}]}
  dmz: {interface: eth2, vrid: 3, addresses: [203.0.113.1/24]}
scripts:
  a: {command: /bin/true}
  b: {command: /bin/true}
  c: {command: /bin/true}
  d: {command: /bin/true, weight: 3}
sync_groups:
  fw: {members: [out, in], track: {scripts: [d, {script: a, weight: -70}]}}
"""


def test_weights_count_for_every_member_and_those_of_the_group_come_first() -> None:
    by_name = {router.name: router.track for router in read(TRACKING).virtual_routers}
    scripts = {name: {one.script: one.weight for one in track.scripts} for name, track in by_name.items()}
    # b has no weight: it takes "out" into FAULT, and the group follows.  Of c each has a weight of its own.
    assert scripts == {"out": {"a": -70, "b": 0, "c": 5, "d": 3}, "in": {"a": -70, "c": 7, "d": 3}, "dmz": {}}
    assert [[one.router for one in by_name[name].routers] for name in ("out", "in", "dmz")] == [
        ["dmz"],
        ["dmz"],
        [],
    ]


def test_without_a_group_everybody_tracks_for_itself() -> None:
    text = TRACKING.partition("sync_groups:")[0]
    by_name = {router.name: router.track for router in read(text).virtual_routers}
    assert [one.script for one in by_name["in"].scripts] == ["c"]


# --- reload -----------------------------------------------------------------------------------------


def test_a_reload_names_what_changes_in_a_group_and_leaves_the_routers_alone() -> None:
    old = read(groups("fw: {members: [out, in]}"))
    new = read(groups("fw: {members: [out, in, dmz]}"))
    changes = plan(old, new)
    assert [router.name for router in changes.keep] == ["out", "in", "dmz"]
    assert changes.settings == ("sync_groups.fw.members: dmz added",)
    assert plan(old, read(ROUTERS)).settings == ("sync_groups.fw: removed",)
    assert plan(read(ROUTERS), old).settings == ("sync_groups.fw: added",)
