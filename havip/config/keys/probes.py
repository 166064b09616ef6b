"""The keys that say what a health check does, one a kind of probe.  Pure."""

from __future__ import annotations

from havip.config.fields import Field, Group
from havip.config.probes import Tcp

CONVERSATIONS = (
    Field(
        "tcp",
        Group(Tcp, ()),
        "a connection over TCP: good if it comes about",
        {},
        elsewhere=("TCP_CHECK", "tcp_check"),
    ),
)
