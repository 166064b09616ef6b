"""The keys of ``sync_groups``: virtual routers that move together.  Pure."""

from __future__ import annotations

from havip.config.fields import Field, Group, ListOf, Named
from havip.config.keys.names import NAME
from havip.config.keys.notify import NOTIFY
from havip.config.keys.tracking import TRACK
from havip.config.syncgroups import MOST_MEMBERS, SyncGroup

#: a group has no interface of its own
GROUP_TRACK = Group(TRACK.make, tuple(field for field in TRACK.fields if field.name != "own_interface"))

SYNC_GROUP = Group(
    SyncGroup,
    (
        Field(
            "members",
            ListOf(NAME, MOST_MEMBERS),
            "the names of the virtual routers that are MASTER together, or not at all",
            ["inside", "outside"],
            elsewhere=("group", "routers", "virtual_routers"),
        ),
        Field(
            "track",
            GROUP_TRACK,
            "what every member tracks",
            {"scripts": ["web"]},
            elsewhere=("track_interface", "track_script", "track_file", "track_process"),
        ),
        Field(
            "notify",
            NOTIFY,
            "what is run when the group's state changes, and what else tells of it",
            {"any": "/etc/havip/notify.sh"},
            elsewhere=("notify_master", "notify_backup", "notify_fault", "notify_stop", "smtp_alert"),
        ),
    ),
)

SYNC_GROUPS = Field(
    "sync_groups",
    Named(SYNC_GROUP, NAME, "sync group"),
    "virtual routers that are MASTER together, or not at all, by the name of the group",
    {"firewall": {"members": ["inside", "outside"]}},
    elsewhere=("vrrp_sync_group", "vrrp_sync_groups", "groups"),
)
