"""The metrics of virtual routers, sync groups, trackers and notifications.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from havip.metrics.family import Family, Json, Source, Values, counter, gauge, info

STATES: Final = ("INIT", "BACKUP", "MASTER", "FAULT")
REFUSED: Final = "refused-"
ROUTER: Final = ("router",)

#: counters of a virtual router, each of which is a metric of its own; refusals are one metric, by reason
COUNTERS: Final = {
    "adverts-sent": "Adverts sent.",
    "adverts-received": "Adverts received and believed.",
    "resignations-sent": "Adverts with priority 0 sent: it resigned.",
    "resignations-received": "Adverts with priority 0 received: another master resigned.",
    "became-master": "Times that it became MASTER.",
    "released-master": "Times that it ceased to be MASTER.",
    "announcements-sent": "Gratuitous ARPs and unsolicited neighbour advertisements sent.",
    "addresses-put-back": "Addresses that something else removed and that were put back.",
    "send-errors": "Adverts that could not be sent.",
    "unsigned-believed": "Adverts without a signature that were believed because the file says so.",
    "equal-priorities": "Adverts received whose priority is our own.",
}
#: how a notification that was told, or could not be, is counted in the status
TOLD: Final = (("told", ("done", "written")), ("failed", ("failed",)), ("dropped", ("dropped",)))


def of_routers(*keys: str) -> Values:
    """Return the values of these keys for each virtual router, its name before them."""
    return lambda source: (
        (router["name"], *(router[key] for key in keys)) for router in source.status["virtual_routers"]
    )


def counted(name: str) -> Values:
    """Return one counter of each virtual router."""
    return lambda source: (
        (router["name"], router["counters"].get(name)) for router in source.status["virtual_routers"]
    )


def refusals(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield the packets that were not believed, by router and reason."""
    for router in source.status["virtual_routers"]:
        for name, count in router["counters"].items():
            if name.startswith(REFUSED):
                yield router["name"], name.removeprefix(REFUSED), count


def states(section: str) -> Values:
    """Return for each of a section and each state whether it is in it."""
    return lambda source: (
        (one["name"], state, one["state"] == state)
        for one in source.status.get(section, ())
        for state in STATES
    )


def transitions(kind: str) -> Values:
    """Return how often each of a kind came into each state."""
    return lambda source: (
        (name, state, count) for (of, name, state), count in source.transitions.items() if of == kind
    )


def terms(key: str) -> Values:
    """Return one key of every term of every effective priority."""
    return lambda source: (
        (router["name"], term["kind"], term["name"], term[key])
        for router in source.status["virtual_routers"]
        for term in router["tracking"]
    )


def trackers(key: str) -> Values:
    """Return one key of everything that is tracked by name."""
    return lambda source: (
        (tracker["kind"], tracker["name"], tracker[key]) for tracker in source.status["trackers"]
    )


def channels(source: Source) -> Iterator[tuple[str, Json]]:
    """Yield the channels of notifications with their tallies."""
    section = source.status["notifications"]
    for name in ("scripts", "mail"):
        if section.get(name) is not None:
            yield name, section[name]
    yield from ((fifo["path"], fifo) for fifo in section.get("fifos", ()))
    yield from ((hook["url"], hook) for hook in section.get("webhooks", ()))


def told(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield what became of notifications."""
    for name, tally in channels(source):
        for result, keys in TOLD:
            yield name, result, sum(tally.get(key) or 0 for key in keys)


def queued(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield how many notifications wait."""
    yield from ((name, tally["queued"]) for name, tally in channels(source) if "queued" in tally)


FAMILIES: Final[tuple[Family, ...]] = (
    info(
        "havip_router",
        "What identifies a virtual router on its LAN.",
        ("router", "interface", "vrid", "family", "segment", "version"),
        of_routers("interface", "vrid", "family", "segment", "version"),
    ),
    gauge(
        "havip_router_state",
        "1 for the state that a virtual router is in, 0 for the others: INIT, BACKUP, MASTER, FAULT.",
        ("router", "state"),
        states("virtual_routers"),
    ),
    gauge(
        "havip_router_state_since_timestamp_seconds",
        "When it came into that state, in seconds since 1970.",
        ROUTER,
        of_routers("since"),
    ),
    counter(
        "havip_router_transitions",
        "Times that a virtual router came into a state, since the daemon started.",
        ("router", "state"),
        transitions("router"),
    ),
    gauge("havip_router_priority", "Its configured priority.", ROUTER, of_routers("priority")),
    gauge(
        "havip_router_effective_priority",
        "The priority with which it elects and advertises.",
        ROUTER,
        of_routers("effective_priority"),
    ),
    gauge(
        "havip_router_advertisement_interval_seconds",
        "Its Advertisement_Interval.",
        ROUTER,
        of_routers("interval"),
    ),
    gauge(
        "havip_router_master_down_interval_seconds",
        "Its Master_Down_Interval now in force.",
        ROUTER,
        of_routers("master_down"),
    ),
    gauge(
        "havip_router_in_maintenance",
        "1 while an operator keeps it out of the election, else 0.",
        ROUTER,
        lambda source: (
            (router["name"], router.get("maintenance") is not None)
            for router in source.status["virtual_routers"]
        ),
    ),
    *(
        counter(f"havip_router_{name.replace('-', '_')}", meaning, ROUTER, counted(name))
        for name, meaning in COUNTERS.items()
    ),
    counter(
        "havip_router_packets_refused",
        "VRRP packets for a virtual router that were not believed, by reason.",
        ("router", "reason"),
        refusals,
    ),
    gauge(
        "havip_router_tracker_priority",
        "What a tracker adds to the priority of a virtual router now; negative: it takes away.",
        ("router", "kind", "tracker"),
        terms("adds"),
    ),
    gauge(
        "havip_router_tracker_fault",
        "1 while a tracker keeps a virtual router in FAULT, else 0.",
        ("router", "kind", "tracker"),
        terms("fault"),
    ),
    gauge(
        "havip_sync_group_state",
        "1 for the state that a sync group is in, 0 for the others: INIT, BACKUP, MASTER, FAULT.",
        ("group", "state"),
        states("sync_groups"),
    ),
    gauge(
        "havip_sync_group_state_since_timestamp_seconds",
        "When it came into that state, in seconds since 1970.",
        ("group",),
        lambda source: ((group["name"], group["since"]) for group in source.status["sync_groups"]),
    ),
    counter(
        "havip_sync_group_transitions",
        "Times that a sync group came into a state, since the daemon started.",
        ("group", "state"),
        transitions("group"),
    ),
    gauge(
        "havip_tracker_good",
        "1: a tracked script, file or process is good, 0: it is not; absent before its first result.",
        ("kind", "tracker"),
        trackers("good"),
    ),
    gauge(
        "havip_tracker_value",
        "The number in a tracked file.",
        ("kind", "tracker"),
        trackers("value"),
    ),
    counter(
        "havip_notifications",
        "Notifications by what became of them: told, failed, dropped.",
        ("channel", "result"),
        told,
    ),
    gauge("havip_notifications_queued", "Notifications that wait.", ("channel",), queued),
)
