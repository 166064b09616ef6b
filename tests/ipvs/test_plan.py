"""The plan makes the kernel's tables what is wanted, and nothing that is right is touched on the way."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given

from havip.config.balancing import Foreign
from havip.ipvs.model import (
    AddDestination,
    AddService,
    Destination,
    DropDestination,
    DropService,
    EditDestination,
    EditService,
    Forward,
    Pool,
    Refusal,
    Service,
    ServiceKey,
    Sync,
    SyncRole,
    Table,
    Timeouts,
)
from havip.ipvs.plan import SyncPlan, plan, plan_service, plan_sync, plan_timeouts, service_of, settle
from tests.ipvs.judge import judge
from tests.ipvs.kernel_model import KernelModel
from tests.ipvs.tables import KEYS, SERVERS, Scene, pairs, scenes, tables

WEB, DNS, MARK = KEYS[0], KEYS[1], KEYS[5]
A, B, C = SERVERS[0], SERVERS[2], SERVERS[3]


def pool(key: ServiceKey = WEB, *servers: Destination, **settings: object) -> Pool:
    return Pool(Service(key, **settings), {one.key: one for one in servers})  # type: ignore[arg-type]


@given(scenes())
def test_any_table_becomes_any_other_and_no_rule_is_broken_on_the_way(scene: Scene) -> None:
    judge(*scene)


@given(pairs())
def test_what_we_know_of_the_kernel_is_what_it_holds(both: tuple[Table, Table]) -> None:
    wanted, present = both
    kernel = KernelModel(present)
    known: Table = {key: Pool(one.service, dict(one.destinations)) for key, one in present.items()}
    changes = plan(wanted, present, KEYS)
    settle(known, changes, kernel.carry_out_all(changes))
    assert known == kernel.table == wanted


@given(tables(), tables())
def test_a_refused_change_is_not_believed_and_is_planned_again(wanted: Table, present: Table) -> None:
    kernel = KernelModel(present, schedulers=("rr", "wlc"))
    known: Table = {key: Pool(one.service, dict(one.destinations)) for key, one in present.items()}
    changes = plan(wanted, known, KEYS)
    refused = kernel.carry_out_all(changes)
    settle(known, changes, refused)
    assert known == kernel.table
    lacking = [refusal.change for refusal in refused]
    again = plan(wanted, known, KEYS)
    assert sorted(again, key=repr) == sorted(lacking, key=repr)


@given(tables())
def test_the_plan_for_nothing_is_empty(table: Table) -> None:
    assert plan(table, table, KEYS, Foreign.REMOVE) == []


def test_a_new_service_comes_with_its_servers_at_once() -> None:
    a, b = Destination(A), Destination(B)
    assert judge({WEB: pool(WEB, a, b), DNS: pool(DNS)}, {}) == [
        AddService(Service(WEB)),
        AddDestination(WEB, a),
        AddDestination(WEB, b),
        AddService(Service(DNS)),
    ]


def test_one_changed_weight_among_five_thousand_servers_is_one_message() -> None:
    def table(weight: int) -> Table:
        found: Table = {}
        for number in range(100):
            key = replace(WEB, port=1000 + number)
            servers = [replace(A, address=A.address + one) for one in range(50)]
            found[key] = pool(key, *(Destination(one) for one in servers))
        last = Destination(replace(A, address=A.address + 49), weight)
        found[replace(WEB, port=1099)].destinations[last.key] = last
        return found

    expected = Destination(replace(A, address=ip_address("10.0.0.50")), 7)
    assert plan(table(7), table(1), ()) == [EditDestination(replace(WEB, port=1099), expected)]


def test_a_server_is_added_before_the_one_in_whose_place_it_comes_is_removed() -> None:
    assert judge({WEB: pool(WEB, Destination(B))}, {WEB: pool(WEB, Destination(A))}) == [
        AddDestination(WEB, Destination(B)),
        DropDestination(WEB, A),
    ]


def test_the_sorry_server_stands_in_before_the_last_server_is_set_aside() -> None:
    before = pool(WEB, Destination(A, 1), Destination(C, 0))
    after = pool(WEB, Destination(A, 0), Destination(C, 1))
    assert judge({WEB: after}, {WEB: before}) == [
        EditDestination(WEB, Destination(C, 1)),
        EditDestination(WEB, Destination(A, 0)),
    ]


def test_a_server_whose_method_changes_is_edited_and_never_away() -> None:
    direct = Destination(A, 1, Forward.ROUTE)
    assert judge({WEB: pool(WEB, direct)}, {WEB: pool(WEB, Destination(A))}) == [EditDestination(WEB, direct)]


def test_a_service_whose_scheduler_changes_is_edited_and_keeps_its_servers() -> None:
    after = pool(WEB, Destination(A), scheduler="mh")
    assert judge({WEB: after}, {WEB: pool(WEB, Destination(A))}) == [EditService(Service(WEB, "mh"))]


def test_a_service_that_somebody_else_has_made_is_taken_over_where_we_want_it() -> None:
    before = pool(WEB, Destination(A), Destination(B), scheduler="rr")
    assert judge({WEB: pool(WEB, Destination(A))}, {WEB: before}) == [
        EditService(Service(WEB)),
        DropDestination(WEB, B),
    ]


def test_of_what_nobody_wants_ours_is_removed_and_foreign_things_only_if_so_told() -> None:
    present = {WEB: pool(WEB), DNS: pool(DNS, Destination(A)), MARK: pool(MARK)}
    assert judge({}, present, {WEB}) == [DropService(WEB)]
    assert judge({}, present, {WEB}, Foreign.REMOVE) == [
        DropService(WEB),
        DropService(DNS),
        DropService(MARK),
    ]
    assert judge({}, present, {WEB}, Foreign.REMOVE, {DNS}) == [DropService(WEB), DropService(MARK)]


def test_services_go_last() -> None:
    assert judge({WEB: pool(WEB)}, {DNS: pool(DNS)}, {DNS}) == [AddService(Service(WEB)), DropService(DNS)]


def test_the_plan_for_one_service_is_the_same() -> None:
    before, after = pool(WEB, Destination(A)), pool(WEB, Destination(A, 5))
    assert plan_service(after, before) == [EditDestination(WEB, Destination(A, 5))]
    assert plan_service(None, before) == [DropService(WEB)]
    assert plan_service(before, before) == plan_service(None, None) == []


def test_what_the_kernel_took_though_we_did_not_know_why_waits_for_the_next_look() -> None:
    known: Table = {}
    add = AddService(Service(WEB))
    settle(
        known, [add, AddDestination(WEB, Destination(A))], [Refusal(add, 17)]
    )  # EEXIST: somebody was first
    assert known == {}


def test_every_change_knows_its_service() -> None:
    changes = (
        AddService(Service(WEB)),
        EditService(Service(WEB)),
        DropService(WEB),
        AddDestination(WEB, Destination(A)),
        EditDestination(WEB, Destination(A)),
        DropDestination(WEB, A),
    )
    assert {service_of(change) for change in changes} == {WEB}


MASTER, BACKUP = Sync(SyncRole.MASTER, "eth1", 51), Sync(SyncRole.BACKUP, "eth1", 51)


def running(sync: Sync) -> Sync:
    """As the kernel tells of it."""
    return replace(sync, max_length=1472, group=ip_address("224.0.0.81"), port=8848, ttl=1)


def test_a_sync_daemon_that_runs_as_it_should_goes_on() -> None:
    assert plan_sync([MASTER], [running(MASTER)]) == SyncPlan()
    assert plan_sync([], []) == SyncPlan()


def test_a_sync_daemon_changes_its_role_by_another_one() -> None:
    assert plan_sync([MASTER], [running(BACKUP)]) == SyncPlan((SyncRole.BACKUP,), (MASTER,))
    assert plan_sync([MASTER, BACKUP], [running(BACKUP)]) == SyncPlan((), (MASTER,))


def test_a_sync_daemon_with_other_settings_is_stopped_and_started() -> None:
    for other in (
        replace(MASTER, interface="eth2"),
        replace(MASTER, sync_id=52),
        replace(MASTER, group=ip_address("224.0.0.82")),
        replace(MASTER, port=8849),
        replace(MASTER, ttl=2),
        replace(MASTER, max_length=1400),
    ):
        assert plan_sync([other], [running(MASTER)]) == SyncPlan((SyncRole.MASTER,), (other,))


def test_a_length_that_is_the_kernels_choice_again_is_asked_for() -> None:
    shorter = replace(MASTER, max_length=1400)
    there = replace(running(MASTER), max_length=1400)
    assert plan_sync([shorter], [there], [shorter]) == SyncPlan()
    assert plan_sync([MASTER], [there], [shorter]) == SyncPlan((SyncRole.MASTER,), (MASTER,))


def test_where_no_sync_daemon_is_wanted_ours_stops_and_a_foreign_one_if_so_told() -> None:
    assert plan_sync([], [running(MASTER)], [MASTER]) == SyncPlan((SyncRole.MASTER,))
    assert plan_sync([], [running(MASTER)]) == SyncPlan()
    assert plan_sync([], [running(MASTER)], foreign=Foreign.REMOVE) == SyncPlan((SyncRole.MASTER,))


def test_timeouts_are_set_where_they_differ_and_somebody_wants_them() -> None:
    present = Timeouts(900, 120, 300)
    assert plan_timeouts(Timeouts(), present) is None
    assert plan_timeouts(Timeouts(900, 0, 300), present) is None
    assert plan_timeouts(Timeouts(600, 0, 300), present) == Timeouts(600, 0, 0)
