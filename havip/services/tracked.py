"""What the checker is to look at, and what of it routers wait for.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from havip.config import probes
from havip.config.health import Check
from havip.config.model import Configuration, Daemon
from havip.config.tracking import Definition, Script, TrackerKey, TrackerKind


def tracked_by_routers(configuration: Configuration) -> frozenset[TrackerKey]:
    """Return what some virtual router tracks."""
    return frozenset(
        tracker.key for router in configuration.virtual_routers for tracker in router.track.trackers()
    )


def checks_of(wanted: Mapping[TrackerKey, Definition]) -> dict[str, Check]:
    """Return the health checks among what the checker is to look at, by name."""
    return {check.name: check for check in wanted.values() if isinstance(check, Check)}


def in_use(configuration: Configuration) -> dict[TrackerKey, Definition]:
    """Return what the checker is to look at: all that some virtual router tracks, and every health check.

    Scripts have the user and the group that they get.
    """
    tracked = tracked_by_routers(configuration)
    daemon = configuration.daemon
    found: dict[TrackerKey, Definition] = {}
    for key, definition in configuration.tracked.definitions():
        if key in tracked or isinstance(definition, Check):
            if isinstance(definition, Script):
                definition = owned(definition, daemon)
            elif isinstance(definition, Check) and definition.script is not None:
                definition = replace(definition, script=owned(definition.script, daemon))
            found[key] = definition
    first = urgent(configuration, tracked)
    return dict(sorted(found.items(), key=lambda item: item[0] not in first))


Program = TypeVar("Program", Script, probes.Script)


def owned(program: Program, daemon: Daemon) -> Program:
    """Return a program with the user and the group that it gets."""
    if program.user:
        return program
    return replace(program, user=daemon.script_user, group=program.group or daemon.script_group)


def urgent(configuration: Configuration, tracked: frozenset[TrackerKey]) -> set[TrackerKey]:
    """Return what routers wait for when they start: what they track, and the checks that those go by."""
    checks = {check.name: check for check in configuration.checks}
    found, waiting = set(tracked), [name for kind, name in tracked if kind is TrackerKind.CHECK]
    while waiting:
        check = checks.get(waiting.pop())
        for name in () if check is None else check.needs:
            if (TrackerKind.CHECK, name) not in found:
                found.add((TrackerKind.CHECK, name))
                waiting.append(name)
    return found


def same(old: Definition | None, new: Definition) -> bool:
    """Say whether the checker need not be told: weights are not its business."""
    return old is not None and replace(old, weight=0, reverse=False) == replace(new, weight=0, reverse=False)
