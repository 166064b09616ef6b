"""The tests of the plan would notice: one thing is broken on purpose, and the rule that guards it says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import pytest
from hypothesis import given, settings

from havip.config.balancing import Foreign
from havip.ipvs import plan as planning
from havip.ipvs.model import (
    AddDestination,
    AddService,
    Change,
    DropDestination,
    DropService,
    EditDestination,
    EditService,
    Pool,
    ServiceKey,
    Table,
)
from tests.ipvs.judge import Broken, judge
from tests.ipvs.tables import Scene, scenes

Plan = list[Change]
Mutant = Callable[[pytest.MonkeyPatch], None]

REFUSED = "no step is refused"
STAYS = "a live server that stays is never absent"
NEVER_NONE = "a service is never without a live server"
SERVICE_STAYS = "a service that stays is never absent"
OURS_ALONE = "what is not ours is left alone, and nothing else"
WANTED = "the kernel holds what is wanted"
AGAIN = "a second plan is empty"
ONE_FOR_ONE = "one message for one difference"


def afterwards(change: Callable[[Plan], Plan]) -> Mutant:
    """Return a mutant that changes every plan for one service."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        real = planning.plan_service
        monkeypatch.setattr(planning, "plan_service", lambda wanted, present: change(real(wanted, present)))

    return patch


def each(change: Callable[[Change], Iterable[Change]]) -> Mutant:
    """Return a mutant that has other changes in the place of each."""
    return afterwards(lambda plan: [new for old in plan for new in change(old)])


def edited(old: Change, instead: Callable[[EditDestination], Plan]) -> Plan:
    return instead(old) if isinstance(old, EditDestination) else [old]


def added_anew(old: Change) -> Plan:
    return edited(
        old,
        lambda edit: [
            DropDestination(edit.service, edit.destination.key),
            AddDestination(edit.service, edit.destination),
        ],
    )


def flushing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every service anew that is not as it is wanted."""
    real = planning.plan_service

    def plan_service(wanted: Pool | None, present: Pool | None) -> Plan:
        if wanted is None or present is None or wanted == present:
            return real(wanted, present)
        return [DropService(wanted.service.key), *real(wanted, None)]

    monkeypatch.setattr(planning, "plan_service", plan_service)


def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set every server, whether it is right or not."""
    real = planning.plan_service

    def plan_service(wanted: Pool | None, present: Pool | None) -> Plan:
        if wanted is None or present is None:
            return real(wanted, present)
        same = [one for name, one in wanted.destinations.items() if present.destinations.get(name) == one]
        edits: Plan = [EditDestination(wanted.service.key, one) for one in same]
        return [*edits, *real(wanted, present)]

    monkeypatch.setattr(planning, "plan_service", plan_service)


def weights_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at nothing of a server but its weight."""
    real = planning.plan_destinations

    def plan_destinations(key: ServiceKey, wanted: Pool, present: Pool) -> Plan:
        def right(change: Change) -> bool:
            if not isinstance(change, EditDestination):
                return False
            return present.destinations[change.destination.key].weight == change.destination.weight

        return [change for change in real(key, wanted, present) if not right(change)]

    monkeypatch.setattr(planning, "plan_destinations", plan_destinations)


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the servers of a service before the service itself."""
    real = planning.plan

    def plan(wanted: Table, present: Table, *more: object) -> Plan:
        return [
            new
            for old in real(wanted, present, *more)  # type: ignore[arg-type]
            for new in (
                [*(DropDestination(old.key, name) for name in present[old.key].destinations), old]
                if isinstance(old, DropService)
                else [old]
            )
        ]

    monkeypatch.setattr(planning, "plan", plan)


def with_other(**instead: object) -> Mutant:
    """Return a mutant that does not hear what is ours, and whose the rest is."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        real = planning.plan

        def plan(wanted: Table, present: Table, ours: object, foreign: Foreign, others: object) -> Plan:
            heard = {"ours": ours, "foreign": foreign, "others": others} | instead
            return real(wanted, present, **heard)  # type: ignore[arg-type]

        monkeypatch.setattr(planning, "plan", plan)

    return patch


def first(chosen: Callable[[Change], bool]) -> Mutant:
    """Return a mutant that brings some of the changes forward."""
    return afterwards(lambda plan: sorted(plan, key=lambda change: not chosen(change)))


def sets_aside(change: Change) -> bool:
    return isinstance(change, EditDestination) and change.destination.weight == 0


def removes(change: Change) -> bool:
    return isinstance(change, DropDestination)


def without(kind: type) -> Mutant:
    """Return a mutant that leaves out all changes of one kind."""
    return each(lambda old: [] if isinstance(old, kind) else [old])


def added_twice(old: Change) -> Plan:
    return edited(old, lambda edit: [AddDestination(edit.service, edit.destination)])


MUTANTS: list[tuple[str, Mutant, str]] = [
    ("backwards", afterwards(lambda plan: plan[::-1]), NEVER_NONE),
    ("backwards", afterwards(lambda plan: plan[::-1]), REFUSED),
    ("removes first", first(removes), NEVER_NONE),
    ("lowers first", first(sets_aside), NEVER_NONE),
    ("adds anew", each(added_anew), STAYS),
    ("adds what is there", each(added_twice), REFUSED),
    ("flushes", flushing, SERVICE_STAYS),
    ("flushes", flushing, STAYS),
    ("forgets a new service", without(AddService), REFUSED),
    ("forgets the settings", without(EditService), WANTED),
    ("forgets to remove", without(DropDestination), WANTED),
    ("weights alone", weights_alone, WANTED),
    ("restless", restless, AGAIN),
    ("says it twice", each(lambda old: edited(old, lambda edit: [edit, edit])), ONE_FOR_ONE),
    ("one by one", one_by_one, ONE_FOR_ONE),
    ("sweeps all", with_other(foreign=Foreign.REMOVE), OURS_ALONE),
    ("leaves all", with_other(foreign=Foreign.LEAVE), OURS_ALONE),
    ("knows no other daemon", with_other(others=()), OURS_ALONE),
    ("knows nothing its own", with_other(ours=()), OURS_ALONE),
]


@cache
def many() -> list[Scene]:
    """Return many scenes: the same ones every time."""
    found: list[Scene] = []

    @settings(max_examples=400, database=None, derandomize=True, deadline=None)
    @given(scenes())
    def collect(scene: Scene) -> None:
        found.append(scene)

    collect()
    return found


def rules_broken() -> set[str]:
    """Return which rules are broken by some of many plans."""
    broken: set[str] = set()
    for scene in many():
        try:
            judge(*scene)
        except Broken as error:
            broken.add(error.rule)
    return broken


@pytest.mark.parametrize(
    ("name", "mutant", "rule"), MUTANTS, ids=[f"{name}: {rule}" for name, _, rule in MUTANTS]
)
def test_a_mutant_falls_by_the_rule_that_it_breaks(
    name: str, mutant: Mutant, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    assert rule in rules_broken()


def test_every_rule_has_a_mutant_that_falls_by_it_and_the_real_plan_breaks_none() -> None:
    assert {rule for _, _, rule in MUTANTS} == {
        REFUSED, STAYS, NEVER_NONE, SERVICE_STAYS, OURS_ALONE, WANTED, AGAIN, ONE_FOR_ONE
    }  # fmt: skip
    assert rules_broken() == set()
