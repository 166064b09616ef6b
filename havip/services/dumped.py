"""What keepalived's JSON dump says of virtual routers, said of ours: names, types and numbers are its.  Pure.

Readers of it decode into fixed types, so a whole number stays one here.  No secret is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from havip.clock import Duration, to_seconds
from havip.config.model import Configuration, VirtualAddress, VirtualRouter
from havip.config.tracking import Match, TrackedProcess

Json: TypeAlias = dict[str, Any]
Counts: TypeAlias = Mapping[str, int]

#: keepalived also has 97, deleted, and 98, stopped: what is either is not in a dump of ours
STATES: Final = {"INIT": 0, "BACKUP": 1, "MASTER": 2, "FAULT": 3}
NO_AUTHENTICATION, PASSWORD = 0, 1

#: keepalived's counters, and those of ours that each is the sum of
COUNTERS: Final[dict[str, tuple[str, ...]]] = {
    "advert_rcvd": ("adverts-received",),
    "advert_sent": ("adverts-sent",),
    "become_master": ("became-master",),
    "release_master": ("released-master",),
    "packet_len_err": ("refused-length",),
    "advert_interval_err": ("refused-interval",),
    "ip_ttl_err": ("refused-ttl", "refused-peer-ttl"),
    "invalid_type_rcvd": ("refused-type",),
    "addr_list_err": ("refused-no-addresses",),
    "invalid_authtype": (),  # there is one type, so any other is a mismatch
    "authtype_mismatch": ("refused-auth-type",),
    "auth_failure": ("refused-password",),
    "pri_zero_rcvd": ("resignations-received",),
    "pri_zero_sent": ("resignations-sent",),
    # Of signed adverts, which keepalived has since 2.4.
    "auth_ext_missing": ("refused-hmac-missing",),
    "auth_ext_malformed": ("refused-hmac-malformed",),
    "auth_ext_unknown_key": ("refused-hmac-unknown-key",),
    "auth_ext_invalid_hmac": ("refused-hmac-invalid",),
    "auth_ext_stale": ("refused-hmac-stale",),
    "auth_ext_replay": ("refused-hmac-replay",),
}


def counted(shown: Json) -> dict[str, int]:
    """Return keepalived's counters of one virtual router that `status` shows."""
    ours = shown["counters"]
    return {name: sum(ours.get(one, 0) for one in parts) for name, parts in COUNTERS.items()}


def since(counts: Counts, cleared: Counts | None) -> dict[str, int]:
    """Return what was counted since ``cleared``; all of it if the count has begun again meanwhile."""
    if cleared is None or any(counts[name] < before for name, before in cleared.items()):
        return dict(counts)
    return {name: count - cleared[name] for name, count in counts.items()}


def as_json(configuration: Configuration, status: Json, cleared: Mapping[str, Counts]) -> str:
    """Return the dump; ``cleared`` are the counters of each virtual router when they were last cleared."""
    configured = {router.name: router for router in configuration.virtual_routers}
    routers = [
        {
            "data": data_of(configuration, configured[shown["name"]], shown),
            "stats": since(counted(shown), cleared.get(shown["name"])),
        }
        for shown in status["virtual_routers"]
        if shown["name"] in configured
    ]
    if configuration.daemon.dumps.json_version == 1:
        return json.dumps(routers, separators=(",", ":"))
    found = {tracker["name"]: tracker for tracker in status["trackers"] if tracker["kind"] == "process"}
    processes = [process_of(one, found.get(one.name)) for one in configuration.tracked_processes]
    whole = {"vrrp": routers} | ({"track_process": processes} if processes else {})
    if configuration.virtual_services:  # as `havip services --json` has them: keepalived has nothing of them
        whole["services"] = (status.get("services") or {}).get("shown", [])
    return json.dumps(whole, separators=(",", ":"))


def data_of(configuration: Configuration, router: VirtualRouter, shown: Json) -> Json:
    """Return what one virtual router is and how it is configured."""
    said, state = router.announce, STATES[shown["state"]]
    return {
        "iname": router.name,
        "dont_track_primary": int(not router.track.own_interface),
        "skip_check_adv_addr": 1,  # another list of addresses is logged and never refused
        "strict_mode": int(router.strict),
        "vmac_ifname": "" if router.home == router.interface else router.home,
        "ifp_ifname": router.home,
        "master_priority": shown["effective_priority"] if state == STATES["MASTER"] else 0,
        "last_transition": round(shown["since"], 6),
        "garp_delay": whole_seconds(said.delay),
        "garp_refresh": whole_seconds(said.refresh),
        "garp_rep": said.repeat,
        "garp_refresh_rep": said.refresh_repeat,
        "garp_lower_prio_delay": whole_seconds(said.lower_priority_delay),
        "garp_lower_prio_rep": said.lower_priority_repeat,
        "lower_prio_no_advert": int(not router.answer_lower_priority),
        "higher_prio_send_advert": 1,
        "vrid": router.vrid,
        "base_priority": router.priority,
        "effective_priority": shown["effective_priority"],
        "vipset": state == STATES["MASTER"],
        "promote_secondaries": False,
        "adver_int": number(shown["interval"]),
        "master_adver_int": number(shown["master_interval"]),
        "accept": int(router.accept),
        "nopreempt": not router.preempt,
        "preempt_delay": whole_seconds(router.preempt_delay),
        "state": state,
        "wantstate": state,
        "version": router.version,
        "smtp_alert": configuration.notify.mail is not None and router.notify.mail,
        "notify_deleted": bool(router.notify.deleted),
        **programs_of(router),
        **held_by(router, is_set=state == STATES["MASTER"]),
        **tracked_by(configuration, router),
        "auth_type": NO_AUTHENTICATION if router.authentication is None else PASSWORD,
    }


def programs_of(router: VirtualRouter) -> Json:
    """Return the notification programs that there are."""
    told = router.notify
    programs = {
        "script_backup": told.backup,
        "script_master": told.master,
        "script_fault": told.fault,
        "script_stop": told.stop,
        "script_deleted": told.deleted,
        "script": told.any,
        "script_master_rx_lower_pri": told.master_rx_lower_priority,
    }
    return {name: quoted(words) for name, words in programs.items() if words}


def held_by(router: VirtualRouter, *, is_set: bool) -> Json:
    """Return what its master holds, where there is something."""
    lists = {
        "vips": [address_in_words(router, one, is_set=is_set) for one in router.addresses],
        "evips": [address_in_words(router, one, is_set=is_set) for one in router.excluded_addresses],
        "vroutes": [str(route).removeprefix("route ") for route in router.routes],
        "vrules": [str(rule).removeprefix("rule ") for rule in router.rules],
    }
    return {name: items for name, items in lists.items() if items}


def tracked_by(configuration: Configuration, router: VirtualRouter) -> Json:
    """Return what it tracks, where that is something: scripts by their commands, as keepalived does."""
    commands = {script.name: quoted(script.command) for script in configuration.scripts}
    processes = {one.name: one.process for one in configuration.tracked_processes}
    lists = {
        "track_ifp": [one.interface for one in router.track.interfaces],
        "track_script": [commands[one.script] for one in router.track.scripts],
        "track_process": [processes[one.process] for one in router.track.processes],
    }
    return {name: items for name, items in lists.items() if items}


def process_of(tracked: TrackedProcess, found: Json | None) -> Json:
    """Return what is known of tracked processes; while there are enough, how many there are is not."""
    good = found is not None and bool(found["good"])
    few = 0 if found is None or found["value"] is None else found["value"]
    parameters = {} if not tracked.arguments else {"parameters": " ".join(tracked.arguments)}
    most = {} if tracked.quorum_max is None else {"max_processes": tracked.quorum_max}
    return {
        "process": tracked.process,
        **parameters,
        "param_match": param_match(tracked),
        "min_processes": tracked.quorum,
        **most,
        "current_processes": tracked.quorum if good else few,
        "have_quorum": good,
        "weight": -tracked.weight if tracked.reverse else tracked.weight,
        "terminate_delay": number(to_seconds(tracked.terminate_delay)),
        "fork_delay": number(to_seconds(tracked.fork_delay)),
        "fork_delay_timer_running": False,
        "terminate_delay_timer_running": False,
        "full_command": tracked.full_command,
    }


def param_match(tracked: TrackedProcess) -> str:
    """Return how arguments are compared: keepalived's "exact" without any is our ``none``."""
    if tracked.match is Match.NONE:
        return "exact"
    return "none" if tracked.arguments is None else str(tracked.match)


def address_in_words(router: VirtualRouter, virtual: VirtualAddress, *, is_set: bool) -> str:
    """Return an address: what stands first, second and third is what readers take apart."""
    home = virtual.device or router.home
    device = home if home in (virtual.device, router.interface) else f"{home}@{router.interface}"
    words = [f"{virtual.address}/{virtual.prefix_length}", "dev", device, "scope", "global"]
    if virtual.scope is not None:
        words[-1] = {253: "link", 254: "host", 200: "site"}.get(virtual.scope, str(virtual.scope))
    if virtual.label:
        words += ["label", virtual.label]
    return " ".join([*words, "set"] if is_set else words)


def quoted(words: Iterable[str]) -> str:
    """Return a command with each of its words between quotation marks."""
    return " ".join(f"'{word}'" for word in words)


def number(value: float) -> int | float:
    """Return a number that is whole as one: ``1``, not ``1.0``."""
    return int(value) if value == int(value) else value


def whole_seconds(length: Duration) -> int:
    """Return a length in seconds, a part of one for a whole: some readers know whole ones only."""
    return -int(-to_seconds(length) // 1)
