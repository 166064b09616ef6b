"""Sync groups as configured: virtual routers that are MASTER together, or not at all.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from havip.config.notify import Notify
from havip.config.tracking import Tracking, both, merged

MOST_MEMBERS = 1000


@dataclass(frozen=True, slots=True)
class SyncGroup:
    """A group and the names of its members."""

    name: str
    members: tuple[str, ...]
    track: Tracking = field(default_factory=Tracking)  # for every member
    notify: Notify = field(default_factory=Notify)  # of the group itself


def shared(groups: Iterable[SyncGroup], tracks: Mapping[str, Tracking]) -> dict[str, Tracking]:
    """Return what each virtual router tracks, by name, given what each is configured to track.

    Members track what their group does.  What has a weight counts for all of them, whoever tracks it: a group
    moves as a whole, so another priority of one member alone would move nothing.
    """
    result = dict(tracks)
    for group in groups:
        own = {name: tracks[name] for name in group.members if name in tracks}
        for name, track in own.items():
            for sibling in own.values():
                track = beside(track, weighted(sibling, group.members))
            result[name] = merged(track, group.track)
    return result


def weighted(track: Tracking, members: tuple[str, ...]) -> Tracking:
    """Return the part of it that has a weight, and does not look at the group's own members."""
    return replace(
        track,
        interfaces=tuple(one for one in track.interfaces if one.tracker().weight),
        scripts=tuple(one for one in track.scripts if one.tracker().weight),
        files=tuple(one for one in track.files if one.tracker().weight),
        processes=tuple(one for one in track.processes if one.tracker().weight),
        checks=tuple(one for one in track.checks if one.tracker().weight),
        routers=tuple(one for one in track.routers if one.weight and one.router not in members),
    )


def beside(track: Tracking, siblings: Tracking) -> Tracking:
    """Return what a member tracks with what a sibling does; of what both track, its own weight counts."""
    return replace(
        track,
        interfaces=both(siblings.interfaces, track.interfaces),
        scripts=both(siblings.scripts, track.scripts),
        files=both(siblings.files, track.files),
        processes=both(siblings.processes, track.processes),
        checks=both(siblings.checks, track.checks),
        routers=both(siblings.routers, track.routers),
    )
