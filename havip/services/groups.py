"""Tells the VRRP worker which virtual routers move together, and shows what it says of sync groups."""

from __future__ import annotations

from collections.abc import Iterable

from havip.config.model import Configuration
from havip.messages import DropGroup, GroupReport, Message, PutGroup
from havip.services import Host, Json, Service


class Groups(Service):
    """Knows every sync group as the worker last reported it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._told: set[str] = set()  # what some life of the worker may have
        self._reports: dict[str, GroupReport] = {}

    def briefing(self, new: Configuration) -> Iterable[Message]:
        """Have every group, and none that is gone; a group that stays as it was is not touched by it."""
        keys = {router.name: router.key for router in new.virtual_routers}
        wanted = {group.name for group in new.sync_groups}
        for name in sorted(self._told - wanted):
            self._reports.pop(name, None)
            yield DropGroup(name)
        self._told = wanted
        for group in new.sync_groups:
            yield PutGroup(group.name, tuple(keys[member] for member in group.members))

    def hear(self, message: Message) -> None:
        """Take a report."""
        if isinstance(message, GroupReport) and message.name in self._told:
            self._reports[message.name] = message

    def status(self) -> Json:
        """Return the groups in the order of the file."""
        names = [group.name for group in self._host.configuration.sync_groups]
        gone = self._host.between_lives
        return {
            "sync_groups": [as_dict(self._reports[name], gone) for name in names if name in self._reports]
        }


def as_dict(report: GroupReport, gone: bool) -> Json:
    """Return a report as the control socket shows it; ``gone``: the worker that made it is dead."""
    return {
        "name": report.name,
        "state": "INIT" if gone else report.state,
        "since": report.since,
        "why": "the VRRP worker has ended" if gone else report.why,
        "members": list(report.members),
        "waits_for": [] if gone else list(report.waits_for),
    }
