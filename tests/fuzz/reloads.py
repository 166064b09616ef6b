"""What must hold for any two files that load: their plan, its way to the worker, and the worker after it.

`Life` is a worker without its process, which obeys messages as `havip.vrrp.worker` does, and takes a reload
as the supervisor gives it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from havip.config.devices import keep_names
from havip.config.model import Configuration, Family, VirtualRouter
from havip.config.plan import Plan, plan
from havip.messages import (
    Delay,
    DropGroup,
    Message,
    PutFile,
    PutGroup,
    PutProcess,
    PutRouter,
    PutScript,
    PutStatic,
    Setup,
    TrackResult,
    decode,
    encode,
)
from havip.vrrp import outlet
from havip.vrrp.holdings import NO_INTERFACE
from havip.vrrp.interface import InterfaceView
from havip.vrrp.kernel import Changes
from havip.vrrp.router import Router
from havip.vrrp.statics import Statics
from tests.fuzz.configurations import INTERFACES, reveals_nothing
from tests.vrrp.model import MAC, OURS, ModelKernel, ModelSender
from tests.vrrp.stack import Stack


class Life:
    """A worker's parts on model edges."""

    def __init__(self, descriptor: int, sequences: Path) -> None:
        self.stack = Stack(descriptor)
        self.statics = Statics(cast(Any, self.stack.kernel), lambda level, text: None)
        for number, name in enumerate(INTERFACES):
            self.stack.kernel.views[name] = InterfaceView(None, 7 + number, MAC, OURS, 1500)
        self.stack.roster.leftovers = ()
        self.stack.roster.keep_sequences(str(sequences), self.stack.now)
        self.groups: set[str] = set()

    def reload(self, old: Configuration, new: Configuration) -> Plan:
        """Take a reload up, in the supervisor's order."""
        changes = plan(old, new)
        roster, now = self.stack.roster, self.stack.now
        for router in changes.drop:
            roster.drop(router.key, now)
        for was, router in changes.change:
            if was.bare != router.bare:
                self.put(router)
        for router in changes.add:
            self.put(router)
        for name in sorted(self.groups - {group.name for group in new.sync_groups}):
            roster.teams.drop(name, now)
        roster.delay(new.interfaces, now)
        roster.apply(Changes(frozenset(), self.statics.put(new.static)), now)
        keys = {router.name: router.key for router in new.virtual_routers}
        for group in new.sync_groups:
            there = [roster.routers[keys[member]] for member in group.members]
            roster.teams.put(group.name, there, now)
        self.groups = {group.name for group in new.sync_groups}
        for result in results(new):
            roster.trackers.hear(result)
        self.commit()
        return changes

    def meet(self, *configurations: Configuration) -> None:
        """Have the interfaces that are made for routers."""
        homes = {router.home for one in configurations for router in one.virtual_routers}
        for number, name in enumerate(sorted(homes - self.stack.kernel.views.keys())):
            self.stack.kernel.views[name] = InterfaceView(None, 70 + number, MAC, OURS, 1500)

    def put(self, router: VirtualRouter) -> None:
        """Have a router as it comes through the channel."""
        message = decode(encode(PutRouter(router.bare)))
        assert isinstance(message, PutRouter)
        self.stack.roster.put(message.router, self.stack.now)

    def commit(self) -> None:
        """Start what is new, and let everything be carried out."""
        self.stack.roster.commit(self.stack.now)
        self.stack.roster.attend(self.stack.now)
        self.stack.flush()

    def live(self, until: float) -> None:
        """Let time pass; adverts of nobody else are heard."""
        self.stack.run(until)
        self.stack.roster.attend(self.stack.now)
        self.stack.flush()

    def shape(self) -> dict[str, Any]:
        """Return what must be the same however the configuration came into force."""
        roster = self.stack.roster
        return {
            "routers": {key: shape_of(router) for key, router in roster.routers.items()},
            "ports": {wire: sorted(port.routers) for wire, port in roster.ports.by_wire.items()},
            "listening": {
                wire: sorted(cast(Any, port.receiver).vrids)
                for wire, port in roster.ports.by_wire.items()
                if port.receiver is not None
            },
            "groups": {
                name: {one.config.name for one in team.routers} for name, team in roster.teams.by_name.items()
            },
        }


def shape_of(router: Router) -> tuple[Any, ...]:
    """Return what one router goes by."""
    return (
        router.config,
        router.settings,
        router.standing,
        router.peers,
        router.checks_peers,
        dict(router.impediments),
        router.fault,
        router.batch.keys,
        router.frames,
        router.frames_away,
        router.devices,
        dict(router.adverts) if router.signatures is None else None,
    )


def results(configuration: Configuration) -> Iterator[TrackResult]:
    """Yield a good result of everything that is tracked by a name."""
    for tracker in {t for router in configuration.virtual_routers for t in router.track.trackers()}:
        yield TrackResult(tracker.kind, tracker.name, True, 1, "MASTER", "is well")


def messages(configuration: Configuration) -> Iterator[Message]:
    """Yield every message that is made of a configuration."""
    daemon = configuration.daemon
    yield Setup(daemon.rank)
    keys = {router.name: router.key for router in configuration.virtual_routers}
    for router in configuration.virtual_routers:
        yield PutRouter(router)
        yield PutRouter(router.bare)
    for group in configuration.sync_groups:
        yield PutGroup(group.name, tuple(keys[member] for member in group.members))
        yield DropGroup(group.name)
    yield PutStatic(configuration.static)
    yield Delay(configuration.interfaces)
    yield from (PutScript(script, None) for script in configuration.scripts)
    yield from (PutFile(file, fresh=True) for file in configuration.tracked_files)
    yield from (PutProcess(process) for process in configuration.tracked_processes)
    yield from results(configuration)


def crosses(all_of_them: Iterable[Message]) -> None:
    """Raise AssertionError unless every message comes out of the channel as it went in."""
    for message in all_of_them:
        assert decode(encode(message)) == message


def model_sender(interface: str, ifindex: int, family: Family, address: bytes) -> Any:
    """Stand in for a raw socket on an interface that is made for a router."""
    return ModelSender([], "advert", ModelKernel())


@patch.object(outlet, "AdvertSender", model_sender)
def examine(old: Configuration, new: Configuration, there: Life, afresh: Life) -> Plan:
    """Go from one file to another and back; ``afresh`` starts with the second one.  Returns the way there."""
    nothing = Configuration()
    old = keep_names(old)
    new = keep_names(new, old)
    for life in (there, afresh):
        life.meet(old, new)
    there.reload(nothing, old)
    there.live(20)
    before = {key: (router, router.state) for key, router in there.stack.roster.routers.items()}
    changes = there.reload(old, new)
    described = changes.describe()
    reveals_nothing(json.dumps(described), str(changes))
    kept_themselves(old, new, changes, before, there)
    afresh.stack.now = there.stack.now
    afresh.reload(nothing, new)
    assert there.shape() == afresh.shape()
    held_in_place(there)
    there.live(40)
    back = there.reload(new, old)
    reveals_nothing(json.dumps(back.describe()), str(back))
    assert {router.key for router in old.virtual_routers} == there.stack.roster.routers.keys()
    held_in_place(there)
    again = there.reload(old, old)
    assert again == Plan(keep=again.keep)
    there.stack.roster.stop(there.stack.now)
    there.stack.flush()
    there.statics.leave()
    assert not there.stack.kernel.held
    return changes


def kept_themselves(
    old: Configuration, new: Configuration, changes: Plan, before: dict[Any, Any], there: Life
) -> None:
    """Raise AssertionError if a router that stayed as it was noticed anything."""
    grouped = {name for one in (old, new) for group in one.sync_groups for name in group.members}
    alone = not new.interfaces and not old.interfaces
    for config in changes.keep:
        router, state = before[config.key]
        assert there.stack.roster.routers[config.key] is router
        trackers = config.track.trackers()
        if config.name not in grouped and not trackers and alone:
            assert router.state == state, (config.name, router.state, state)


def held_in_place(there: Life) -> None:
    """Raise AssertionError unless the kernel holds what masters and the static section say, and no more."""
    expected: set[Any] = set()
    for router in there.stack.roster.routers.values():
        if router.is_master:
            expected |= set(router.batch.keys)
    batch = there.statics._batch
    if batch is not None:
        expected |= set(batch.keys)
    held = there.stack.kernel.held
    assert held == {key for key in expected if key[0] != NO_INTERFACE}
