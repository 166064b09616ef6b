"""The rules of a plan, each by its name: `judge` carries one out, and raises by the first that is broken."""

from __future__ import annotations

from collections.abc import Collection
from os import strerror

from havip.config.balancing import Foreign
from havip.ipvs import plan as planning
from havip.ipvs.model import Change, DestinationKey, Pool, ServiceKey, Table
from tests.ipvs.kernel_model import KernelModel

Live = dict[ServiceKey, set[DestinationKey]]


class Broken(AssertionError):
    """A plan broke a rule."""

    def __init__(self, rule: str, what: object) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule = rule


def judge(
    wanted: Table,
    present: Table,
    ours: Collection[ServiceKey] = (),
    foreign: Foreign = Foreign.LEAVE,
    others: Collection[ServiceKey] = (),
) -> list[Change]:
    """Carry out the plan on the model of the kernel, every step judged.  Returns the plan."""
    kernel = KernelModel(present)
    changes = planning.plan(wanted, present, ours, foreign, others)
    to_stay = both_live(wanted, present)
    served = {key for key in wanted if live(wanted.get(key)) and live(present.get(key))}
    for change in changes:
        number = kernel.carry_out(change)
        if number:
            raise Broken("no step is refused", f"{change}: {strerror(number)}")
        for key, servers in to_stay.items():
            if not servers <= live(kernel.table.get(key)):
                raise Broken("a live server that stays is never absent", change)
        for key in served:
            if not live(kernel.table.get(key)):
                raise Broken("a service is never without a live server", change)
        if any(key not in kernel.table for key in wanted if key in present):
            raise Broken("a service that stays is never absent", change)
    expected = dict(wanted)
    for key, pool in present.items():
        left = key not in ours and (foreign == Foreign.LEAVE or key in others)
        if key not in wanted and left:
            expected[key] = pool
    for key in present.keys() - wanted.keys():
        if kernel.table.get(key) != expected.get(key):
            raise Broken("what is not ours is left alone, and nothing else", key)
    if kernel.table != expected:
        raise Broken("the kernel holds what is wanted", kernel.table)
    if planning.plan(wanted, kernel.table, ours, foreign, others):
        raise Broken("a second plan is empty", planning.plan(wanted, kernel.table, ours, foreign, others))
    if len(changes) != distance(expected, present):
        raise Broken("one message for one difference", changes)
    return changes


def live(pool: Pool | None) -> set[DestinationKey]:
    """Return the servers of a service that get new connections."""
    return set() if pool is None else {name for name, one in pool.destinations.items() if one.weight > 0}


def both_live(wanted: Table, present: Table) -> Live:
    """Return which servers get new connections before and after."""
    return {key: live(wanted[key]) & live(present[key]) for key in wanted.keys() & present.keys()}


def distance(wanted: Table, present: Table) -> int:
    """Return by how many services and servers two tables differ: a service that goes takes its own along."""
    number = 0
    for key in wanted.keys() | present.keys():
        new, old = wanted.get(key), present.get(key)
        if new is None:
            number += 1
        elif old is None:
            number += 1 + len(new.destinations)
        else:
            number += new.service != old.service
            names = new.destinations.keys() | old.destinations.keys()
            number += sum(new.destinations.get(name) != old.destinations.get(name) for name in names)
    return number
