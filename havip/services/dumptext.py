"""The two texts that keepalived writes on a signal, said of our virtual routers and services.  Pure.

Programs read them by the indentation and the words of single lines: a section begins without a blank or
with one, what is in it has three or more.  No secret is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from havip.clock import to_seconds
from havip.config.model import Configuration, VirtualRouter
from havip.config.tracking import Script, TrackedFile, TrackedProcess
from havip.services.dumped import (
    Counts,
    Json,
    counted,
    held_by,
    quoted,
    since,
    whole_seconds,
)
from havip.services.dumplvs import balancing_lines

#: the counters of one virtual router in the order of the text, each with its section
STATS: Final = (
    ("Advertisements", "Received", "advert_rcvd"),
    ("Advertisements", "Sent", "advert_sent"),
    ("", "Became master", "become_master"),
    ("", "Released master", "release_master"),
    ("Packet Errors", "Length", "packet_len_err"),
    ("Packet Errors", "TTL", "ip_ttl_err"),
    ("Packet Errors", "Invalid Type", "invalid_type_rcvd"),
    ("Packet Errors", "Advertisement Interval", "advert_interval_err"),
    ("Packet Errors", "Address List", "addr_list_err"),
    ("Authentication Errors", "Invalid Type", "invalid_authtype"),
    ("Authentication Errors", "Type Mismatch", "authtype_mismatch"),
    ("Authentication Errors", "Failure", "auth_failure"),
    ("Priority Zero", "Received", "pri_zero_rcvd"),
    ("Priority Zero", "Sent", "pri_zero_sent"),
    ("Authentication Extension", "Missing", "auth_ext_missing"),
    ("Authentication Extension", "Malformed", "auth_ext_malformed"),
    ("Authentication Extension", "Unknown Key", "auth_ext_unknown_key"),
    ("Authentication Extension", "Invalid HMAC", "auth_ext_invalid_hmac"),
    ("Authentication Extension", "Stale", "auth_ext_stale"),
    ("Authentication Extension", "Replay", "auth_ext_replay"),
)

Calendar = Callable[[float], str]  # seconds since 1970 in words


def stats(configuration: Configuration, status: Json, cleared: Mapping[str, Counts]) -> str:
    """Return the counters; ``cleared`` are those of each virtual router when they were last cleared."""
    signed = {router.name for router in configuration.virtual_routers if router.hmac is not None}
    lines = []
    for shown in status["virtual_routers"]:
        counts, section = since(counted(shown), cleared.get(shown["name"])), ""
        lines.append(f"VRRP Instance: {shown['name']}")
        for where, name, key in STATS:
            if key.startswith("auth_ext") and shown["name"] not in signed:
                continue
            if where and where != section:
                lines.append(f"  {where}:")
            section = where
            lines.append(f"{'    ' if where else '  '}{name}: {counts[key]}")
    return text_of(lines)


def state(configuration: Configuration, status: Json, host: str, calendar: Calendar) -> str:
    """Return what there is and how it is; ``host`` is the machine's name."""
    configured = {router.name: router for router in configuration.virtual_routers}
    found = {(tracker["kind"], tracker["name"]): tracker for tracker in status["trackers"]}
    lines = [
        "------< Global definitions >------",
        f" Network namespace = {configuration.daemon.network_namespace or '(default)'}",
        f" Instance = {configuration.daemon.instance or '(none)'}",
        f" Router ID = {configuration.notify.router_id or host}",
        "------< VRRP Topology >------",
    ]
    for shown in status["virtual_routers"]:
        if (router := configured.get(shown["name"])) is not None:
            lines += router_lines(configuration, router, shown, calendar)
    sections = (
        ("VRRP Sync groups", [line for group in status["sync_groups"] for line in group_lines(group)]),
        (
            "VRRP Scripts",
            [
                line
                for one in configuration.scripts
                for line in script_lines(one, found.get(("script", one.name)))
            ],
        ),
        (
            "VRRP Track files",
            [
                line
                for one in configuration.tracked_files
                for line in file_lines(one, found.get(("file", one.name)))
            ],
        ),
        (
            "VRRP Track processes",
            [
                line
                for one in configuration.tracked_processes
                for line in process_lines(one, found.get(("process", one.name)))
            ],
        ),
    )
    for title, below in sections:
        lines += [f"------< {title} >------", *below] if below else []
    lines += balancing_lines(configuration, status.get("services") or {})
    return text_of(lines)


def router_lines(
    configuration: Configuration, router: VirtualRouter, shown: Json, calendar: Calendar
) -> Iterator[str]:
    """Yield what there is to say of one virtual router."""
    said = router.announce
    yield f" VRRP Instance = {router.name}"
    yield f"   VRRP Version = {router.version}"
    for group in configuration.sync_groups:
        if router.name in group.members:
            yield f"   Sync group = {group.name}"
    yield f"   State = {shown['state']}"
    yield f"   Wantstate = {shown['state']}"
    yield f"   Last transition = {shown['since']:.6f} ({calendar(shown['since'])})"
    yield f"   Master down timer = {round(shown['master_down'] * 1_000_000)} usecs"
    if router.home == router.interface:
        yield f"   Interface = {router.home}"
    else:
        yield f"   Use VMAC, i/f name {router.home}"
        yield f"   Interface = {router.home}, vmac on {router.interface}"
    yield f"   Using src_ip = {shown['primary_address'] or '(none)'}"
    yield f"   Gratuitous ARP delay = {whole_seconds(said.delay)}"
    yield f"   Gratuitous ARP repeat = {said.repeat}"
    yield f"   Gratuitous ARP refresh = {whole_seconds(said.refresh)}"
    yield f"   Gratuitous ARP refresh repeat = {said.refresh_repeat}"
    yield f"   Gratuitous ARP lower priority delay = {whole_seconds(said.lower_priority_delay)}"
    yield f"   Gratuitous ARP lower priority repeat = {said.lower_priority_repeat}"
    yield f"   Down timer adverts = {router.down_adverts}"
    yield f"   Send advert after receive lower priority advert = {flag(router.answer_lower_priority)}"
    yield "   Send advert after receive higher priority advert = true"
    yield f"   Virtual Router ID = {router.vrid}"
    yield f"   Priority = {router.priority}"
    yield f"   Effective priority = {shown['effective_priority']}"
    yield f"   Advert interval = {round(shown['interval'] * 1000)} milli-sec"
    yield f"   Accept = {switch(router.accept)}"
    yield f"   Preempt = {switch(router.preempt)}"
    if router.preempt_delay:
        yield f"   Preempt delay = {to_seconds(router.preempt_delay):g} secs"
    if router.authentication is not None:
        yield "   Authentication type = SIMPLE_PASSWORD"
    yield from holding_lines(router, is_set=shown["state"] == "MASTER")
    yield from tracking_lines(router, shown)
    yield from program_lines(router)


def holding_lines(router: VirtualRouter, *, is_set: bool) -> Iterator[str]:
    """Yield what its master holds, and to whom it speaks."""
    held = held_by(router, is_set=is_set)
    peers = () if router.unicast is None else router.unicast.peers
    yield from listed(f"Virtual IP ({len(router.addresses)}):", held["vips"])
    yield from listed("Virtual IP Excluded :", held.get("evips", ()))
    yield from listed("Virtual Routes :", held.get("vroutes", ()))
    yield from listed("Virtual Rules :", held.get("vrules", ()))
    yield from listed("Unicast Peer :", (str(peer.address or peer.name) for peer in peers))


def tracking_lines(router: VirtualRouter, shown: Json) -> Iterator[str]:
    """Yield what it tracks."""
    for title, kind in (
        ("Tracked interfaces :", "interface"),
        ("Tracked scripts :", "script"),
        ("Tracked files :", "file"),
        ("Tracked processes :", "process"),
    ):
        terms = [term for term in shown["tracking"] if term["kind"] == kind]
        yield from listed(title, (f"{term['name']} weight {term['weight']}" for term in terms))


def program_lines(router: VirtualRouter) -> Iterator[str]:
    """Yield its notification programs."""
    told = router.notify
    for name, words in (
        ("Backup", told.backup),
        ("Master", told.master),
        ("Fault", told.fault),
        ("Stop", told.stop),
        ("Generic", told.any),
    ):
        if words:
            yield f"   {name} state transition script = {quoted(words)}"
    yield f"   Notify priority changes = {flag(told.priority_changes)}"


def group_lines(shown: Json) -> Iterator[str]:
    """Yield what there is to say of a sync group."""
    yield f" VRRP Sync Group = {shown['name']}, {shown['state']}"
    yield from listed("VRRP member instances :", shown["members"])


def script_lines(script: Script, found: Json | None) -> Iterator[str]:
    """Yield what there is to say of a script; as long as it has no result its status is INIT."""
    good = None if found is None else found["good"]
    yield f" VRRP Script = {script.name}"
    yield f"   Command = {quoted(script.command)}"
    yield f"   Interval = {to_seconds(script.interval):g} sec"
    yield f"   Timeout = {to_seconds(script.patience):g} sec"
    yield f"   Weight = {script.weight}{' reverse' if script.reverse else ''}"
    yield f"   Rise = {script.rise}"
    yield f"   Fall = {script.fall}"
    yield f"   Status = {'INIT' if good is None else 'GOOD' if good else 'BAD'}"
    yield "   State = idle"


def file_lines(file: TrackedFile, found: Json | None) -> Iterator[str]:
    """Yield what there is to say of a tracked file."""
    yield f" Track file = {file.name}"
    yield f"   File = {file.path}"
    yield f"   Status = {0 if found is None or found['value'] is None else found['value']}"
    yield f"   Weight = {file.weight}{' reverse' if file.reverse else ''}"


def process_lines(process: TrackedProcess, found: Json | None) -> Iterator[str]:
    """Yield what there is to say of tracked processes."""
    yield f" VRRP Track process = {process.name}"
    yield f"   Process = {process.process}"
    if process.arguments:
        yield f"   Parameters = {' '.join(process.arguments)}"
    yield f"   Min processes = {process.quorum}"
    yield f"   Have quorum = {flag(found is not None and bool(found['good']))}"
    yield f"   Weight = {process.weight}{' reverse' if process.reverse else ''}"


def listed(title: str, items: Iterable[str]) -> Iterator[str]:
    """Yield a list, unless it is empty."""
    below = [f"     {item}" for item in items]
    yield from [f"   {title}", *below] if below else []


def text_of(lines: Iterable[str]) -> str:
    """Return the text of lines."""
    return "".join(f"{line}\n" for line in lines)


def flag(value: bool) -> str:
    """Return true or false."""
    return "true" if value else "false"


def switch(value: bool) -> str:
    """Return enabled or disabled."""
    return "enabled" if value else "disabled"
